"""A work tree that was seen to be as its commit is remembered by the states of all its files at once."""

from __future__ import annotations

import hashlib
import os
from array import array
from pathlib import Path

from reprise import durable, paths
from reprise.runner.record.digests import is_settled
from reprise.runner.worktree.walking import Walk

FOLDER = "clean-v1"


class Seen:
    """Whether a work tree is as it was when every file in it was found to be that of ``commit``."""

    def __init__(self, root: Path, commit: str, walk: Walk) -> None:
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:32]
        self._file = paths.cache_dir() / FOLDER / name
        self._walk = walk
        self._state = _state_of(commit, walk)

    @property
    def is_clean(self) -> bool:
        try:
            return self._file.read_text() == self._state
        except (OSError, ValueError):
            return False

    def note_clean(self) -> None:
        """Store the state, unless a file may still change without new times."""
        if all(map(is_settled, self._walk.files.values())):
            try:
                durable.write_note(self._file, self._state)
            except OSError:
                return  # the next run compares again


def _state_of(commit: str, walk: Walk) -> str:
    numbers = array("Q")
    for state in walk.files.values():
        numbers.extend(
            (
                state.st_mode,
                state.st_size,
                state.st_mtime_ns % 2**64,
                state.st_ctime_ns % 2**64,
                state.st_ino % 2**64,
            )
        )
    names = "\0".join((commit, *walk.files, "", *walk.repositories))
    return hashlib.sha256(os.fsencode(names) + b"\0\0" + numbers.tobytes()).hexdigest()
