"""Nothing that a folder's own repository names runs before the user's command does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.conftest import ProjectFolder
from tests.fakes.repositories import commit, git

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

FILES = {
    "MLproject": "entry_points: {main: {command: 'echo hi'}}\n",
    ".gitattributes": "data.bin filter=evil diff=evil merge=evil\n",
    "data.bin": "data\n",
    "train.py": "print(1)\n",
}
SETTINGS = {
    "filter": {
        "filter.evil.clean": "{trap}",
        "filter.evil.smudge": "{trap}",
        "filter.evil.required": "true",
    },
    "filter process": {"filter.evil.process": "{trap}", "filter.evil.required": "true"},
    "monitor": {"core.fsmonitor": "{trap}"},
    "hooks": {"core.hooksPath": "{folder}"},
    "diff": {"diff.evil.textconv": "{trap}", "diff.evil.command": "{trap}", "diff.external": "{trap}"},
    "signatures": {"log.showSignature": "true", "gpg.program": "{trap}"},
    "pager": {"core.pager": "{trap}", "pager.ls-files": "{trap}", "core.editor": "{trap}"},
    "remotes": {
        "core.sshCommand": "{trap}",
        "core.gitProxy": "{trap}",
        "credential.helper": "!{trap}",
        "core.alternateRefsCommand": "{trap}",
        "core.askPass": "{trap}",
    },
    "promisor": {
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": "ssh://host.example/x",
        "remote.origin.uploadpack": "{trap}",
        "core.sshCommand": "{trap}",
    },
    "elsewhere": {"core.worktree": "{folder}", "filter.evil.clean": "{trap}"},
    "aliases": {"alias.ls-tree": "!{trap}", "alias.rev-parse": "!{trap}"},
}


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that leaves a mark when it is started."""
    folder = tmp_path / "traps"
    folder.mkdir()
    names = ("trap", "post-checkout", "post-index-change", "fsmonitor-watchman", "reference-transaction")
    for name in names:
        (folder / name).write_text(f"#!/bin/sh\necho $0 $@ >> {tmp_path}/sprung\ncat\n")
        (folder / name).chmod(0o755)
    return folder / "trap"


def set_all(root: Path, name: str, trap: Path) -> None:
    for key, value in SETTINGS[name].items():
        git(root, "config", key, value.format(trap=trap, folder=trap.parent))


def lose_a_blob(root: Path) -> None:
    """So that git would fetch it when it is asked for."""
    blob = git(root, "rev-parse", "HEAD:train.py")
    (root / ".git/objects" / blob[:2] / blob[2:]).unlink()


@pytest.mark.parametrize("where", ["config", "include", "submodule"])
@pytest.mark.parametrize("name", SETTINGS)
def test_no_program_of_a_repository_is_started(
    project: Write, trap: Path, tmp_path: Path, name: str, where: str
) -> None:
    demo = project(FILES)
    root = demo.path
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, {}, "first")
    target = root
    if where == "submodule":
        git(root, "clone", "--quiet", ".", "../inner")
        git(root, "submodule", "--quiet", "add", str(tmp_path / "inner"), "sub")
        commit(root, {}, "sub")
        target = root / "sub"
    (target / "data.bin").write_text("DATA\n")  # as large as before: only its content tells
    if name == "promisor":
        lose_a_blob(root)
    set_all(target, name, trap)
    if where == "include":
        config = root / ".git" / "config"
        config.rename(root / ".git" / "included")
        config.write_text("[core]\n\trepositoryFormatVersion = 1\n[include]\n\tpath = included\n")
    for arguments in (("check",), ("check", "--strict"), ("run", "--dry-run", "--env-manager=local")):
        demo.reprise(arguments[0], str(root), *arguments[1:])
    demo.run()
    assert not (tmp_path / "sprung").exists(), (tmp_path / "sprung").read_text()


def test_a_run_of_elsewhere_does_not_ask_the_repository_that_it_is_started_in(
    project: Write, trap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = project(FILES)
    git(demo.path, "init", "--quiet")
    commit(demo.path, {}, "first")
    set_all(demo.path, "remotes", trap)
    git(demo.path, "config", f"url.{tmp_path}/.insteadOf", "ssh://host.example/")
    monkeypatch.chdir(demo.path)
    for url in ("ssh://host.example/team/x.git", "git@host.example:team/x.git", "http://127.0.0.1:1/x.git"):
        assert demo.reprise("run", url).exit_code == 3
    assert not (tmp_path / "sprung").exists(), (tmp_path / "sprung").read_text()
