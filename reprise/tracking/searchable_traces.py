"""What the search language can ask of traces."""

from __future__ import annotations

from reprise.tracking.search_sql import Column, Searchable, Values

_TIME = Column("t.request_time", is_number=True)
_DURATION = Column("t.duration", is_number=True, nullable=True)
_END = Column("(t.request_time + t.duration)", is_number=True, nullable=True)
_ID = Column("t.trace_id")
_STATE = Column("replace(t.state, 'STATE_UNSPECIFIED', 'TRACE_STATUS_UNSPECIFIED')")
_JSON = "json_extract(v.value, '$.{0}')"
_PLAIN = (
    "CASE json_type(v.value, '$.value') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'"
    f" ELSE CAST(coalesce({_JSON.format('value')}, {_JSON.format('serialized_value.value')}) AS TEXT) END"
)
"""The value of an assessment as text: numbers and truth values as they stand in JSON."""


def _said(kind: str) -> Values:
    return Values(
        "trace_assessment v", f"v.trace = t.id AND v.valid AND v.kind = '{kind}'", _PLAIN, "v.name"
    )


TRACES = Searchable(
    word="traces",
    table="trace t",
    attributes={
        "request_id": _ID,
        "trace_id": _ID,
        "id": _ID,
        "client_request_id": Column("t.client_request_id", nullable=True),
        "timestamp": _TIME,
        "timestamp_ms": _TIME,
        "execution_time": _DURATION,
        "execution_time_ms": _DURATION,
        "end_time": _END,
        "end_time_ms": _END,
        "status": _STATE,
        "state": _STATE,
        "experiment_id": Column("CAST(t.experiment AS TEXT)"),
        "name": Column(
            "(SELECT value FROM trace_tag WHERE owner = t.id AND key = 'mlflow.traceName')", nullable=True
        ),
        "run_id": Column(
            "(SELECT value FROM trace_metadata WHERE owner = t.id AND key = 'mlflow.sourceRun')",
            nullable=True,
        ),
    },
    keys={
        "tag": Values("trace_tag v", "v.owner = t.id"),
        "metadata": Values("trace_metadata v", "v.owner = t.id"),
        "feedback": _said("feedback"),
        "expectation": _said("expectation"),
    },
    sets={"run_id": "(SELECT trace, run_id AS value FROM trace_run) v WHERE v.trace = t.id"},
    default_order=("timestamp_ms DESC", "trace_id"),
)
