"""Digests of a run's inputs: files and folders in parameters, and logged datasets.

Small inputs are read before the run starts. Large ones are read during the run, unless their digests are
cached; if they have changed by then, this is reported.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reprise.named_tuple import NamedTuple
from reprise.redact import redact
from reprise.runner.record import digests
from reprise.runner.record.digests import FileDigest, Memory
from reprise.schemas.entities import DatasetInput
from reprise.schemas.job import Invocation
from reprise.schemas.project import EntryPoint
from reprise.schemas.record.run_record import InputRecord

_SMALL = 16 * 10**6  # bytes of one input that are read before the start
_FEW = 1000  # files
_NAMED = 3
_LISTED = 100  # files of a folder whose digests are recorded separately
_TICK = 10**7  # ns: clocks of file systems are behind by a little


class Postponed(NamedTuple):
    """An input that is read during the run."""

    record: InputRecord
    path: Path


class Inputs(NamedTuple):
    """``since`` is when they were looked at, in ns since the epoch."""

    records: tuple[InputRecord, ...]
    postponed: tuple[Postponed, ...] = ()
    since: int = 0


class _TooMuch(Exception):
    """More than is read before the start."""


class _Changed(Exception):
    """Return whether it has changed since the run started."""


def capture_before(entry_point: EntryPoint, invocation: Invocation, root: Path) -> Inputs:
    """Return the inputs in the parameters in their current state; ``root`` is that of the source.

    Raises:
        OSError: one of them cannot be read.
    """
    since = time.time_ns() - _TICK
    records: list[InputRecord] = []
    postponed: list[Postponed] = []
    for record, path in _find_named(entry_point, invocation, root):
        try:
            records.append(_add_digests(record, path, _Room()))
        except _TooMuch:
            postponed.append(Postponed(record, path))
    return Inputs(tuple(records), tuple(postponed), since)


def capture_later(item: Postponed, since: int) -> tuple[InputRecord, str | None]:
    """Return the record of a large input, and a sentence if its state at the start is not known."""
    try:
        found = _add_digests(item.record, item.path, None)
        if any(_change_time(path) > since for path in _walk_all(item.path)):
            raise _Changed
        return found, None
    except _Changed:
        return (
            item.record,
            f"the input {item.record.name} changed during the run: its digest is not known",
        )
    except OSError as error:
        return item.record, f"cannot read the input {item.record.name}: {error.strerror}"


def name_changes(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The names of files that are not the same in two folders: ``a.csv, b/c.csv and 4 more``."""
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def record_dataset(logged: DatasetInput) -> InputRecord:
    """A dataset as the run logged it, with the digest that came with it."""
    found = logged.dataset
    return InputRecord(found.name, redact(found.source), "dataset", None, found.digest)


def _find_named(
    entry_point: EntryPoint, invocation: Invocation, root: Path
) -> Iterator[tuple[InputRecord, Path]]:
    for item in invocation.parameters:
        declared = entry_point.parameters.get(item.name)
        path = _path_of(declared.type, item.rendered) if declared else None
        if path is not None and path.exists():
            kind = "folder" if path.is_dir() else "file"
            yield (
                InputRecord(item.name, None if item.secret else _uri_of(item.text, path, root), kind),
                path,
            )


def is_fetched(text: str) -> bool:
    """Whether an input of this name comes from elsewhere; every other name is a path."""
    return bool(re.match(r"(?i)(?!file:)([a-z][a-z0-9+.-]*://|(runs|models|mlflow-artifacts):)", text))


def _uri_of(text: str, path: Path, root: Path) -> str:
    """Return the origin of the input: a URI, a path relative to the source's root, or an absolute path."""
    if is_fetched(text):
        return redact(text)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _path_of(kind: str, value: str) -> Path | None:
    """What a parameter's value names on this machine."""
    if kind == "path":
        return Path(value)
    if kind == "uri" and value.lower().startswith("file:"):
        return Path(unquote(urlsplit(value).path))
    return None


class _Room:
    """How much of an input is read before the start."""

    def __init__(self) -> None:
        self.bytes, self.files = _SMALL, _FEW

    def take_room(self, size: int) -> None:
        self.bytes -= size
        self.files -= 1
        if self.bytes < 0 or self.files < 0:
            raise _TooMuch


def _add_digests(record: InputRecord, path: Path, room: _Room | None) -> InputRecord:
    """``record`` with its size and digest, and those of the files of a small folder."""
    memory = Memory(path)

    def of_file(file: Path) -> FileDigest:
        state = file.stat()
        known = memory.recall_digest(str(file), state)
        if room is not None:
            room.take_room(0 if known else state.st_size)
        if known:
            return FileDigest(known, state.st_size)
        found = digests.of_bytes(file)
        if found.size == state.st_size:
            memory.note_digest(str(file), state, found.sha256)
        return found

    files = {} if path.is_file() else digests.of_each(path, of_file)
    whole = of_file(path) if path.is_file() else digests.of_all(files)
    memory.save_notes()
    if len(files) <= _LISTED:
        record = record._replace(files={name: f"sha256:{item.sha256}" for name, item in files.items()})
    return record._replace(size=whole.size, digest=f"sha256:{whole.sha256}")


def _walk_all(path: Path) -> Iterator[Path]:
    """A file; or a folder with all files and folders below."""
    yield path
    if path.is_dir():
        for folder in digests.folders_below(path):
            yield from folder.iterdir()


def _change_time(path: Path) -> int:
    return path.stat().st_ctime_ns if path.exists() else 0
