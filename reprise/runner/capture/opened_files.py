"""Files ignored by git that a program of a run opens, reported by the kernel on Linux.

The observer sees the files that Python opens. C libraries (Arrow, HDF5) and other programs open files
themselves, and data is usually ignored by git. Only ignored files are watched: git has the others.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from reprise.runner.capture.observed import FOLDER
from reprise.runner.worktree.walking import is_environment, is_made_by_running

_CLOSED_UNWRITTEN, _OVERFLOW, _IS_FOLDER = 0x10, 0x4000, 0x40000000
_CLOSE_ON_EXEC, _NON_BLOCKING = 0o2000000, 0o4000
_HEAD = 16  # bytes of an event before its name: four numbers, the last is the length of the name
_AT_ONCE = 1 << 16
_FOLDERS = 500  # that are watched at most
_UNKNOWN = "more files ignored by git were read than the kernel reported"


@contextmanager
def noting_opened_files(root: Path, ignored: Sequence[str], job: Path) -> Iterator[None]:
    """Note which of the ``ignored`` files below ``root`` are opened for reading during the block, for the
    run with the folder ``job``.

    Does nothing if they cannot be watched, or if observation is off.
    """
    notes = job / FOLDER
    places = [*islice(_places_to_watch(root, ignored), _FOLDERS)] if notes.is_dir() else []
    watched = _watch_places(places) if places else None
    if watched is None:
        yield
        return
    descriptor, watches = watched
    try:
        yield
        _write_note(notes, [*_read_opened(descriptor, watches)])
    finally:
        os.close(descriptor)


def _places_to_watch(root: Path, ignored: Iterable[str]) -> Iterator[str]:
    """The ignored files, and the folders with all that are below them, but for caches and environments."""
    for name in ignored:
        path = f"{root}/{name.rstrip('/')}"
        if is_environment(name) or is_made_by_running(name) or os.path.lexists(f"{path}/pyvenv.cfg"):
            continue
        yield path
        for folder, below, _ in os.walk(path):
            below[:] = [inner for inner in below if not is_made_by_running(inner)]
            yield from (f"{folder}/{inner}" for inner in below)


def _watch_places(places: Sequence[str]) -> tuple[int, dict[int, str]] | None:
    """Return the descriptor of the kernel's events, and the path of each watch number; None if not
    available.
    """
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    library = ctypes.CDLL(None)
    descriptor = library.inotify_init1(_CLOSE_ON_EXEC | _NON_BLOCKING)
    if descriptor < 0:
        return None
    found: dict[int, str] = {}
    for place in places:
        number = library.inotify_add_watch(descriptor, os.fsencode(place), _CLOSED_UNWRITTEN)
        if number >= 0:
            found[number] = place
    return descriptor, found


def _read_opened(descriptor: int, places: dict[int, str]) -> Iterator[str | None]:
    """The files that were opened for reading, each once; None where the kernel has lost some."""
    found: dict[str | None, None] = {}
    while data := _read_events(descriptor):
        at = 0
        while at < len(data):
            number, mask, _, length = (
                int.from_bytes(data[at + begin : at + begin + 4], sys.byteorder)
                for begin in range(0, _HEAD, 4)
            )
            name = os.fsdecode(data[at + _HEAD : at + _HEAD + length].rstrip(b"\0"))
            at += _HEAD + length
            if mask & _OVERFLOW:
                found[None] = None
            elif number in places and not mask & _IS_FOLDER:
                found[f"{places[number]}/{name}" if name else places[number]] = None
    yield from found


def _read_events(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _AT_ONCE)
    except BlockingIOError:
        return b""


def _write_note(notes: Path, opened: Sequence[str | None]) -> None:
    """As a process of the run notes what it reads; what Python has written by now counts as written."""
    if not opened:
        return
    now = f"{time.monotonic():.6f}"
    lines = [("BLIND", _UNKNOWN) if path is None else ("READ", path) for path in opened]
    text = "".join(f"{word}\t{now}\t{_escape_field(field)}\n" for word, field in lines)
    (notes / f"{os.getpid()}.0").write_bytes(os.fsencode(text))


def _escape_field(field: str) -> str:
    return field.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
