"""The runs to compare, by ids or id prefixes in an address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import ACTIVE, Run
from reprise.tracking.protocols.store import TrackingStore

MOST = 200
_LONGEST = 60  # characters of an unknown id in a message


class Missing(NamedTuple):
    """A requested run that is not compared; ``run_id`` if the run exists."""

    told: str
    run_id: str | None = None


class ChosenRuns(NamedTuple):
    runs: tuple[Run, ...]
    missing: tuple[Missing, ...]


def asked(text: str) -> list[str]:
    """Return the words of ``runs=a,b,c`` without duplicates."""
    return list(dict.fromkeys(word for part in text.split(",") if (word := part.strip())))


def choose(store: TrackingStore, words: Sequence[str]) -> ChosenRuns:
    """Return the active runs for ``words``, in the same order."""
    found = list(_resolved(store, words))
    ids = dict.fromkeys(one for one in found if isinstance(one, str))
    runs = store.runs_at(store.run_number(run_id) for run_id in ids)
    deleted = (
        Missing(f"Run {run.run_id[:8]} is deleted: restore it to compare it.", run.run_id)
        for run in runs
        if run.lifecycle_stage != ACTIVE
    )
    missing = (*(one for one in found if isinstance(one, Missing)), *deleted)
    return ChosenRuns(tuple(run for run in runs if run.lifecycle_stage == ACTIVE), missing)


def _resolved(store: TrackingStore, words: Sequence[str]) -> Iterator[str | Missing]:
    for word in words:
        there = store.ids_from(word)
        shown = word if len(word) <= _LONGEST else f"{word[:_LONGEST]}…"
        if word in there or len(there) == 1:
            yield there[0]
        elif there:
            yield Missing(f"Several runs begin with {shown}: use a longer id.")
        else:
            yield Missing(f"There is no run {shown}.")
