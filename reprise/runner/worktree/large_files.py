"""Git LFS: pointers in place of large files, and their content."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_SHORTEST, _LONGEST = 100, 1024  # bytes of a pointer
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)


def read_pointer(file: Path) -> tuple[str, int] | None:
    """Return the SHA-256 and the size of a pointer's content; None if it is not a pointer."""
    try:
        if file.is_symlink() or file.stat().st_size > _LONGEST:
            return None
        found = _POINTER.match(file.read_bytes())
    except OSError:
        return None
    return (found[1].decode(), int(found[2])) if found else None


def find_pointers(root: Path, states: Mapping[str, os.stat_result], attributes: Iterable[str]) -> list[str]:
    """The files of a work tree whose content Git LFS was to fetch, and did not.

    Args:
        states: those of the files to look at.
        attributes: the paths of the files that say what is of Git LFS.
    """
    if not any(_names_lfs(root / path) for path in attributes):
        return []
    small = [path for path, state in states.items() if _SHORTEST < state.st_size <= _LONGEST]
    return sorted(path for path in small if read_pointer(root / path))


def _names_lfs(file: Path) -> bool:
    try:
        return b"filter=lfs" in file.read_bytes()
    except OSError:
        return False
