"""What libraries beside the runs make of files: read in a process of their own, all files of a comparison
at once.

A file is asked for; when everything has been asked for, one process reads them all, and what they hold is
known
when the comparison asks again. It is our own interpreter where it has the library, else that of the run.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from reprise import process
from reprise.errors import RepriseError
from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.files import reading
from reprise.runner.verdict.files.arrays import make_array, read_item_type
from reprise.runner.verdict.files.objects import Entries

PATIENCE = 300.0
"""Seconds that a process may read."""

_MOST_STARTS = 5  # of one interpreter: a library that crashes takes its process with it

Performed: TypeAlias = Callable[[Path, tuple[str, ...]], process.Completed]
"""Runs ``python ARGUMENTS`` in a folder."""

Compared = TypeVar("Compared")


class NotRead(Exception):
    """What a file holds is not known; the message is a clause that says why."""


class LibraryMissing(NotRead):
    """The library that reads it is not in the environment that was tried."""


class ReadingPlace(NamedTuple):
    """An interpreter that may have the library: ``title`` is for people, empty for our own.

    ``perform_requests`` raises RepriseError where it cannot be started.
    """

    title: str
    perform: Performed


class AskedReading(NamedTuple):
    """A file whose content is requested, by its digest."""

    kind: str
    digest: str


class ReaderAnswer(NamedTuple):
    """``result`` is the path of what was written down of a file, without an ending; read at ``title``."""

    result: Path
    title: str


class Readings(Protocol):
    """Where the content of files comes from that need a library."""

    def read_file(self, kind: str, data: bytes) -> tuple[Any, str]:
        """What the file holds, and where it was read, empty for here.

        Raises:
            NotRead: it is not known, or not yet.
        """


class ReadingsByProcess:
    """Readings of processes; ``folder`` is for the files, ``places`` are tried one after the other."""

    def __init__(self, folder: Path, places: Iterable[ReadingPlace]) -> None:
        self._folder = folder
        self._places = places
        self._known: dict[AskedReading, ReaderAnswer | NotRead] = {}
        self._waiting: list[AskedReading] = []
        self._starts = 0
        self.requests = 0

    def read_file(self, kind: str, data: bytes) -> tuple[Any, str]:
        asked = AskedReading(kind, hashlib.sha256(data).hexdigest())
        found = self._known.get(asked)
        if isinstance(
            found, ReaderAnswer
        ):  # from its file: all of them at once could be more than fits in memory
            return _read_result(found.result), found.title
        if isinstance(found, NotRead):
            raise found
        self.requests += 1
        if asked not in self._waiting:
            self._waiting.append(asked)
            self._copy_of(asked).write_bytes(data)
        raise NotRead("it is not read yet")

    def _copy_of(self, asked: AskedReading) -> Path:
        return self._folder / f"{asked.digest}.file"

    def perform_requests(self) -> None:
        """Read what was asked for, as far as one of the places can."""
        waiting, self._waiting = self._waiting, []
        for place in self._places:
            if not waiting:
                return
            waiting = self._read_at(place, waiting)

    def _read_at(self, place: ReadingPlace, asked: list[AskedReading]) -> list[AskedReading]:
        """What is left for the next place: files whose library is not here."""
        left: list[AskedReading] = []
        for _ in range(_MOST_STARTS):
            self._starts += 1
            folder = self._folder / f"readings-{self._starts}"
            folder.mkdir()
            try:
                ended = self._start_reader(place, folder, asked)
            except RepriseError as error:
                reason = NotRead(f"{place.title} cannot be entered to read it: {error.message}")
                self._known |= dict.fromkeys(asked, reason)
                return [*left, *asked]
            unanswered = []
            for number, item in enumerate(asked):
                fault = _read_fault(folder / str(number))
                if fault is None and not (folder / f"{number}.json").exists():
                    unanswered.append(item)
                    continue
                self._known[item] = fault or ReaderAnswer(folder / str(number), place.title)
                left += [item] if isinstance(fault, LibraryMissing) else []
            if not unanswered:
                break
            self._known[unanswered[0]] = NotRead(
                f"the process that reads it ended with exit code {ended.exit_code}"
            )
            asked = unanswered[1:]
        return left

    def _start_reader(
        self, place: ReadingPlace, folder: Path, asked: Sequence[AskedReading]
    ) -> process.Completed:
        requests = []
        for number, item in enumerate(asked):
            shutil.copyfile(self._copy_of(item), folder / f"{number}.file")
            requests.append({"kind": item.kind, "file": f"{number}.file", "result": str(number)})
        (folder / "requests.json").write_text(json.dumps(requests), encoding="utf-8")
        script = Path(reading.__file__)
        shutil.copy(script, folder / script.name)
        return place.perform(folder, ("-I", script.name, "requests.json"))


def _read_fault(result: Path) -> NotRead | None:
    """Why the file was not read; None where it was, or where nothing is written down."""
    try:
        found = json.loads(result.with_suffix(".json").read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        return NotRead(f"what was read of it is damaged: {error}")
    if "missing" in found:
        return LibraryMissing(f"it is read with {found['missing']}, which is not installed")
    return NotRead(f"it cannot be read: {found['error']}") if "error" in found else None


def _read_result(result: Path) -> Any:
    """What a file holds, as it was written down.

    Raises:
        NotRead: that is damaged.
    """
    try:
        found = json.loads(result.with_suffix(".json").read_bytes())
        return read_written(found["value"], result.with_suffix(".bin").read_bytes())
    except (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise NotRead(f"what was read of it is damaged: {error}") from error


def read_written(written: Any, blob: bytes) -> Any:
    """The value that :func:`reading.plain` wrote down."""
    if isinstance(written, list):
        return [read_written(item, blob) for item in written]
    if not isinstance(written, dict):
        return written
    if "$array" in written:
        kind, shape, begin, end = written["$array"]
        return make_array(read_item_type(kind), shape, blob[begin:end])
    if "$bytes" in written:
        return blob[slice(*written["$bytes"])]
    if "$pairs" in written:
        return Entries(
            [(read_written(key, blob), read_written(inner, blob)) for key, inner in written["$pairs"]]
        )
    return {name: read_written(inner, blob) for name, inner in written.items()}


def settle_comparisons(
    comparisons: Sequence[Callable[[], Compared]], readings: ReadingsByProcess
) -> Iterator[Compared]:
    """What each comparison comes to; those that ask for a reading are made again when all have asked."""
    first: list[tuple[Compared, bool]] = []
    for compare in comparisons:
        before = readings.requests
        first.append((compare(), readings.requests != before))
    readings.perform_requests()
    for compare, (found, has_asked) in zip(comparisons, first, strict=True):
        yield compare() if has_asked else found


def own_interpreter(folder: Path, arguments: tuple[str, ...]) -> process.Completed:
    """Performs a script in the interpreter that runs us."""
    return process.run((sys.executable, *arguments), cwd=folder, check=False, timeout=PATIENCE)


OWN = ReadingPlace("", own_interpreter)
