"""What git ignores in a source, where it is not known what of it a run reads."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path

from reprise.runner.planning.guards import list_names, show_size
from reprise.runner.worktree.ignoring import is_ignored

log = logging.getLogger(__name__)

_MOST = 1000  # files that are counted


def list_named(root: Path, ignored: Iterable[str], files: Iterable[str]) -> list[str]:
    """Those of ``files``, by absolute paths, that git ignores in ``root``; by paths from there."""
    names = frozenset(ignored)
    inside = (Path(file).relative_to(root).as_posix() for file in files if Path(file).is_relative_to(root))
    return [name for name in inside if is_ignored(name, names)]


def warn_of_ignored(root: Path, ignored: Iterable[str], kept: Collection[str]) -> None:
    """Name what git ignores and is not kept: nothing else says that a run has read it."""
    told = [text for name in ignored if name not in kept and (text := _describe_ignored(root, name, kept))]
    if told:
        log.warning("not stored with the run: %s", list_names(told))


def _describe_ignored(root: Path, name: str, kept: Collection[str]) -> str:
    """Return texts like ``data/ (ignored by git, 3 files, 2 MB)``; empty if everything is kept."""
    files = list(islice(_sizes_below(root, name, kept), _MOST + 1))
    if not files:
        return ""
    if not name.endswith("/"):
        return f"{name} (ignored by git, {show_size(files[0])})"
    if len(files) > _MOST:
        return f"{name} (ignored by git, more than {_MOST} files)"
    return f"{name} (ignored by git, {len(files)} file{'s' * (len(files) != 1)}, {show_size(sum(files))})"


def _sizes_below(root: Path, name: str, kept: Collection[str]) -> Iterator[int]:
    if not name.endswith("/"):
        yield from _size_of(root / name)
        return
    for folder, _, files in os.walk(root / name):
        for file in files:
            path = Path(folder, file)
            if path.relative_to(root).as_posix() not in kept:
                yield from _size_of(path)


def _size_of(file: Path) -> Iterator[int]:
    try:
        yield file.lstat().st_size
    except OSError:
        return
