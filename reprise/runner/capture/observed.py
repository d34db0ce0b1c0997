"""What the processes of a run were seen to do, as ``observer/sitecustomize.py`` noted it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from reprise.named_tuple import NamedTuple
from reprise.runner.capture.places import ProcessPlaces

FOLDER = "observed"
"""In the folder of a job: a file of notes for each of its Python processes."""
BEGAN = "began.json"
"""Beside them, from just before the job started: what :mod:`observing` knew then."""

_ON_FILES = {"READ", "WRITE", "REMOVE", "NEW", "KEEP"}


class Started(NamedTuple):
    """A program that was started in ``folder``, None in a container; ``words`` are its command line."""

    folder: str | None
    program: str
    words: tuple[str, ...]


class Process(NamedTuple):
    """A Python process; what a fork shares with its parent is empty."""

    pid: int
    parent: int
    python: str = ""
    executable: str = ""
    prefix: str = ""


class Observation(NamedTuple):
    """What all processes of a run did, without duplicates, in order of time.

    Paths are absolute. ``read`` were opened before a process of the run had written them; they may not
    exist, and ``missing`` are known not to exist. ``written`` were created, changed or renamed to. ``kept``
    are copies, in the job's folder, of files that were read before they were changed or removed. ``began``
    is in ns since the epoch, by the clock of the file system. ``in_container``: programs are those of an
    image. ``faults`` are sentences on what could not be observed.
    """

    began: int
    read: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: Mapping[str, Path] = {}
    variables: tuple[str, ...] = ()
    started: tuple[Started, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()
    processes: tuple[Process, ...] = ()
    in_container: bool = False
    faults: tuple[str, ...] = ()


_LARGEST_NOTES = 256 << 20  # bytes of one process
_DIGITS = 20


class _NoteLine(NamedTuple):
    """``number`` is the process, ``at`` the time in seconds by a clock that all processes share."""

    at: float
    process: int
    word: str
    fields: tuple[str, ...]


def read_observation(job: Path) -> Observation | None:
    """Return what was observed of the run with the job folder ``job``; None if observation was off.

    Raises:
        OSError: the notes cannot be read.
    """
    folder = job / FOLDER
    try:
        began = (folder / BEGAN).stat().st_mtime_ns
    except FileNotFoundError:
        return None
    lines = sorted(line for file in folder.iterdir() for line in _read_lines(file))
    return _summarise_folder(folder, began, lines)


def _read_lines(file: Path) -> Iterator[_NoteLine]:
    """Return the lines of a process, without incomplete or invalid lines."""
    pid, _, rest = file.name.partition(".")
    if not (pid.isdecimal() and rest.isdecimal() and len(pid) < _DIGITS):
        return
    # the run can put a pipe there, or a link to one of our files
    if file.is_symlink() or not file.is_file():
        return
    with file.open("rb") as stream:
        whole, _, _ = stream.read(_LARGEST_NOTES).rpartition(b"\n")
    for text in whole.split(b"\n"):
        word, *fields = os.fsdecode(text).split("\t")
        try:
            yield _NoteLine(float(fields[0]), int(pid), word, tuple(map(_unescape_field, fields[1:])))
        except (ValueError, IndexError):
            continue


def _unescape_field(field: str) -> str:
    if "\\" not in field:
        return field
    first, *rest = field.split("\\\\")
    parts = [part.replace("\\n", "\n").replace("\\t", "\t") for part in (first, *rest)]
    return "\\".join(parts)


class _Files(NamedTuple):
    """Return the operations on files by path, in order of time."""

    read: dict[str, None]
    missing: dict[str, None]
    written: dict[str, None]
    removed: dict[str, None]
    kept: dict[str, Path]


def _collect_files(folder: Path, began: int, places: ProcessPlaces, lines: Iterable[_NoteLine]) -> _Files:
    found = _Files({}, {}, {}, {}, {})
    for line in lines:
        path = places.find_real(line.fields[0]) if line.word in _ON_FILES and line.fields else None
        if path is None:
            continue
        match line.word, line.fields[1:]:
            case "READ", ():
                if path not in found.written:
                    found.read[path] = None
            case "WRITE", ():
                found.written[path] = None
            case "REMOVE", ():
                found.removed[path] = None
            case "NEW", ():
                found.read.pop(path, None)
                found.missing[path] = None
            case "KEEP", (copy, changed) if _parse_number(changed) <= began:
                found.kept.setdefault(path, folder / Path(copy).name)
    return found


def _summarise_folder(folder: Path, began: int, lines: Sequence[_NoteLine]) -> Observation:
    places = ProcessPlaces.read_places(folder)
    files = _collect_files(folder, began, places, lines)
    others: dict[str, dict[tuple[str, ...], None]] = {}
    processes: list[Process] = []
    faults: dict[str, None] = {}
    for line in lines:
        match line.word, line.fields:
            case "PROCESS", (parent, python, executable, prefix):
                processes.append(Process(line.process, _parse_number(parent), python, executable, prefix))
            case "FORK", (parent,):
                processes.append(Process(line.process, _parse_number(parent)))
            case "BLIND", (reason,):
                faults[reason] = None
            case "FULL", ():
                faults[f"process {line.process} touched more than is noted"] = None
            case "LOST", (count,):
                faults[f"{count} notes of process {line.process} could not be written"] = None
            case word, fields:
                others.setdefault(word, {})[fields] = None
    started = [fields for fields in others.get("START", ()) if len(fields) > 1]
    return Observation(
        began,
        tuple(files.read),
        tuple(files.missing),
        tuple(files.written),
        tuple(files.removed),
        files.kept,
        tuple(fields[0] for fields in others.get("VARIABLE", ()) if fields),
        tuple(
            Started(None if places.in_container else folder, program, tuple(words))
            for folder, program, *words in started
        ),
        tuple((fields[0], fields[1]) for fields in others.get("CONNECT", ()) if len(fields) == 2),
        tuple(processes),
        places.in_container,
        tuple(faults),
    )


def _parse_number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
