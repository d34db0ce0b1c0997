"""The tracked files of a work tree, each compared with its commit by bytes, kind and mode.

Contents are read once: their ids are cached by size, times and inode, as in git's index. The index itself
is not used: it reports "unchanged" for files that git converts or ignores.
"""

from __future__ import annotations

import filecmp
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.runner.record import digests
from reprise.runner.record.digests import Memory
from reprise.runner.worktree.commits import GITLINK, TrackedFile, id_of, is_attributes, write_plainly
from reprise.runner.worktree.large_files import read_pointer
from reprise.schemas.record.run_record import EXECUTABLE, LINK

_PURPOSE = "ids of git"


class TreeComparison(NamedTuple):
    """Paths of tracked files: changed, missing, and downloaded by LFS."""

    changed: list[str]
    absent: list[str]
    large: dict[str, tuple[str, int]]


def compare_files(
    root: Path, tracked: Mapping[str, TrackedFile], states: Mapping[str, os.stat_result], *, modes: bool
) -> TreeComparison:
    """Compare the files of ``root`` with those of its commit.

    Args:
        states: of the existing files, as far as they were examined.
        modes: whether the file system keeps the permission to execute.

    Raises:
        SourceError: git cannot show the commit.
    """
    memory = Memory(root, _PURPOSE)
    changed, absent, converted = [], [], []
    for path, item in tracked.items():
        if item.mode == GITLINK:
            continue
        state = states.get(path) or _state_of(root, path)
        if state is None:
            absent.append(path)
        elif not _is_of_kind(state, item.mode, modes):
            changed.append(path)
        elif _find_id(root, path, state, item.id, memory) != item.id:
            converted.append(path)
    memory.save_notes()
    large: dict[str, tuple[str, int]] = {}
    if converted and any(is_attributes(path) for path in tracked):
        converted, large = _without_conversions(root, tracked, converted)
    return TreeComparison(sorted([*changed, *converted]), absent, large)


def _state_of(root: Path, path: str) -> os.stat_result | None:
    """The state of a file that no link leads to."""
    parts = path.split("/")
    try:
        for end in range(1, len(parts)):
            if not stat.S_ISDIR(os.lstat(root.joinpath(*parts[:end])).st_mode):
                return None
        state = os.lstat(root / path)
    except OSError:
        return None
    return None if stat.S_ISDIR(state.st_mode) else state


def _is_of_kind(state: os.stat_result, mode: str, modes: bool) -> bool:
    if mode == LINK:
        return stat.S_ISLNK(state.st_mode)
    executable = bool(state.st_mode & stat.S_IXUSR)
    return stat.S_ISREG(state.st_mode) and (not modes or executable == (mode == EXECUTABLE))


def _find_id(root: Path, path: str, state: os.stat_result, like: str, memory: Memory) -> str | None:
    """Return the id of the file at ``path``; None if it cannot be read."""
    if known := memory.recall_digest(path, state):
        return known
    file = f"{root}/{path}"
    try:
        if stat.S_ISLNK(state.st_mode):
            return id_of(os.fsencode(os.readlink(file)), like)  # noqa: PTH115
        with open(file, "rb") as stream:  # noqa: PTH123
            data = stream.read()
    except OSError:
        return None
    found = id_of(data, like)
    if len(data) == state.st_size:
        memory.note_digest(path, state, found)
    return found


def _without_conversions(
    root: Path, tracked: Mapping[str, TrackedFile], paths: Iterable[str]
) -> tuple[list[str], dict[str, tuple[str, int]]]:
    """Those of ``paths`` that a plain checkout does not give so, and those that LFS has fetched."""
    wanted = {path: item for path, item in tracked.items() if is_attributes(path)}
    wanted |= {path: tracked[path] for path in paths}
    changed, large = [], {}
    memory = Memory(root, "files of Git LFS")
    with scratch() as folder:
        tree = write_plainly(root, wanted, folder)
        for path in paths:
            if _is_same(tree / path, root / path):
                continue
            pointer = read_pointer(tree / path)
            if pointer and _digest_file(root / path, memory) == pointer:
                large[path] = pointer
            else:
                changed.append(path)
    memory.save_notes()
    return changed, large


def _is_same(one: Path, other: Path) -> bool:
    try:
        if one.is_symlink() or other.is_symlink():
            return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _digest_file(file: Path, memory: Memory) -> tuple[str, int] | None:
    try:
        state = file.stat()
        found = memory.recall_digest(str(file), state) or ""
        if not found:
            found = digests.of_bytes(file).sha256
            memory.note_digest(str(file), state, found)
    except OSError:
        return None
    return found, state.st_size
