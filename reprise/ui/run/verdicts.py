"""Verdicts that are kept with runs: how each attempt to perform a run again came out, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.storing import ARTIFACT
from reprise.runner.verdict.table import title_of
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.json_text import read_json
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui.html import agreement
from reprise.ui.stored_file import StoredFile

_LARGEST = 4_000_000  # bytes of a report
_MOST = 500  # parts that are shown
_DEEPEST = 20  # child runs in child runs
_SENTENCES = 20
_NAMES = 10  # of what was set aside, of one kind
_LONGEST = 500  # characters of one text
_READ = 5  # reports that are read for a page


class PartShown(NamedTuple):
    """One thing that was compared; ``agreement`` is one of the words of docs/reference/verdict.md.

    ``path`` leads to the child run that it is of, and is empty for the run itself.
    """

    kind: str
    name: str
    agreement: str
    where: str
    note: str
    decides: bool
    path: str = ""

    @property
    def place(self) -> tuple[bool, bool, bool]:
        """What is the same comes last; of the rest that first which decided, and of it what diverged."""
        told = agreement(self.agreement)
        return told == "same", not self.decides, told != "differs"


class AsideShown(NamedTuple):
    """``number`` names of one kind, as ``duration``, that were not compared; the first of them."""

    kind: str
    number: int
    names: tuple[str, ...]

    @property
    def title(self) -> str:
        return title_of(self.kind, self.number)


class Report(NamedTuple):
    """What the file of a verdict says; empty where there is none, or none of ours.

    ``parts`` has what diverged first, then what is not known, and behind them those of child runs in which
    something is not identical; ``beyond`` is how many more there are.
    """

    parts: tuple[PartShown, ...] = ()
    beyond: int = 0
    reservations: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    decided_by: tuple[str, ...] = ()
    set_aside: tuple[AsideShown, ...] = ()


class Attempt(NamedTuple):
    """``run`` performs another one again; ``verdict`` is its sentence, empty while there is none.

    ``report`` is None where it was not read, which takes a while where there are many.
    """

    run: Run
    verdict: str
    report: Report | None = None


def attempts(store: TrackingStore, run_id: str) -> list[Attempt]:
    """How the run was performed again, newest first; only the newest with their reports."""
    found = store.reproductions(run_id)
    return [attempt(store, run) if at < _READ else _said(run) for at, run in enumerate(found)]


def attempt(store: TrackingStore, run: Run) -> Attempt:
    """How ``run``, which performs another one again, came out."""
    return _said(run)._replace(report=_read_report(store, run.run_id))


def _said(run: Run) -> Attempt:
    return Attempt(run, run.tags.get(tags.VERDICT, ""))


def _read_report(store: TrackingStore, run_id: str) -> Report:
    """Nothing where there is no report, or none of ours: anybody can store a file of that name."""
    try:
        file = StoredFile.at(store.artifacts_of(run_id), ARTIFACT)
        if file.size > _LARGEST:
            return Report()
        report = read_json(file.head(_LARGEST))
    except (TrackingError, OSError, ValueError, RecursionError):
        return Report()
    if not isinstance(report, dict):
        return Report()
    parts = [*sorted(_parts(report, ""), key=lambda part: part.place), *_parts_of_children(report, "", 0)]
    return Report(
        tuple(parts[:_MOST]),
        max(len(parts) - _MOST, 0),
        _texts(report, "reservations"),
        _texts(report, "causes"),
        _texts(report, "decided_by"),
        tuple(_set_aside(report)),
    )


def _parts(report: dict[str, Any], path: str) -> Iterator[PartShown]:
    for item in _dicts(report, "parts"):
        kind, name, agreement, where, note = (
            str(item.get(key, ""))[:_LONGEST] for key in ("part", "name", "verdict", "where", "note")
        )
        yield PartShown(kind, name, agreement, where, note, item.get("decides") is not False, path)


def _parts_of_children(report: dict[str, Any], above: str, depth: int) -> Iterator[PartShown]:
    if depth == _DEEPEST:
        return
    for child in _dicts(report, "children"):
        path = f"{above}{str(child.get('name', ''))[:_LONGEST]}"
        yield from sorted(_parts(child, path), key=lambda part: part.place)
        yield from _parts_of_children(child, f"{path} → ", depth + 1)


def _set_aside(report: dict[str, Any]) -> Iterator[AsideShown]:
    kinds = report.get("set_aside")
    for kind, found in kinds.items() if isinstance(kinds, dict) else ():
        if isinstance(found, dict) and isinstance(number := found.get("count"), int):
            yield AsideShown(str(kind)[:_LONGEST], number, _texts(found, "names")[:_NAMES])


def _dicts(report: dict[str, Any], key: str) -> list[dict[str, Any]]:
    listed = report.get(key)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _texts(report: dict[str, Any], key: str) -> tuple[str, ...]:
    listed = report.get(key)
    found = listed[:_SENTENCES] if isinstance(listed, list) else []
    return tuple(str(item)[:_LONGEST] for item in found)
