"""Names in a filter that no run has: a filter that finds nothing may be misspelt."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reprise.schemas.entities import Run
from reprise.schemas.faults import did_you_mean
from reprise.tracking.base import Tracking
from reprise.tracking.search.language import parse_filter

_SEEN = 1000
_KINDS = ("metric", "param", "tag")


def explain_names(tracking: Tracking, experiments: Sequence[str], filter_: str) -> list[str]:
    """A sentence for each metric, param and tag of ``filter_`` that no run of ``experiments`` has.

    Of a remote store the newest runs are looked at, and the sentence says so.
    """
    names = {
        (one.name.entity, one.name.key): None
        for one in parse_filter(filter_)
        if one.name.entity in _KINDS and one.operator != "IS NULL"
    }
    if not names:
        return []
    whose, known = _known_names(tracking, experiments)
    return [
        f'{whose} has the {kind} "{key}"{did_you_mean(key, known[kind])}'
        for kind, key in names
        if key not in known[kind]
    ]


def _known_names(
    tracking: Tracking, experiments: Sequence[str]
) -> tuple[str, Mapping[str, Collection[str]]]:
    if (store := tracking.own_store) is not None:
        return "no run", dict(zip(_KINDS, store.data_keys(experiments), strict=True))
    page = tracking.search_runs(experiments, max_results=_SEEN)
    whose = "no run" if page.next_token is None else f"none of the newest {_SEEN:,} runs"
    return whose, {kind: _keys_of(page.items, kind) for kind in _KINDS}


def _keys_of(runs: Sequence[Run], kind: str) -> set[str]:
    found: set[str] = set()
    for run in runs:
        found.update({"metric": run.metrics, "param": run.params, "tag": run.tags}[kind])
    return found
