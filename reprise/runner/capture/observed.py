"""What the processes of a run were seen to do, as ``observer/sitecustomize.py`` noted it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

FOLDER = "observed"
"""In the folder of a job: a file of notes for each of its Python processes."""
BEGAN = "began.json"
"""Beside them, from just before the job started: what :mod:`observing` knew then."""


class Started(NamedTuple):
    """A program that was started in ``folder``; ``words`` are its command line, the program first."""

    folder: str
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
    """What all processes of a run did, each thing once, in the order of time.

    Paths are absolute. ``read`` were opened before a process of the run had written them; they need not
    exist. ``written`` were made, changed or renamed to. ``kept`` are copies, in the job's folder, of files
    that were read before they were changed or removed. ``began`` is in ns since the epoch, by the clock of
    the file system. ``faults`` are sentences on what could not be observed.
    """

    began: int
    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: Mapping[str, Path] = {}
    variables: tuple[str, ...] = ()
    started: tuple[Started, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()
    processes: tuple[Process, ...] = ()
    faults: tuple[str, ...] = ()


class _Line(NamedTuple):
    """``number`` is the process, ``at`` the time in seconds by a clock that all processes share."""

    at: float
    process: int
    word: str
    fields: tuple[str, ...]


def read_observation(job: Path) -> Observation | None:
    """What was observed of the run whose job folder is ``job``; None when nothing was to be observed.

    Raises:
        OSError: the notes cannot be read.
    """
    folder = job / FOLDER
    try:
        began = (folder / BEGAN).stat().st_mtime_ns
    except FileNotFoundError:
        return None
    lines = sorted(line for file in folder.iterdir() for line in _lines(file))
    return _summary(folder, began, lines)


def _lines(file: Path) -> Iterator[_Line]:
    """The lines of a process; one that was not finished, or is none of ours, is left out."""
    pid, _, rest = file.name.partition(".")
    if not (pid.isdecimal() and rest.isdecimal()):
        return
    whole, _, _ = file.read_bytes().rpartition(b"\n")
    for text in whole.split(b"\n"):
        word, *fields = os.fsdecode(text).split("\t")
        try:
            yield _Line(float(fields[0]), int(pid), word, tuple(map(_plain, fields[1:])))
        except (ValueError, IndexError):
            continue


def _plain(field: str) -> str:
    if "\\" not in field:
        return field
    first, *rest = field.split("\\\\")
    parts = [part.replace("\\n", "\n").replace("\\t", "\t") for part in (first, *rest)]
    return "\\".join(parts)


class _Places:
    """Paths with their folders resolved; the last part stays: a link in a project is of the project."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def real(self, path: str) -> str:
        folder, name = os.path.split(path)
        if name in ("", ".", ".."):
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return f"{self._folders[folder].rstrip('/')}/{name}"


def _summary(folder: Path, began: int, lines: Iterable[_Line]) -> Observation:
    places = _Places()
    read: dict[str, None] = {}
    written: dict[str, None] = {}
    removed: dict[str, None] = {}
    kept: dict[str, Path] = {}
    others: dict[str, dict[tuple[str, ...], None]] = {}
    processes: list[Process] = []
    faults: dict[str, None] = {}
    for line in lines:
        match line.word, line.fields:
            case "READ", (path,):
                if (path := places.real(path)) not in written:
                    read[path] = None
            case "WRITE", (path,):
                written[places.real(path)] = None
            case "REMOVE", (path,):
                removed[places.real(path)] = None
            case "NEW", (path,):
                read.pop(places.real(path), None)
            case "KEEP", (path, copy, changed) if _number(changed) <= began:
                kept.setdefault(places.real(path), folder / Path(copy).name)
            case "PROCESS", (parent, python, executable, prefix):
                processes.append(Process(line.process, _number(parent), python, executable, prefix))
            case "FORK", (parent,):
                processes.append(Process(line.process, _number(parent)))
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
        tuple(read),
        tuple(written),
        tuple(removed),
        kept,
        tuple(name for (name,) in others.get("VARIABLE", ())),
        tuple(Started(folder, program, tuple(words)) for folder, program, *words in started),
        tuple((host, port) for host, port in others.get("CONNECT", ())),
        tuple(processes),
        tuple(faults),
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
