"""Files that runs wrote into a folder: while they are unchanged, they are not source of the next run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reprise import durable, paths

FOLDER = "written-v1"

_MOST = 10_000  # files of a folder that are remembered

Key = list[int]
"""The size, times (ns) and inode of a file."""


def read_written(root: Path) -> Mapping[str, Key]:
    """The files below ``root`` that runs wrote, by path, each with how it was then."""
    try:
        known = json.loads(_file_of(root).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def note_written(root: Path, names: Iterable[str]) -> None:
    """Remember that a run wrote the files ``names``, if they exist."""
    known = read_written(root)
    fresh = {**known, **dict(_list_states(root, names))}
    if fresh == known:
        return
    there = [(name, key) for name, key in fresh.items() if os.path.lexists(root / name)]
    try:
        durable.write_note(_file_of(root), json.dumps(dict(there[-_MOST:])))
    except OSError:
        return  # then they count as source


def key_of(state: os.stat_result) -> Key:
    """Return the state of a file that shows later writes."""
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]


def _list_states(root: Path, names: Iterable[str]) -> Iterator[tuple[str, Key]]:
    for name in names:
        try:
            yield name, key_of(os.lstat(root / name))
        except OSError:
            continue


def _file_of(root: Path) -> Path:
    return paths.cache_dir() / FOLDER / f"{hashlib.sha256(os.fsencode(root)).hexdigest()[:32]}.json"
