"""Tokens and costs of a trace, from those of its spans."""

from __future__ import annotations

from collections.abc import Mapping

from reprise.schemas.json_text import read_json
from reprise.tracking.sqlite.rows import Connection


def sum_over_tree(connection: Connection, trace: int, column: str) -> Mapping[str, float]:
    """The sums of a column of JSON objects over the spans of a trace, by key.

    A span that has the sums of those below it counts, and those below it do not.
    """
    rows = connection.execute(f"SELECT span_id, parent_id, {column} FROM span WHERE trace = ?", (trace,))
    spans = {span_id: (parent_id, said) for span_id, parent_id, said in rows}
    totals: dict[str, float] = {}
    for span_id, (_, said) in spans.items():
        if said is not None and not _is_counted_above(spans, span_id):
            for key, number in read_json(said).items():
                totals[key] = totals.get(key, 0) + number
    return totals


def _is_counted_above(spans: Mapping[str, tuple[str | None, str | None]], span_id: str) -> bool:
    seen = {span_id}
    parent = spans[span_id][0]
    while parent is not None and parent in spans and parent not in seen:
        seen.add(parent)
        above, said = spans[parent]
        if said is not None:
            return True
        parent = above
    return False
