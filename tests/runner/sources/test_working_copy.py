from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.errors import SourceError, UsageError
from reprise.runner.sources import locations, mirrors, working_copy
from reprise.runner.vcs import git_faults
from reprise.schemas.job import Checkout
from tests.fakes import disks, git_http, repositories
from tests.fakes.repositories import Demo, commit, make
from tests.fakes.repositories import git as by_hand

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return repositories.demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def own_demo(demo: Demo, tmp_path: Path) -> Demo:
    """A copy that the test may change."""
    served = tmp_path / "served"
    shutil.copytree(demo.served, served)
    return Demo(demo.origin, served, demo.first, demo.second, demo.feature)


@pytest.fixture
def server(demo: Demo) -> Iterator[git_http.Server]:
    with git_http.serve(demo.served) as running:
        yield running


@pytest.fixture
def url(server: git_http.Server) -> str:
    return f"{server.url}/team/demo.git"


def fetch(uri: str, version: str | None = None) -> Checkout:
    return working_copy.fetch_project(uri, version, Path.cwd())


def head(checkout: Checkout) -> str:
    return by_hand(checkout.path, "rev-parse", "HEAD")


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


# --- local folders -----------------------------------------------------------------------------------


def test_a_folder_is_used_in_place(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = house / "my #1 project"
    (project / "v1.0" / "x").mkdir(parents=True)
    expected = Checkout(project, str(project))
    assert working_copy.fetch_project(str(project), None, tmp_path) == expected
    assert working_copy.fetch_project("my #1 project", None, house) == expected
    assert working_copy.fetch_project(project.as_uri(), None, tmp_path) == expected
    assert working_copy.fetch_project(f"'{project.as_uri()}'", None, tmp_path) == expected
    assert working_copy.fetch_project(f"file://localhost{project.as_uri()[7:]}", None, tmp_path) == expected
    assert (
        working_copy.fetch_project(f"{project.as_uri()}#v1.0/x", None, tmp_path).path
        == project / "v1.0" / "x"
    )
    assert working_copy.fetch_project("~/my #1 project", None, tmp_path) == expected
    working_copy.discard_checkout(expected)
    assert project.is_dir()


def test_a_folder_in_a_work_tree_is_named_by_its_repository(house: Path, tmp_path: Path) -> None:
    root = make(tmp_path / "repository", {"a/b.c/MLproject": ""})
    checkout = working_copy.fetch_project("a#b.c", None, root)
    assert checkout.name == f"file://{root}#a/b.c"
    assert working_copy.fetch_project(".", None, root).name == f"file://{root}"
    assert checkout.repository is not None and checkout.repository.branch == "main"
    assert checkout.temporary is None


def test_a_folder_that_git_ignores_is_named_by_its_path(house: Path, tmp_path: Path) -> None:
    root = make(tmp_path / "repository", {".gitignore": "out\n"})
    (root / "out").mkdir()
    found = working_copy.fetch_project("out", None, root)
    assert found == Checkout(root / "out", str(root / "out"), source_name=f"file://{root}#out")


@pytest.mark.parametrize("subdirectory", ["..", "a/../../x", "link", "link/inner"])
def test_a_subdirectory_does_not_leave_the_project(house: Path, tmp_path: Path, subdirectory: str) -> None:
    (tmp_path / "outside" / "inner").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(SourceError, match="outside the project"):
        working_copy.fetch_project(f"project#{subdirectory}", None, tmp_path)


def test_a_missing_folder_or_subdirectory_says_what_is_there(house: Path, tmp_path: Path) -> None:
    (tmp_path / "iris" / "models" / "one").mkdir(parents=True)
    (tmp_path / "iris" / "models" / "one" / "MLproject").write_text("")
    with pytest.raises(SourceError, match=f"there is no folder {tmp_path}/irsi") as caught:
        working_copy.fetch_project("irsi", None, tmp_path)
    assert caught.value.hint == 'did you mean "iris"?'
    with pytest.raises(SourceError, match='has no subdirectory "models/two"') as caught:
        working_copy.fetch_project("iris#models/two", None, tmp_path)
    assert caught.value.hint == "it has projects in models/one"
    with pytest.raises(SourceError) as caught:
        working_copy.fetch_project("github.com/team/project", None, tmp_path)
    assert caught.value.hint == "a git repository is written https://github.com/team/project"
    with pytest.raises(SourceError, match="is a file, not a project") as caught:
        working_copy.fetch_project("iris/models/one/MLproject", None, tmp_path)
    assert caught.value.hint == f"use its folder, {tmp_path}/iris/models/one"


def test_a_version_of_a_plain_folder_is_a_usage_error(house: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not in a git repository"):
        working_copy.fetch_project(str(tmp_path), "v1", tmp_path)


# --- what a URI may not be ---------------------------------------------------------------------------

HOSTILE = [
    "-uploadpack=touch sprung",
    "--upload-pack=touch sprung",
    "ext::sh -c touch% sprung",
    "git+ext::sh -c touch% sprung",
    "git+-x",
    "fd::17",
    "'ext::sh -c x'",
    "https://host/x\n.git",
    "https://host/\x00x.git",
    "https://host/x\x1b[31m.git",
    "https://u:p%0Ahost=evil@host/x.git",
    "ssh://-oProxyCommand=touch%20sprung/x.git",
    "ssh://-oProxyCommand=x@host/x.git",
    "git://-x/y.git",
    "git@-oProxyCommand=x:y.git",
    "git@host:-x.git",
    "file://other-host/x",
    "file:///x%0Ay",
    "https://[::1/x.git",
    "https://host:port/x.git",
    "https:///x.git",
    "s3://bucket/project",
    "runs:/0123/model",
    "ftp://host/x.git",
    "javascript:alert(1)",
    "",
    "''",
    "https://host/team/x/tree/-x",
    "https://host/team/x/tree/main/../../y",
    "ssh://git:secret@host/x.git",
    "x" * 5000,
]


@pytest.mark.parametrize("uri", HOSTILE)
def test_a_hostile_uri_is_refused_before_anything_is_started(
    house: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess.Popen, "__init__", _started)
    with pytest.raises(SourceError) as caught:
        fetch(uri)
    assert caught.value.exit_code == 3
    assert "secret" not in caught.value.message


def _started(*arguments: object, **options: object) -> None:
    raise AssertionError(f"{arguments} was started")


@pytest.mark.parametrize("version", ["-x", "--all", "a b", "a\nb", "", "a..b^{/x", "x:y", "a*", "ext::x"])
def test_a_hostile_version_is_refused(house: Path, url: str, version: str) -> None:
    with pytest.raises(SourceError):
        fetch(url, version)


@pytest.mark.parametrize(
    ("uri", "remote", "subdirectory", "tail"),
    [
        ("https://h/t/p.git", "https://h/t/p.git", "", ""),
        ("git+https://h/t/p.git#a.b/c", "https://h/t/p.git", "a.b/c", ""),
        ("git+https://h/t/p.zip", "https://h/t/p.zip", "", ""),
        ("https://u:p@h:81/t/p/", "https://h:81/t/p", "", ""),
        ("git@h:t/p.git#/sub/", "git@h:t/p.git", "sub", ""),
        ("h.example:t/p", "h.example:t/p", "", ""),
        ("ssh://git@h:22/t/p.git", "ssh://git@h:22/t/p.git", "", ""),
        ("git://h/p.git", "git://h/p.git", "", ""),
        ('"https://h/t/p.git#x"', "https://h/t/p.git", "x", ""),
        ("https://github.com/t/p/tree/main/a/b", "https://github.com/t/p", "", "main/a/b"),
        ("https://github.com/t/p/tree/main/?tab=readme", "https://github.com/t/p", "", "main"),
        ("https://gitlab.com/g/s/p/-/tree/fix%2Fx/a", "https://gitlab.com/g/s/p", "", "fix/x/a"),
        ("https://bitbucket.org/t/p/src/main/a", "https://bitbucket.org/t/p", "", "main/a"),
        ("https://h/t/p/src/x.git", "https://h/t/p/src/x.git", "", ""),
    ],
)
def test_git_locations(uri: str, remote: str, subdirectory: str, tail: str) -> None:
    location = locations.locate_project(uri, Path.cwd())
    assert isinstance(location, locations.GitRepository)
    assert (location.remote.url, location.subdirectory, location.tail) == (remote, subdirectory, tail)


# --- git over the network ----------------------------------------------------------------------------


def test_every_kind_of_version(house: Path, url: str, demo: Demo) -> None:
    wanted = {
        None: (demo.second, "main"),
        "main": (demo.second, "main"),
        "feature/x": (demo.feature, "feature/x"),
        "v1": (demo.first, None),
        "v1a": (demo.first, None),
        "refs/tags/v1": (demo.first, None),
        demo.first[:7]: (demo.first, None),
        demo.feature: (demo.feature, None),
    }
    for version, (commit_id, branch) in wanted.items():
        checkout = fetch(url, version)
        assert checkout.repository is not None
        assert (checkout.repository.commit, checkout.repository.branch) == (commit_id, branch), version
        assert (checkout.name, checkout.version, checkout.repository.url) == (url, version, url)
        assert head(checkout) == commit_id
        assert by_hand(checkout.path, "status", "--porcelain") == ""
        assert by_hand(checkout.path, "rev-parse", "--abbrev-ref", "HEAD") == (branch or "HEAD")
        assert by_hand(checkout.path, "remote", "get-url", "origin") == url
        working_copy.discard_checkout(checkout)
        assert not checkout.path.exists()


@pytest.mark.parametrize("place", ["first", "feature"])
def test_a_short_commit_as_the_very_first_request(house: Path, url: str, demo: Demo, place: str) -> None:
    commit_id = getattr(demo, place)
    assert head(fetch(url, commit_id[:8])) == commit_id


def test_subdirectory_and_submodule_with_a_relative_url(house: Path, url: str) -> None:
    checkout = fetch(f"{url}#sub.v2/proj")
    assert (checkout.path / "MLproject").is_file()
    assert checkout.name == f"{url}#sub.v2/proj"
    assert checkout.repository is not None
    assert (checkout.repository.root / "part" / "part.txt").read_text() == "part"
    assert by_hand(checkout.repository.root / "part", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("page", "version", "subdirectory"),
    [
        ("tree/v1/sub.v2/proj", "v1", "sub.v2/proj"),
        ("tree/feature/x", "feature/x", ""),
        ("tree/feature/x/sub.v2", "feature/x", "sub.v2"),
        ("-/tree/feature/x/sub.v2/proj", "feature/x", "sub.v2/proj"),
        ("src/main/sub.v2", "main", "sub.v2"),
    ],
)
def test_the_page_of_a_forge(house: Path, url: str, page: str, version: str, subdirectory: str) -> None:
    repository = url
    checkout = fetch(f"{repository}/{page}")
    assert checkout.version == version
    assert checkout.name == repository + (f"#{subdirectory}" if subdirectory else "")
    again = fetch(f"{repository}/{page}", version)
    assert (again.name, again.version) == (checkout.name, checkout.version)
    with pytest.raises(UsageError, match="are different versions"):
        fetch(f"{repository}/{page}", "v1a")


def test_the_page_of_a_forge_at_a_commit(house: Path, url: str, demo: Demo) -> None:
    checkout = fetch(f"{url}/tree/{demo.first}/sub.v2/proj")
    assert (head(checkout), checkout.version) == (demo.first, demo.first)


def test_a_known_commit_needs_no_network(house: Path, demo: Demo, caplog: pytest.LogCaptureFixture) -> None:
    with git_http.serve(demo.served) as server:
        url = f"{server.url}/team/demo.git"
        fetch(url)
        count = len(server.requests)
        fetch(url, demo.second)
        fetch(url, demo.first[:9])
        assert len(server.requests) == count
    assert head(fetch(url, demo.second[:9])) == demo.second
    assert caplog.text == ""
    for version in (None, "main", "v1a"):
        caplog.clear()
        checkout = fetch(url, version)
        assert checkout.repository is not None and str(checkout.repository.commit) in caplog.text
        assert url in caplog.text and "from the last fetch" in caplog.text
        assert checkout.repository.branch == (None if version == "v1a" else "main")
    with pytest.raises(git_faults.RemoteUnreachable, match=url):
        fetch(url, "never-heard-of")


def test_a_branch_that_moved_is_followed(house: Path, own_demo: Demo, tmp_path: Path) -> None:
    with git_http.serve(own_demo.served) as server:
        url = f"{server.url}/team/demo.git"
        assert head(fetch(url, "feature/x")) == own_demo.feature
        work = tmp_path / "someone"
        by_hand(tmp_path, "clone", "--quiet", str(own_demo.served / "team" / "demo.git"), str(work))
        by_hand(work, "checkout", "--quiet", "feature/x")
        by_hand(work, "reset", "--quiet", "--hard", own_demo.first)
        rewritten = commit(work, {"n.txt": "rewritten"}, "rewritten")
        by_hand(work, "push", "--quiet", "--force", "origin", "feature/x")
        assert head(fetch(url, "feature/x")) == rewritten
        # The old commit hangs on nothing now, but it was run once and can be run again.
        assert head(fetch(url, own_demo.feature)) == own_demo.feature


def test_names_that_are_also_something_else(
    house: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make(tmp_path / "r", {"MLproject": ""})
    first = by_hand(folder, "rev-parse", "HEAD")
    by_hand(folder, "tag", "release")
    by_hand(folder, "branch", "20240101")
    by_hand(folder, "checkout", "--quiet", "-b", "release")
    second = commit(folder, {"a": "1"}, "second")
    for _ in range(2):
        assert head(fetch(str(folder), "20240101")) == first
    assert caplog.text == ""
    assert head(fetch(str(folder), "release")) == second
    assert "the branch is used" in caplog.text


def test_a_run_never_dirties_the_next_one(house: Path, url: str) -> None:
    first = fetch(url, "v1")
    (first.path / "n.txt").write_text("dirt")
    (first.path / "new.txt").write_text("dirt")
    second = fetch(url, "v1")
    assert second.path != first.path
    assert (second.path / "n.txt").read_text() == "first"
    assert not (second.path / "new.txt").exists()


def test_what_is_missing_is_told_and_leaves_nothing(house: Path, server: git_http.Server, url: str) -> None:
    with pytest.raises(SourceError, match='has no branch, tag or commit "featur/x"') as caught:
        fetch(url, "featur/x")
    assert caught.value.hint and "feature/x" in caught.value.hint
    with pytest.raises(SourceError, match="has no branch, tag or commit"):
        fetch(url, "0123456789" * 4)
    with pytest.raises(SourceError, match="has no branch, tag or commit"):
        fetch(url, "badc0de")
    with pytest.raises(SourceError, match='has no subdirectory "sub"') as caught:
        fetch(f"{url}#sub")
    assert caught.value.hint == "it has projects in sub.v2/proj"
    with pytest.raises(SourceError, match=r"/team/nothing\.git"):
        fetch(f"{server.url}/team/nothing.git")
    work = house / "cache" / "work-v1"
    assert not work.exists() or list(work.iterdir()) == []


def test_an_empty_repository_is_told(house: Path, tmp_path: Path) -> None:
    by_hand(tmp_path, "init", "--quiet", "--bare", "empty.git")
    with pytest.raises(SourceError, match="has no commits"):
        fetch(f"file://{tmp_path}/empty.git")


def test_no_git_on_path(house: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SourceError, match="git was not found"):
        fetch(url)


def test_a_cache_that_cannot_be_written_is_told(
    house: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("REPRISE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(SourceError, match="cannot copy the project into the cache") as caught:
        fetch(url)
    assert caught.value.hint and "REPRISE_CACHE_DIR" in caught.value.hint


def test_git_protocol(house: Path, demo: Demo, tmp_path: Path) -> None:
    port = _free_port()
    daemon = subprocess.Popen(
        [
            *("git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--export-all"),
            *(f"--base-path={demo.served}", f"--pid-file={tmp_path / 'pid'}", str(demo.served)),
        ],
        stderr=subprocess.PIPE,
        env={**os.environ, "GIT_TRACE": "0"},
        start_new_session=True,
    )
    try:
        _wait_for_port(port)
        checkout = fetch(f"git://127.0.0.1:{port}/team/demo.git", "v1a")
        assert head(checkout) == demo.first
    finally:
        os.killpg(daemon.pid, signal.SIGTERM)
        daemon.communicate()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(port: int) -> None:
    import socket
    import time

    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise AssertionError("the daemon does not listen")


@pytest.mark.parametrize("form", ["git@host.example:{path}", "ssh://git@host.example{path}"])
def test_ssh(house: Path, demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """An ssh that runs the command here, as the other side would."""
    program = tmp_path / "ssh"
    program.write_text('#!/bin/sh\nfor last; do :; done\necho "$@" >> "$0.log"\nexec sh -c "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(program))
    uri = form.format(path=demo.served / "team" / "demo.git")
    checkout = fetch(uri)
    assert head(checkout) == demo.second
    assert checkout.name == uri
    assert checkout.repository is not None
    assert (checkout.repository.root / "part" / "part.txt").is_file()
    assert "git@host.example" in (tmp_path / "ssh.log").read_text()


# --- credentials -------------------------------------------------------------------------------------


@pytest.mark.parametrize("userinfo", ["me:h%40nter2", "T0kEn%2F2:", "T0kEn%2F2"])
def test_credentials_of_the_url_reach_git_and_nothing_else(
    house: Path,
    demo: Demo,
    tmp_path: Path,
    userinfo: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    user, _, password = userinfo.replace("%40", "@").replace("%2F", "/").partition(":")
    stored = tmp_path / "stored"
    config = tmp_path / "gitconfig"
    config.write_text(f"[credential]\n\thelper = store --file={stored}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    arguments: list[str] = []
    real = subprocess.Popen.__init__

    def spy(self: subprocess.Popen[bytes], args: list[str], *rest: object, **options: object) -> None:
        arguments.extend(map(str, args))
        real(self, args, *rest, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess.Popen, "__init__", spy)
    with git_http.serve(demo.served, credentials=f"{user}:{password}") as server, caplog.at_level("DEBUG"):
        clean = f"{server.url}/team/demo.git"
        checkout = fetch(clean.replace("://", f"://{userinfo}@"))
        assert checkout.repository is not None
        assert (checkout.repository.root / "part" / "part.txt").read_text() == "part"
    assert checkout.name == checkout.repository.url == clean
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != config]
    shown = [caplog.text, *capfd.readouterr(), repr(checkout), *arguments]
    for secret in {user, password, *userinfo.split(":")} - {"", "me", getpass.getuser()}:
        assert not any(secret.encode() in content for content in written)
        assert not any(secret in text for text in shown)


def test_credentials_that_are_missing_or_wrong_are_told_without_them(house: Path, demo: Demo) -> None:
    with git_http.serve(demo.served, credentials="me:right") as server:
        clean = f"{server.url}/team/demo.git"
        for userinfo in ("", "me:wr0ng@", "t0ken@"):
            with pytest.raises(SourceError, match=clean) as caught:
                fetch(clean.replace("://", f"://{userinfo}"))
            assert "wr0ng" not in str(caught.value) and "t0ken" not in str(caught.value)


def test_the_users_own_means_answer_for_a_user_name(
    house: Path, demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = tmp_path / "ask"
    asker.write_text("#!/bin/sh\necho right\n")
    asker.chmod(0o755)
    monkeypatch.setenv("GIT_ASKPASS", str(asker))
    with git_http.serve(demo.served, credentials="me:right") as server:
        assert head(fetch(f"{server.url.replace('://', '://me@')}/team/demo.git", "v1")) == demo.first


# --- a local repository at a version -----------------------------------------------------------------


@pytest.mark.parametrize("form", ["{path}", "file://{path}", "{path}/.", "~/own"])
def test_the_users_own_repository_is_never_changed(house: Path, demo: Demo, form: str) -> None:
    own = house / "own"
    by_hand(house, "clone", "--quiet", str(demo.origin), str(own))
    by_hand(own, "remote", "remove", "origin")
    # Without an origin, the submodule's ../part.git is sought beside the repository.
    shutil.copytree(demo.served / "team" / "part.git", house / "part.git")
    (own / "n.txt").write_text("not committed")
    before = snapshot(own)
    uri = form.format(path=own)
    versions = {"v1": demo.first, demo.first[:6]: demo.first, demo.first: demo.first, "HEAD~1": demo.first}
    for version, commit_id in versions.items():
        checkout = fetch(f"{uri}#sub.v2/proj", version)
        assert head(checkout) == commit_id
        assert checkout.name == f"file://{own}#sub.v2/proj"
        assert checkout.repository is not None
        assert (checkout.repository.url, checkout.repository.dirty) == (f"file://{own}", False)
        assert (checkout.repository.root / "n.txt").read_text() == "first"
        working_copy.discard_checkout(checkout)
    assert fetch(uri, "main").repository != fetch(uri).repository
    assert snapshot(own) == before


def test_a_local_clone_knows_the_branches_of_its_origin(house: Path, demo: Demo) -> None:
    own = house / "a clone"
    by_hand(house, "clone", "--quiet", str(demo.origin), str(own))
    by_hand(own, "remote", "set-url", "origin", "https://me:s3cret@host.example/team/demo.git")
    checkout = fetch(str(own), "feature/x")
    assert checkout.repository is not None
    assert (head(checkout), checkout.repository.branch) == (demo.feature, "feature/x")
    assert checkout.repository.url == "https://host.example/team/demo.git"


def test_a_commit_without_any_branch_and_a_shallow_clone_are_read(house: Path, demo: Demo) -> None:
    own = house / "own"
    by_hand(house, "clone", "--quiet", "--depth=1", "--branch=feature/x", demo.origin.as_uri(), str(own))
    by_hand(own, "checkout", "--quiet", "--detach")
    lonely = commit(own, {"n.txt": "lonely"}, "lonely")
    by_hand(own, "checkout", "--quiet", "feature/x")
    assert (fetch(str(own), lonely[:8]).path / "n.txt").read_text() == "lonely"
    with pytest.raises(SourceError, match="has no branch, tag or commit"):
        fetch(str(own), demo.first)


def test_a_bare_repository_is_a_git_source(house: Path, own_demo: Demo) -> None:
    bare = own_demo.served / "team" / "demo.git"
    before = snapshot(bare)
    checkout = fetch(f"file://{bare}#sub.v2/proj")
    assert (head(checkout), checkout.name) == (own_demo.second, f"file://{bare}#sub.v2/proj")
    assert snapshot(bare) == before


# --- hostile repositories ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["{private}", "file://{private}", "../../../../..{private}", "ext::sh -c touch% sprung", "-x"]
)
def test_a_submodule_does_not_lead_to_local_files_or_commands(
    house: Path, demo: Demo, tmp_path: Path, target: str
) -> None:
    private = make(tmp_path / "private", {"diary.txt": "private"})
    bait = make(tmp_path / "bait", {"MLproject": ""})
    by_hand(bait, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(private), "stolen")
    by_hand(bait, "config", "--file=.gitmodules", "submodule.stolen.url", target.format(private=private))
    commit(bait, {}, "bait")
    by_hand(tmp_path, "clone", "--quiet", "--bare", str(bait), str(tmp_path / "www" / "bait.git"))
    with git_http.serve(tmp_path / "www") as server, pytest.raises(SourceError, match="the submodules of"):
        fetch(f"{server.url}/bait.git")
    assert not any(path.name in ("diary.txt", "sprung") for path in (house / "cache").rglob("*"))


def test_a_link_of_the_repository_that_leaves_it_is_refused(house: Path, tmp_path: Path) -> None:
    folder = make(tmp_path / "r", {"MLproject": ""})
    (folder / "out").symlink_to("/etc")
    commit(folder, {}, "link")
    with pytest.raises(SourceError, match="outside the project"):
        fetch(f"{folder}#out", "main")


def test_lfs_pointers_are_known(house: Path, tmp_path: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12\n"
    folder = make(tmp_path / "r", {".gitattributes": "*.bin filter=lfs\n", "data/model.bin": pointer})
    repository = fetch(str(folder), "main").repository
    assert repository is not None
    assert repository.tree.pointers == ("data/model.bin",)


# --- crashes and company -----------------------------------------------------------------------------

_FETCH = """
import sys
from pathlib import Path
from reprise.runner.sources import working_copy as sources
checkout = sources.fetch_project(sys.argv[1], None, Path.cwd())
print(checkout.repository.commit)
"""


def start(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _FETCH, url],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_two_processes_fetch_the_same_new_repository_at_once(
    house: Path, url: str, demo: Demo, server: git_http.Server
) -> None:
    processes = [start(url), start(url)]
    assert [process.communicate()[0].strip() for process in processes] == [demo.second] * 2
    assert len(list((house / "cache" / "git-v1").glob("*/commits/[!.]*[!k]"))) == 1
    assert len(list((house / "cache" / "work-v1").iterdir())) == 2


def test_killed_in_the_middle_of_the_first_fetch(
    house: Path, url: str, demo: Demo, server: git_http.Server
) -> None:
    server.stall_packs = True
    process = start(url)
    assert server.stalled.wait(20)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (mirror,) = (house / "cache" / "git-v1").glob("*/mirror.git")
    # What git leaves when it dies between two other instants.
    (mirror / "packed-refs.lock").touch()
    (mirror / "shallow.lock").touch()
    server.stall_packs = False
    assert head(fetch(url)) == demo.second
    assert not list(mirror.rglob("*.lock")) and not list(mirror.rglob("tmp_*"))


def test_killed_in_the_middle_of_a_checkout(house: Path, url: str, demo: Demo) -> None:
    fetch(url, "main")
    (commits,) = (house / "cache" / "git-v1").glob("*/commits")
    (commits / demo.second).rename(commits / f".{demo.second}")
    (commits / f".{demo.second}" / "MLproject").unlink()
    checkout = fetch(url, demo.second)
    assert by_hand(checkout.path, "status", "--porcelain") == ""


def _lose_objects(mirror: Path) -> None:
    for path in (mirror / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:40])


def _lose_head(mirror: Path) -> None:
    (mirror / "HEAD").unlink()


def _garble_refs(mirror: Path) -> None:
    (mirror / "packed-refs").write_text("garbage\n")


@pytest.mark.parametrize("damage", [_lose_objects, _lose_head, _garble_refs])
def test_a_damaged_mirror_is_made_again_with_a_sentence(
    house: Path, url: str, demo: Demo, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    fetch(url, "v1")
    (mirror,) = (house / "cache" / "git-v1").glob("*/mirror.git")
    assert callable(damage)
    damage(mirror)
    for version, commit_id in (("main", demo.second), (demo.feature[:8], demo.feature)):
        checkout = fetch(url, version)
        assert head(checkout) == commit_id
        assert by_hand(checkout.path, "log", "--format=%H").splitlines()[-1] == demo.first
    assert "is damaged" in caplog.text and "recreating it" in caplog.text


@pytest.mark.mounts
def test_a_copy_that_finds_the_disk_full_is_one_sentence(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    for number in range(50):
        (whole / f"{number}.csv").write_bytes(bytes(100_000))
    with (
        disks.mounted(tmp_path / "disk", "1m") as small,
        pytest.raises(SourceError, match="is full") as full,
    ):
        mirrors._copy_tree(whole, small / "copy")
    assert len(full.value.message) < 300 and full.value.hint and "REPRISE_CACHE_DIR" in full.value.hint
