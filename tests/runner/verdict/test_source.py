"""Sources as they were, compared and shown: from repositories, from the cache, or from what was kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import Mock

import pytest

from reprise import process
from reprise.runner.verdict.recorded import open_both
from reprise.runner.verdict.source import compare_sources
from reprise.runner.verdict.trees import open_trees
from reprise.runner.verdict.values import Agreement, Finding
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import ProjectFolder
from tests.fakes.repositories import commit, git, make

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

FILES = {
    "MLproject": "entry_points: {main: {command: 'true'}, other: {command: 'true'}}",
    "train.py": "a\nb\n",
}


@pytest.fixture
def folder(project: Write) -> ProjectFolder:
    return project(FILES)


@pytest.fixture
def committed(folder: ProjectFolder) -> ProjectFolder:
    git(folder.path, "init", "--quiet", "--initial-branch=main")
    commit(folder.path, {}, "first")
    return folder


def recorded(folder: ProjectFolder, *args: str) -> str:
    """The id of a run of it."""
    known = {run.run_id for run in folder.runs()}
    assert folder.run(*args).exit_code == 0
    (found,) = {run.run_id for run in folder.runs()} - known
    return found


def compared(a: str, b: str) -> tuple[Finding, str]:
    """What is found of the sources of two runs, and the diff of their trees."""
    with (
        EmbeddedStore(Path("mlruns").absolute()) as store,
        open_both(store, store.get_run(a), store.get_run(b)) as runs,
        open_trees(*runs) as made,
    ):
        return compare_sources(*runs), made.diff_trees(*(made.make_tree(run) for run in runs))


def test_uncommitted_changes_are_told(committed: ProjectFolder) -> None:
    clean = recorded(committed)
    assert compared(clean, recorded(committed)) == (Finding(Agreement.IDENTICAL), "")
    (committed.path / "train.py").write_text("a\nB\n")
    (committed.path / "new.py").write_text("new\n")
    (committed.path / "new.py").chmod(0o755)
    (committed.path / "link").symlink_to("train.py")
    dirty = recorded(committed)
    found, diff = compared(clean, dirty)
    assert (found.agreement, found.note) == (
        Agreement.DIVERGED,
        "another file link and 2 more",
    )
    assert "-b\n+B\n" in diff
    assert "new file mode 100755" in diff
    assert "new file mode 120000" in diff


def test_the_same_files_of_another_commit_are_the_same(committed: ProjectFolder) -> None:
    (committed.path / "train.py").write_text("a\nB\n")
    (committed.path / "new.py").write_text("new\n")
    dirty = recorded(committed)
    commit(committed.path, {}, "second")
    clean = recorded(committed)
    found, diff = compared(dirty, clean)
    assert (found.agreement, diff) == (Agreement.IDENTICAL, "")
    assert found.note.startswith("the same files; commit ")


def test_the_repository_may_be_gone(committed: ProjectFolder) -> None:
    """Then the commits come from what was kept with the runs."""
    one = recorded(committed)
    commit(committed.path, {"train.py": "a\nc\n"}, "second")
    (committed.path / "train.py").write_text("a\nd\n")
    other = recorded(committed)
    shutil.rmtree(committed.path)
    found, diff = compared(one, other)
    assert found.agreement is Agreement.DIVERGED
    assert "-b\n+d\n" in diff


def test_a_folder_without_git_is_compared_too(folder: ProjectFolder) -> None:
    one = recorded(folder)
    git(folder.path, "init", "--quiet", "--initial-branch=main")
    commit(folder.path, {}, "first")
    same = recorded(folder)
    found, diff = compared(one, same)
    assert (found.agreement, diff) == (Agreement.IDENTICAL, "")
    commit(folder.path, {"train.py": "other\n"}, "second")
    found, diff = compared(one, recorded(folder))
    assert found.agreement is Agreement.DIVERGED
    assert "+other\n" in diff


def test_submodules_are_part_of_the_source(committed: ProjectFolder) -> None:
    part = make(committed.path.parent / "part", {"part.txt": "one\n"})
    git(
        committed.path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part), "part"
    )
    commit(committed.path, {}, "with a submodule")
    one = recorded(committed)
    assert compared(one, recorded(committed))[0].agreement is Agreement.IDENTICAL
    commit(committed.path / "part", {"part.txt": "two\n"}, "other")
    found, diff = compared(one, recorded(committed))
    assert (found.agreement, "other submodules" in found.note) == (Agreement.DIVERGED, True)
    assert "--- a/part/part.txt" in diff
    assert "+two\n" in diff


def test_another_entry_point_is_another_source(committed: ProjectFolder) -> None:
    found, _ = compared(recorded(committed), recorded(committed, "-e", "other"))
    assert (found.agreement, found.note) == (Agreement.DIVERGED, "entry point other of ., was main of .")


def test_nothing_is_written_into_the_repository(committed: ProjectFolder) -> None:
    one = recorded(committed)
    (committed.path / "train.py").write_text("a\nB\n")
    other = recorded(committed)

    def objects() -> set[str]:
        return {str(path) for path in (committed.path / ".git").rglob("*")}

    before = objects()
    compared(one, other)
    assert objects() == before


def test_no_more_of_a_diff_is_held_than_was_asked_for(folder: ProjectFolder) -> None:
    one = recorded(folder)
    (folder.path / "train.py").write_text("more\n" * 200_000)
    other = recorded(folder)
    with (
        EmbeddedStore(Path("mlruns").absolute()) as store,
        open_both(store, store.get_run(one), store.get_run(other)) as runs,
        open_trees(*runs) as made,
    ):
        both_trees = [made.make_tree(run) for run in runs]
        assert len(made.diff_trees(*both_trees, most=5000)) == 5000
        assert made.diff_trees(*both_trees).count("\n+more") == 200_000


def test_many_files_start_no_more_processes_than_few(
    folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Mock(side_effect=process.run)
    monkeypatch.setattr(process, "run", started)

    def processes(a: str, b: str, line: str) -> int:
        started.reset_mock()
        assert line in compared(a, b)[1]
        return started.call_count

    one = recorded(folder)
    (folder.path / "train.py").write_text("a\nc\n")
    few = processes(one, recorded(folder), "+c\n")
    for number in range(20):
        (folder.path / f"{number} ü.txt").write_text(f"{number}\n")
    assert processes(one, recorded(folder), "+19\n") == few
