"""What git itself would say of files that are not as in the commit: its index knows, and is only read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

from reprise.named_tuple import NamedTuple
from reprise.runner.vcs import repositories
from reprise.runner.worktree.commits import GITLINK, TrackedFile
from reprise.schemas.record.run_record import EXECUTABLE, PLAIN
from reprise.schemas.work_tree import Standing

_FEW = 200  # paths that are given to git as arguments
_ENTRY = re.compile(
    rb"(?P<tag>.) (?P<mode>\d+) (?P<id>[0-9a-f]+) \d\t(?P<path>[^\0]*)\0"
    rb"  ctime: .*\n  mtime: (?P<seconds>\d+):(?P<nanoseconds>\d+)\n  dev: .*\n  uid: .*\n"
    rb"  size: (?P<size>\d+)\tflags: .*\n"
)
_SKIPPED = b"S"


class _Indexed(NamedTuple):
    """An entry of the index; ``seen`` is the time (ns) and size (modulo 2**32) that the file had then."""

    is_hidden: bool
    mode: str
    id: str
    seen: tuple[int, int]


def find_standings(
    root: Path,
    paths: Collection[str],
    tracked: Mapping[str, TrackedFile],
    states: Mapping[str, os.stat_result],
    *,
    minds_modes: bool,
) -> dict[str, Standing]:
    """The standing of each of ``paths``, which differ from the commit or are not in it.

    Args:
        minds_modes: whether git has to look at the permission to execute.

    Raises:
        SourceError: git does not show its index.
    """
    if not paths:
        return {}
    index = _read_index(root, paths)

    def find_standing(path: str) -> Standing:
        indexed = index.get(path)
        if path not in tracked:
            return Standing.ADDED if indexed else Standing.UNTRACKED
        if indexed is None or indexed.id != tracked[path].id:
            return Standing.CHANGED
        if indexed.is_hidden or _is_unchanged(indexed, states.get(path), minds_modes):
            return Standing.HIDDEN
        return Standing.CHANGED

    return {path: find_standing(path) for path in paths}


def list_added_modules(root: Path, paths: Collection[str]) -> dict[str, str]:
    """Those of the folders ``paths`` that are submodules by the index alone, each with its commit there.

    Raises:
        SourceError: git does not show its index.
    """
    index = _read_index(root, paths) if paths else {}
    return {path: entry.id for path, entry in index.items() if entry.mode == GITLINK}


def _read_index(root: Path, paths: Collection[str]) -> dict[str, _Indexed]:
    few = ("--", *paths) if len(paths) <= _FEW else ()
    listing = repositories.demand_git(root, "ls-files", "-z", "-v", "--stage", "--debug", *few)
    return {
        os.fsdecode(entry["path"]): _Indexed(
            entry["tag"] == _SKIPPED or entry["tag"].islower(),
            entry["mode"].decode(),
            entry["id"].decode(),
            (int(entry["seconds"]) * 10**9 + int(entry["nanoseconds"]), int(entry["size"])),
        )
        for entry in _ENTRY.finditer(listing)
    }


def _is_unchanged(indexed: _Indexed, state: os.stat_result | None, minds_modes: bool) -> bool:
    """Whether git finds the file as it was when it put it into the index."""
    if state is None or indexed.seen != (state.st_mtime_ns, state.st_size % 2**32):
        return False
    executable = bool(state.st_mode & stat.S_IXUSR)
    is_mode_changed = indexed.mode in (PLAIN, EXECUTABLE) and executable != (indexed.mode == EXECUTABLE)
    return not (is_mode_changed and minds_modes)
