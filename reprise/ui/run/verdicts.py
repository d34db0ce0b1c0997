"""The verdicts stored with runs: the result of each reproduction, part by part."""

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
_MOST = 500  # parts shown
_DEEPEST = 20  # depth of child runs
_SENTENCES = 20
_NAMES = 10  # ignored names of one kind
_LONGEST = 500  # characters of one text
_READ = 5  # reports read for a page


class PartShown(NamedTuple):
    """A compared part; ``agreement`` is one of the words of docs/reference/verdict.md.

    ``path`` leads to the child run it belongs to; empty for the run itself.
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
        """Sort equal parts last; of the others, deciding parts first, and of those, diverged parts
        first.
        """
        told = agreement(self.agreement)
        return told == "same", not self.decides, told != "differs"


class AsideShown(NamedTuple):
    """Ignored names of one kind, such as ``duration``: their ``number``, and the first of them."""

    kind: str
    number: int
    names: tuple[str, ...]

    @property
    def title(self) -> str:
        return title_of(self.kind, self.number)


class VerdictReport(NamedTuple):
    """The content of a verdict file; empty if there is no valid one.

    ``parts`` starts with diverged parts, then unknown parts, then those of child runs with differences;
    ``beyond`` counts the parts that are not included.
    """

    parts: tuple[PartShown, ...] = ()
    beyond: int = 0
    reservations: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    decided_by: tuple[str, ...] = ()
    set_aside: tuple[AsideShown, ...] = ()


class Attempt(NamedTuple):
    """A ``run`` that reproduces another run; ``verdict`` is its sentence, empty if there is none yet.

    ``report`` is None if it was not read, to save time.
    """

    run: Run
    verdict: str
    report: VerdictReport | None = None


def attempts(store: TrackingStore, run_id: str) -> list[Attempt]:
    """Return the reproductions of the run, newest first; only the newest with reports."""
    found = store.reproductions(run_id)
    return [attempt(store, run) if at < _READ else _said(run) for at, run in enumerate(found)]


def attempt(store: TrackingStore, run: Run) -> Attempt:
    """Return the verdict of ``run``, which reproduces another run."""
    return _said(run)._replace(report=_read_report(store, run.run_id))


def _said(run: Run) -> Attempt:
    return Attempt(run, run.tags.get(tags.VERDICT, ""))


def _read_report(store: TrackingStore, run_id: str) -> VerdictReport:
    """Return an empty report for a missing or invalid file: users can store any file of that name."""
    try:
        file = StoredFile.at(store.artifacts_of(run_id), ARTIFACT)
        if file.size > _LARGEST:
            return VerdictReport()
        report = read_json(file.head(_LARGEST))
    except (TrackingError, OSError, ValueError, RecursionError):
        return VerdictReport()
    if not isinstance(report, dict):
        return VerdictReport()
    parts = [*sorted(_parts(report, ""), key=lambda part: part.place), *_parts_of_children(report, "", 0)]
    return VerdictReport(
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
