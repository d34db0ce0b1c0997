"""GitPython reads repositories in many states: what we record of them must be what it finds."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import git
import pytest

from reprise.schemas import tags
from tests.conftest import ProjectFolder

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]
State = Callable[[Path], None]

FILES = {
    "MLproject": "entry_points: {main: {command: 'true'}}\n",
    "train.py": "print('one')\nprint('two')\n",
    "data/values.csv": "1,2\n3,4\n",
    "notes with spaces.txt": "a\n",
    "ünïcode.txt": "ä\n",
    "tool.sh": "#!/bin/sh\n",
    ".gitignore": "*.tmp\n/build/\n",
}


def run_git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, message: str = "more") -> None:
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "-q", "--allow-empty", "-m", message)


def leave_clean(root: Path) -> None:
    pass


def change(root: Path) -> None:
    (root / "train.py").write_text("print('three')\n")


def stage(root: Path) -> None:
    change(root)
    run_git(root, "add", "train.py")


def stage_and_change_again(root: Path) -> None:
    stage(root)
    (root / "train.py").write_text("print('four')\n")


def stage_and_take_back(root: Path) -> None:
    stage(root)
    (root / "train.py").write_text(FILES["train.py"])


def add_untracked(root: Path) -> None:
    (root / "new folder").mkdir()
    (root / "new folder" / "new.txt").write_text("new\n")


def add_ignored(root: Path) -> None:
    (root / "a.tmp").write_text("scratch\n")
    (root / "build").mkdir()
    (root / "build" / "out.bin").write_bytes(b"\0\1")


def stage_new_file(root: Path) -> None:
    (root / "staged.txt").write_text("staged\n")
    run_git(root, "add", "staged.txt")


def delete(root: Path) -> None:
    (root / "data" / "values.csv").unlink()


def delete_from_index_only(root: Path) -> None:
    run_git(root, "rm", "-q", "--cached", "train.py")


def rename(root: Path) -> None:
    run_git(root, "mv", "train.py", "fit.py")


def make_executable(root: Path) -> None:
    (root / "train.py").chmod(0o755)


def replace_by_link(root: Path) -> None:
    (root / "train.py").unlink()
    (root / "train.py").symlink_to("tool.sh")


def change_awkward_names(root: Path) -> None:
    (root / "notes with spaces.txt").write_text("b\n")
    (root / "ünïcode.txt").write_text("ö\n")
    (root / 'quote".txt').write_text("c\n")


def add_binary(root: Path) -> None:
    (root / "weights.bin").write_bytes(bytes(range(256)))


def change_line_ends(root: Path) -> None:
    (root / "train.py").write_bytes(FILES["train.py"].replace("\n", "\r\n").encode())


def touch(root: Path) -> None:
    os.utime(root / "train.py", (1, 1))


def detach(root: Path) -> None:
    commit(root)
    run_git(root, "checkout", "-q", "HEAD~1")


def be_on_a_branch(root: Path) -> None:
    run_git(root, "checkout", "-q", "-b", "feature/new-loss")
    commit(root)
    change(root)


def be_in_a_merge(root: Path) -> None:
    run_git(root, "checkout", "-q", "-b", "other")
    change(root)
    commit(root)
    run_git(root, "checkout", "-q", "trunk")
    (root / "train.py").write_text("print('five')\n")
    commit(root)
    subprocess.run(["git", "merge", "-q", "other"], cwd=root, check=False, capture_output=True)


def pack_refs(root: Path) -> None:
    run_git(root, "pack-refs", "--all")
    run_git(root, "gc", "-q")


def have_a_tag_of_the_branch_s_name(root: Path) -> None:
    run_git(root, "tag", "trunk")
    commit(root)


def have_a_remote(root: Path) -> None:
    run_git(root, "remote", "add", "origin", "https://host.example/team/project.git")


def have_an_ssh_remote(root: Path) -> None:
    run_git(root, "remote", "add", "origin", "git@host.example:team/project.git")


def have_two_remotes(root: Path) -> None:
    run_git(root, "remote", "add", "backup", "https://backup.example/p.git")
    have_a_remote(root)


STATES: tuple[State, ...] = (
    *(leave_clean, change, stage, stage_and_change_again, stage_and_take_back, add_untracked, add_ignored),
    *(stage_new_file, delete, delete_from_index_only, rename, make_executable, replace_by_link),
    *(change_awkward_names, add_binary, change_line_ends, touch, detach, be_on_a_branch, be_in_a_merge),
    *(pack_refs, have_a_tag_of_the_branch_s_name, have_a_remote, have_an_ssh_remote, have_two_remotes),
)


@pytest.fixture
def repository(project: Write) -> ProjectFolder:
    made = project(FILES)
    run_git(made.path, "init", "-q", "-b", "trunk")
    (made.path / "tool.sh").chmod(0o755)
    commit(made.path, "first")
    return made


def read_record(project: ProjectFolder) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """The tags and the source of the newest run."""
    done = project.run()
    assert done.exit_code == 0, done.err
    (run, *_) = project.runs()
    return run.tags, json.loads(project.artifact(run, "reprise/run.json"))["source"]


def read_branch(repo: git.Repo) -> str | None:
    return None if repo.head.is_detached else repo.active_branch.name


def digest_of(path: Path) -> str:
    content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def expect_files(repo: git.Repo, root: Path) -> tuple[dict[str, str], set[str]]:
    """What differs from the commit, as GitPython sees it: content by path, and what is gone."""
    paths = set(repo.untracked_files)
    for item in repo.head.commit.diff(None):
        paths |= {path for path in (item.a_path, item.b_path) if path}
    there = {path for path in paths if (root / path).is_symlink() or (root / path).exists()}
    changed = {path for path in there if not is_as_committed(repo, root / path, path)}
    return {path: digest_of(root / path) for path in changed}, paths - there


def list_committed(repo: git.Repo) -> list[str]:
    return [str(item.path) for item in repo.head.commit.tree.traverse() if isinstance(item, git.Blob)]


def list_absent(source: Mapping[str, Any], committed: list[str]) -> set[str]:
    """The files that the record says are gone; a folder in it means all of its files."""
    absent = [item["path"] for item in source["absent"]]
    folders = tuple(path for path in absent if path.endswith("/"))
    return {path for path in committed if path in absent or path.startswith(folders)}


def is_as_committed(repo: git.Repo, file: Path, path: str) -> bool:
    """Whether only the index says that the file is another one: a run does not see the index."""
    try:
        blob = repo.head.commit.tree / path
    except KeyError:
        return False
    is_executable = bool(file.stat().st_mode & 0o100)
    return (
        not file.is_symlink()
        and is_executable == (blob.mode == 0o100755)
        and (bytes(blob.data_stream.read()) == file.read_bytes())
    )


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_repository_is_recorded_as_gitpython_reads_it(state: State, repository: ProjectFolder) -> None:
    state(repository.path)
    with git.Repo(repository.path) as repo:
        head, branch = repo.head.commit.hexsha, read_branch(repo)
        url = repo.remotes["origin"].url if repo.remotes else None
        committed = list_committed(repo)
        first_url = repo.remotes[0].url if repo.remotes else None
        files, gone = expect_files(repo, repository.path)
        is_dirty = repo.is_dirty(untracked_files=True) and bool(files or gone)
    told, source = read_record(repository)
    assert told[tags.GIT_COMMIT] == source["commit"] == head
    assert told.get(tags.GIT_BRANCH) == source["branch"] == branch
    assert (told.get(tags.GIT_REPO_URL), source["url"]) == (first_url, url)  # mlflow takes the first one
    assert (told[tags.DIRTY] == "true", source["dirty"]) == (is_dirty, is_dirty)
    assert {item["path"]: item["content"]["digest"] for item in source["files"]} == files
    assert list_absent(source, committed) == gone


def test_a_project_in_a_folder_of_the_repository(repository: ProjectFolder) -> None:
    inner = repository.path / "models" / "iris"
    inner.mkdir(parents=True)
    (inner / "MLproject").write_text(FILES["MLproject"])
    commit(repository.path)
    change(repository.path)
    told, source = read_record(ProjectFolder(inner, repository.capture))
    with git.Repo(inner, search_parent_directories=True) as repo:
        assert told[tags.GIT_COMMIT] == repo.head.commit.hexsha
        assert (told[tags.DIRTY] == "true") == repo.is_dirty(untracked_files=True)
        assert source["subdirectory"] == os.path.relpath(inner, str(repo.working_tree_dir))


def test_a_linked_work_tree_and_a_shallow_clone(repository: ProjectFolder, tmp_path: Path) -> None:
    commit(repository.path)
    run_git(repository.path, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    run_git(tmp_path, "clone", "-q", "--depth=1", repository.path.as_uri(), "shallow")
    for folder in (tmp_path / "side", tmp_path / "shallow"):
        change(folder)
        told, source = read_record(ProjectFolder(folder, repository.capture))
        with git.Repo(folder) as repo:
            assert (told[tags.GIT_COMMIT], source["branch"]) == (repo.head.commit.hexsha, read_branch(repo))
            files, gone = expect_files(repo, folder)
            committed = list_committed(repo)
        assert {item["path"]: item["content"]["digest"] for item in source["files"]} == files
        assert list_absent(source, committed) == gone


def test_what_is_kept_makes_the_same_work_tree_again(repository: ProjectFolder, tmp_path: Path) -> None:
    """The diff between a clean and a dirty run, applied to a checkout that GitPython makes."""
    assert repository.run().exit_code == 0
    for state in (stage_and_change_again, delete, add_untracked, change_awkward_names, make_executable):
        state(repository.path)
    assert repository.run().exit_code == 0
    dirty, clean = (run.run_id for run in repository.runs())
    done = repository.reprise("diff", clean, dirty, "--json")
    assert done.exit_code == 0, done.err
    shown = json.loads(done.out)
    with git.Repo.clone_from(str(repository.path), str(tmp_path / "copy")) as copy:
        patch = tmp_path / "kept.patch"
        patch.write_text(shown["source"]["diff"])
        copy.git.apply(str(patch))
        copy.git.add("--all")
        made = copy.git.write_tree()
    with git.Repo(repository.path) as repo:
        repo.git.add("--all")
        assert repo.git.write_tree() == made
