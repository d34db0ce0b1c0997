"""What the user has set for git, and how a repository was made, do not decide whether it is fetched."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from reprise.errors import SourceError
from reprise.runner.sources import provenance, working_copy
from reprise.runner.vcs import git
from reprise.schemas.job import Checkout
from tests.fakes import git_http, repositories
from tests.fakes.repositories import Demo, make
from tests.fakes.repositories import git as by_hand

pytestmark = pytest.mark.slow

SETTINGS = """\
[safe]
    bareRepository = explicit
[init]
    defaultObjectFormat = sha256
    defaultRefFormat = reftable
    templateDir = /nowhere
[diff]
    orderFile = /nowhere/order
[submodule]
    recurse = true
[transfer]
    fsckObjects = true
[color]
    ui = always
"""
VARIABLES = {
    "GIT_DEFAULT_HASH": "sha256",
    "GIT_DEFAULT_REF_FORMAT": "reftable",
    "GIT_TRACE": "1",
    "GIT_TRACE_CURL": "true",
    "GIT_TRACE2": "2",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_EXTERNAL_DIFF": "false",
}
root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return repositories.demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def demo_of_sha256(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_DEFAULT_HASH", "sha256")
        return repositories.demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def set_for_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own settings of git: a file that the test may write."""
    file = tmp_path / "gitconfig"
    file.touch()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(file))
    return file


def fetch(uri: str, version: str | None = None) -> Checkout:
    return working_copy.fetch_project(uri, version, Path.cwd())


def assert_all_versions_are_fetched(demo: Demo, *uris: str) -> None:
    wanted = {
        demo.feature[:8]: demo.feature,
        None: demo.second,
        "main": demo.second,
        "v1a": demo.first,
        demo.first: demo.first,
    }
    for uri in uris:
        for version, commit_id in wanted.items():
            checkout = fetch(uri, version)
            assert checkout.repository is not None
            assert checkout.repository.commit == commit_id, (uri, version)
            assert by_hand(checkout.path, "status", "--porcelain") == ""
            assert (checkout.path / "part/part.txt").exists() is (commit_id == demo.second)


def test_settings_of_the_user_do_not_decide(
    house: Path, demo: Demo, set_for_git: Path, caplog: pytest.LogCaptureFixture
) -> None:
    set_for_git.write_text(SETTINGS)
    with git_http.serve(demo.served) as server:
        bare = (demo.served / "team" / "demo.git").as_uri()
        assert_all_versions_are_fetched(demo, f"{server.url}/team/demo.git", bare)
    checkout = fetch(str(demo.origin), "v1")
    assert checkout.repository is not None and checkout.repository.commit == demo.first
    assert caplog.text == ""


def test_variables_of_the_user_do_not_decide(
    house: Path, demo: Demo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    with git_http.serve(demo.served) as server:
        assert fetch(f"{server.url}/team/demo.git").repository is not None
        with pytest.raises(SourceError, match="has no branch, tag or commit"):
            fetch(f"{server.url}/team/demo.git", "nope")
    assert caplog.text == ""


@pytest.mark.parametrize("default", ["sha1", "sha256"])
def test_a_repository_of_sha256(
    house: Path, demo_of_sha256: Demo, monkeypatch: pytest.MonkeyPatch, default: str
) -> None:
    monkeypatch.setenv("GIT_DEFAULT_HASH", default)
    demo = demo_of_sha256
    assert len(demo.first) == 64
    with git_http.serve(demo.served) as server:
        bare = (demo.served / "team" / "demo.git").as_uri()
        assert_all_versions_are_fetched(demo, f"{server.url}/team/demo.git", bare)
    checkout = fetch(str(demo.origin), "v1")
    assert checkout.repository is not None and checkout.repository.commit == demo.first


def test_a_repository_that_was_made_anew_with_another_hash(
    house: Path, demo: Demo, demo_of_sha256: Demo, tmp_path: Path
) -> None:
    served = shutil.copytree(demo.served, tmp_path / "served")
    with git_http.serve(served) as server:
        url = f"{server.url}/team/demo.git"
        fetch(url)
        shutil.rmtree(served / "team")
        shutil.copytree(demo_of_sha256.served / "team", served / "team")
        checkout = fetch(url)
    assert checkout.repository is not None and checkout.repository.commit == demo_of_sha256.second


def test_a_mirror_that_is_none_any_more_is_not_another_repository(
    house: Path, demo: Demo, caplog: pytest.LogCaptureFixture
) -> None:
    make(house / "cache", {"MLproject": ""})  # the cache lies in a repository, as where HOME is one
    with git_http.serve(demo.served) as server:
        url = f"{server.url}/team/demo.git"
        fetch(url, "v1")
        (mirror,) = (house / "cache" / "git-v1").glob("*/mirror.git")
        shutil.rmtree(mirror / "refs")
        (mirror / "HEAD").unlink()
        checkout = fetch(url, "main")
    assert checkout.repository is not None and checkout.repository.commit == demo.second
    assert "recreating it" in caplog.text


def test_the_hint_on_a_shallow_checkout_fetches_the_rest(house: Path, demo: Demo, tmp_path: Path) -> None:
    shallow = tmp_path / "a checkout"
    shallow.mkdir()
    by_hand(shallow, "init", "--quiet")
    by_hand(shallow, "remote", "add", "team", demo.origin.as_uri())
    by_hand(shallow, "fetch", "--quiet", "--depth=1", "team", "main")
    by_hand(shallow, "checkout", "--quiet", "FETCH_HEAD")
    for version in ("v1", demo.first):
        with pytest.raises(SourceError, match="has no branch, tag or commit") as caught:
            fetch(str(shallow), version)
    _, _, command = (caught.value.hint or "").partition("fetch the rest with ")
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    for version in ("v1", demo.first):
        checkout = fetch(str(shallow), version)
        assert checkout.repository is not None and checkout.repository.commit == demo.first


def test_a_repository_without_branches_is_not_called_empty(house: Path, tmp_path: Path) -> None:
    folder = make(tmp_path / "r", {"MLproject": ""})
    full = by_hand(folder, "rev-parse", "HEAD")
    by_hand(folder, "checkout", "--quiet", "--detach")
    by_hand(folder, "branch", "--quiet", "-D", "main")
    with pytest.raises(SourceError, match="has no branch, tag or commit") as caught:
        fetch(str(folder), "v1")
    assert caught.value.hint == f"it has no branches and no tags; -v HEAD is the commit {full[:12]}"
    assert fetch(str(folder), "HEAD").repository is not None


@root_only
def test_the_hint_on_a_repository_of_another_user_opens_it(
    house: Path, tmp_path: Path, set_for_git: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make(tmp_path / "a folder", {"MLproject": ""})
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 12345, 12345)
    assert provenance.read_repository(folder) is None
    assert f"{folder} belongs to user 12345" in caplog.text
    assert f"git config --global --add safe.directory '{folder}' lets git trust it" in caplog.text
    with pytest.raises(SourceError, match="belongs to user 12345") as caught:
        fetch(str(folder), "main")
    command = (caught.value.hint or "").removesuffix(" lets git trust it")
    subprocess.run(["sh", "-c", command], check=True)
    assert provenance.read_repository(folder) is not None
    assert fetch(str(folder), "main").repository is not None


# --- a git that says everything otherwise ------------------------------------------------------------


@pytest.fixture
def taciturn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git, whose explanations are in no language that we know."""
    real = shutil.which("git")
    program = tmp_path / "programs" / "git"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nerrors=$(mktemp)\n{real} "$@" 2>"$errors"\ncode=$?\n'
        "tr 'a-z' 'n-za-m' <\"$errors\" >&2\nrm \"$errors\"\nexit $code\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_words_of_git_do_not_decide(
    house: Path, demo: Demo, taciturn: None, caplog: pytest.LogCaptureFixture
) -> None:
    with git_http.serve(demo.served) as server:
        url = f"{server.url}/team/demo.git"
        fetch(url)
        for version in ("nope", "0" * 40, "abcdef12"):
            with pytest.raises(SourceError, match="has no branch, tag or commit"):
                fetch(url, version)
        (mirror,) = (house / "cache" / "git-v1").glob("*/mirror.git")
        (mirror / "packed-refs").write_text("garbage\n")
        assert fetch(url, "v1").repository is not None
        assert "recreating it" in caplog.text
        fetch(url)
    checkout = fetch(url, "main")  # from the mirror, for the server is gone
    assert checkout.repository is not None and checkout.repository.commit == demo.second


def test_a_short_id_of_several_commits_is_told_whatever_git_says(tmp_path: Path, taciturn: None) -> None:
    folder = make(tmp_path / "r", {"a": "1"})
    commits = "".join(f"commit refs/heads/b{n}\ncommitter a <b> {n} +0000\ndata 0\n\n" for n in range(2000))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=commits, text=True, check=True)
    ids = by_hand(folder, "for-each-ref", "--format=%(objectname)").split()
    ((start, times),) = Counter(one[:4] for one in ids).most_common(1)
    assert times > 1
    with pytest.raises(git.Ambiguous, match="more than one id"):
        git.find_commit(folder, start)
    assert git.find_commit(folder, "main^{tree}") is None
