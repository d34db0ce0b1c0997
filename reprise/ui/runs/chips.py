"""Quick filters of a table of runs: comparisons that a click adds to the filter or removes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas import tags
from reprise.schemas.entities import RUN_STATUSES
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.search.language import Comparison, parse_filter

_EACH = 4  # chips for entry points, and for commits
_AND = re.compile(r"\s+AND\s*$", re.IGNORECASE)


class Chip(NamedTuple):
    """A chip; ``filter`` is the filter after a click."""

    title: str
    meaning: str
    runs: int
    pressed: bool
    filter: str


def chips(store: TrackingStore, experiment_id: str, filter: str) -> Sequence[Chip]:
    try:
        parts = _parts(filter)
    except TrackingError:  # the filter field shows the error
        return ()
    return list(_chips(store, experiment_id, parts))


def _chips(store: TrackingStore, experiment_id: str, parts: Sequence[_Part]) -> Iterator[Chip]:
    activity = store.activity().get(experiment_id)
    counts = activity.counts if activity else {}
    for status in RUN_STATUSES:
        if count := counts.get(status, 0):
            yield _chip(parts, "status", ("attribute", "status"), status, status.lower(), count)
    for word, tag in (("entry point", tags.ENTRY_POINT), ("commit", tags.GIT_COMMIT)):
        for value, count in store.frequent_tags([experiment_id], tag, _EACH).items():
            title = value[:8] if tag == tags.GIT_COMMIT else value
            yield _chip(parts, f"tags.{tag}", ("tag", tag), value, f"{word} {title}", count)


class _Part(NamedTuple):
    comparison: Comparison
    text: str


def _parts(filter: str) -> Sequence[_Part]:
    """Return the comparisons of a filter, each with its text."""
    found = parse_filter(filter)
    starts = [one.name.at for one in found]
    texts = (filter[start:end] for start, end in zip(starts, [*starts[1:], len(filter)], strict=False))
    return [_Part(one, _AND.sub("", text).strip()) for one, text in zip(found, texts, strict=True)]


def _chip(
    parts: Sequence[_Part], name: str, of: tuple[str, str], value: str, title: str, count: int
) -> Chip:
    """Add a comparison; it replaces another value of the same name, since no run has both."""
    same = [part for part in parts if _is_equality(part.comparison, of)]
    pressed = any(part.comparison.values == (value,) for part in same)
    kept = [part.text for part in parts if part not in same]
    if not pressed:
        doubled = value.replace("'", "''")
        kept.append(f"{name} = '{doubled}'")
    return Chip(title, f"{name} = {value}", count, pressed, " AND ".join(kept))


def _is_equality(comparison: Comparison, of: tuple[str, str]) -> bool:
    return comparison.operator == "=" and (comparison.name.entity, comparison.name.key) == of
