"""Verdicts that are kept with runs: how each attempt to perform a run again came out, part by part."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from reprise.errors import TrackingError
from reprise.runner.verdict.storing import ARTIFACT
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.tracking.embedded import EmbeddedStore
from reprise.ui.html import agreement
from reprise.ui.stored_file import StoredFile

_LARGEST = 4_000_000  # bytes of a report
_MOST = 500  # parts that are shown
_LONGEST = 500  # characters of one text
_READ = 5  # reports that are read for a page


class PartShown(NamedTuple):
    """One thing that was compared; ``agreement`` is one of the words of docs/reference/verdict.md."""

    kind: str
    name: str
    agreement: str
    where: str
    note: str
    decides: bool

    @property
    def place(self) -> tuple[bool, bool, bool]:
        """What is the same comes last; of the rest that first which decided, and of it what diverged."""
        told = agreement(self.agreement)
        return told == "same", not self.decides, told != "differs"


class Attempt(NamedTuple):
    """``run`` performs another one again; ``verdict`` is its sentence, empty while there is none.

    ``parts`` has what diverged first, then what is not known; ``beyond`` is how many more there are.
    ``is_read``: its report was looked for, which takes a while where there are many.
    """

    run: Run
    verdict: str
    parts: tuple[PartShown, ...] = ()
    beyond: int = 0
    is_read: bool = False


def attempts(store: EmbeddedStore, run_id: str) -> list[Attempt]:
    """How the run was performed again, newest first; only the newest with their parts."""
    found = store.reproductions(run_id)
    return [attempt(store, run) if at < _READ else _said(run) for at, run in enumerate(found)]


def attempt(store: EmbeddedStore, run: Run) -> Attempt:
    """How ``run``, which performs another one again, came out."""
    parts = _parts(store, run.run_id)
    beyond = max(len(parts) - _MOST, 0)
    return _said(run)._replace(parts=tuple(parts[:_MOST]), beyond=beyond, is_read=True)


def _said(run: Run) -> Attempt:
    return Attempt(run, run.tags.get(tags.VERDICT, ""))


def _parts(store: EmbeddedStore, run_id: str) -> list[PartShown]:
    """Nothing where there is no report, or none of ours: anybody can store a file of that name."""
    try:
        file = StoredFile.at(store.artifacts_of(run_id), ARTIFACT)
        if file.size > _LARGEST:
            return []
        report = json.loads(file.head(_LARGEST))
    except (TrackingError, OSError, ValueError, RecursionError):
        return []
    listed = report.get("parts") if isinstance(report, dict) else None
    parts = [_part(item) for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return sorted(parts, key=lambda part: part.place)


def _part(item: dict[str, Any]) -> PartShown:
    kind, name, agreement, where, note = (
        str(item.get(key, ""))[:_LONGEST] for key in ("part", "name", "verdict", "where", "note")
    )
    return PartShown(kind, name, agreement, where, note, item.get("decides") is not False)
