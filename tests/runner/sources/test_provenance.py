from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from reprise.runner.sources import provenance
from tests.fakes.repositories import commit, git, make


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make(tmp_path / "repository", {"MLproject": "", "sub/train.py": "1", ".gitignore": "out/\n"})


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below ``folder`` with its bytes and time of change."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_commit_branch_and_root_are_read_from_a_subfolder(repository: Path) -> None:
    state = provenance.read_repository(repository / "sub")
    assert state is not None
    assert (state.root, state.branch, state.dirty) == (repository, "main", False)
    assert state.commit == git(repository, "rev-parse", "HEAD")
    assert state.url is None


def test_a_changed_file_and_a_new_file_make_it_dirty_and_an_ignored_one_does_not(repository: Path) -> None:
    def dirty() -> bool:
        state = provenance.read_repository(repository)
        assert state is not None
        return state.dirty

    (repository / "out").mkdir()
    (repository / "out" / "model").write_text("x")
    assert not dirty()
    (repository / "new.txt").write_text("x")
    assert dirty()
    (repository / "new.txt").unlink()
    (repository / "sub" / "train.py").write_text("2")
    assert dirty()


def test_a_new_file_is_seen_whatever_the_users_own_status_shows(repository: Path) -> None:
    git(repository, "config", "status.showUntrackedFiles", "no")
    (repository / "new.txt").write_text("x")
    state = provenance.read_repository(repository)
    assert state is not None and state.dirty


def test_before_the_first_commit_there_is_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "empty")
    state = provenance.read_repository(tmp_path / "empty")
    assert state is not None
    assert (state.commit, state.branch, state.dirty) == (None, "main", False)


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--detach")
    state = provenance.read_repository(repository)
    assert state is not None and state.branch is None and state.commit is not None


def test_origin_is_preferred_and_its_secrets_are_removed(repository: Path) -> None:
    git(repository, "remote", "add", "backup", "https://backup.example/x.git")
    state = provenance.read_repository(repository)
    assert state is not None and state.url == "https://backup.example/x.git"
    git(repository, "remote", "add", "origin", "https://user:s3cret@host.example/team/x.git")
    state = provenance.read_repository(repository)
    assert state is not None and state.url == "https://host.example/team/x.git"


def test_a_folder_that_git_ignores_has_no_repository(repository: Path) -> None:
    (repository / "out" / "project").mkdir(parents=True)
    assert provenance.read_repository(repository / "out" / "project") is None


def test_no_repository_and_a_broken_one_are_none(tmp_path: Path) -> None:
    assert provenance.read_repository(tmp_path) is None
    (tmp_path / ".git").write_text("gitdir: /nowhere\n")
    assert provenance.read_repository(tmp_path) is None


def test_without_git_there_is_a_warning_and_no_error(
    repository: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert provenance.read_repository(repository) is None
    assert "git was not found" in caplog.text


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_somebody_else_is_left_alone(
    repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in (repository, repository / ".git"):
        os.chown(path, 12345, 12345)
    assert provenance.read_repository(repository) is None
    assert f"{repository} belongs to user 12345" in caplog.text


def test_a_linked_worktree_is_its_own_root(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "linked"))
    state = provenance.read_repository(tmp_path / "linked")
    assert state is not None and (state.root, state.branch) == (tmp_path / "linked", "other")


def test_variables_of_a_hook_that_started_us_do_not_lead_elsewhere(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make(tmp_path / "other", {"a": "1"})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    state = provenance.read_repository(repository)
    assert state is not None and state.commit == git_head(repository)


def git_head(repository: Path) -> str:
    return (repository / ".git" / "refs" / "heads" / "main").read_text().strip()


def test_looking_writes_nothing_and_runs_nothing_of_the_repository(
    repository: Path, tmp_path: Path
) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(trap.stat().st_mode | stat.S_IXUSR)
    git(repository, "config", "core.fsmonitor", str(trap))
    git(repository, "config", "core.hooksPath", str(tmp_path))
    # A file with a new time makes git want to refresh its index.
    os.utime(repository / "MLproject", (1, 1))
    before = snapshot(repository / ".git")
    assert provenance.read_repository(repository) is not None
    assert snapshot(repository / ".git") == before
    assert not (tmp_path / "sprung").exists()


def test_file_names_with_newlines_are_not_taken_for_headers(repository: Path) -> None:
    commit(repository, {"a\n# branch.oid 0000": "x"}, "odd")
    (repository / "b\n# branch.head evil").write_text("x")
    state = provenance.read_repository(repository)
    assert state is not None and state.branch == "main" and state.dirty
