"""How traces and their assessments are read from the tables."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from reprise.errors import missing
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import Assessment, Trace
from reprise.tracking.sqlite.rows import Connection, columns, pairs
from reprise.tracking.sqlite.run_rows import IN_IDS


class TraceRow(NamedTuple):
    id: int
    trace_id: str
    experiment: int
    request_time: int
    state: str
    duration: int | None
    client_request_id: str | None
    request_preview: str | None
    response_preview: str | None
    finished: int


ASSESSMENT = (
    "assessment_id, name, kind, value, source_type, source_id, create_time, last_update_time,"
    " rationale, span_id, overrides, valid, metadata"
)


def trace_row(connection: Connection, trace_id: str) -> TraceRow:
    """The trace. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
    row = find_trace(connection, trace_id)
    if row is None:
        raise missing(f"Trace with ID '{trace_id}' not found")
    return row


def find_trace(connection: Connection, trace_id: str) -> TraceRow | None:
    """The trace, or None when there is none."""
    row = connection.execute(
        f"SELECT {columns(TraceRow)} FROM trace WHERE trace_id = ?", (trace_id,)
    ).fetchone()
    return None if row is None else TraceRow(*row)


def read_traces(connection: Connection, ids: Iterable[int]) -> list[Trace]:
    """The traces of ``ids`` with all that is known of them, in their order."""
    wanted = list(ids)
    among = json.dumps(wanted)
    tags, metadata = pairs(connection, "trace_tag", wanted), pairs(connection, "trace_metadata", wanted)
    found = connection.execute(f"SELECT {columns(TraceRow)} FROM trace WHERE id {IN_IDS}", (among,))
    rows = {row.id: row for row in (TraceRow(*values) for values in found)}
    said: dict[int, list[Assessment]] = defaultdict(list)
    for trace, *values in connection.execute(
        f"SELECT trace, {ASSESSMENT} FROM trace_assessment WHERE trace {IN_IDS} ORDER BY create_time, id",
        (among,),
    ):
        said[trace].append(assessment(rows[trace].trace_id, values))
    return [
        Trace(
            trace_id=row.trace_id,
            experiment_id=str(row.experiment),
            request_time=row.request_time,
            state=row.state,
            duration=row.duration,
            client_request_id=row.client_request_id,
            request_preview=row.request_preview,
            response_preview=row.response_preview,
            tags=tags[row.id],
            metadata=metadata[row.id],
            assessments=tuple(said[row.id]),
        )
        for row in map(rows.__getitem__, wanted)
    ]


def assessment(trace_id: str, values: Iterable[Any]) -> Assessment:
    """The assessment of a row of the columns ``ASSESSMENT``."""
    assessment_id, name, *between, valid, metadata = values
    return Assessment._make([assessment_id, trace_id, name, *between, bool(valid), json.loads(metadata)])
