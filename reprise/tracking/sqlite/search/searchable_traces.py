"""What the search language can ask of traces."""

from __future__ import annotations

from reprise.tracking.sqlite.search.sql import (
    Parts,
    Searchable,
    SqlColumn,
    SqlValues,
)

_TIME = SqlColumn("t.request_time", is_number=True)
_DURATION = SqlColumn("t.duration", is_number=True, nullable=True)
_END = SqlColumn("(t.request_time + t.duration)", is_number=True, nullable=True)
_ID = SqlColumn("t.trace_id")
_STATE = SqlColumn("replace(t.state, 'STATE_UNSPECIFIED', 'TRACE_STATUS_UNSPECIFIED')")
_JSON = "json_extract(v.value, '$.{0}')"
_PLAIN = (
    "CASE json_type(v.value, '$.value') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'"
    f" ELSE CAST(coalesce({_JSON.format('value')}, {_JSON.format('serialized_value.value')}) AS TEXT) END"
)
"""Return the value of an assessment as text: numbers and booleans as in JSON."""


_NUMBER = f"CASE WHEN json_type(v.value, '$.value') IN ('integer', 'real') THEN {_JSON.format('value')} END"
_TEXTS = (
    "(SELECT trace, content AS value FROM span UNION ALL SELECT id, coalesce(request_preview, '') || ' '"
    " || coalesce(response_preview, '') FROM trace) v WHERE v.trace = t.id"
)
_PROMPTS = (
    "(SELECT trace, prompt AS value FROM trace_prompt UNION ALL"  # older clients name them in a tag
    " SELECT g.owner, json_extract(j.value, '$.name') || '/' || json_extract(j.value, '$.version')"
    " FROM trace_tag g, json_each(CASE WHEN json_valid(g.value) THEN g.value ELSE '[]' END) j"
    " WHERE g.key = 'mlflow.linkedPrompts' AND j.type = 'object') v WHERE v.trace = t.id"
)
_ATTRIBUTE = (
    "(SELECT CASE WHEN json_valid(a.value) AND json_type(a.value) = 'text' THEN json_extract(a.value, '$')"
    " ELSE a.value END FROM json_each(v.content, '$.attributes') a WHERE a.key = ?)"
)


def _said(kind: str) -> SqlValues:
    condition = f"v.trace = t.id AND v.valid AND v.kind = '{kind}'"
    return SqlValues("trace_assessment v", condition, _PLAIN, "v.name", number=_NUMBER)


TRACES = Searchable(
    word="traces",
    table="trace t",
    attributes={
        "request_id": _ID,
        "trace_id": _ID,
        "id": _ID,
        "client_request_id": SqlColumn("t.client_request_id", nullable=True),
        "timestamp": _TIME,
        "timestamp_ms": _TIME,
        "execution_time": _DURATION,
        "execution_time_ms": _DURATION,
        "end_time": _END,
        "end_time_ms": _END,
        "status": _STATE,
        "state": _STATE,
        "experiment_id": SqlColumn("CAST(t.experiment AS TEXT)"),
        "name": SqlColumn(
            "(SELECT value FROM trace_tag WHERE owner = t.id AND key = 'mlflow.traceName')", nullable=True
        ),
        "run_id": SqlColumn(
            "(SELECT value FROM trace_metadata WHERE owner = t.id AND key = 'mlflow.sourceRun')",
            nullable=True,
        ),
    },
    keys={
        "tag": SqlValues("trace_tag v", "v.owner = t.id"),
        "metadata": SqlValues("trace_metadata v", "v.owner = t.id"),
        "feedback": _said("feedback"),
        "expectation": _said("expectation"),
        "issue": SqlValues("trace_assessment v", "v.trace = t.id AND v.kind = 'issue'", "v.name", "'id'"),
    },
    sets={
        "run_id": "(SELECT trace, run_id AS value FROM trace_run) v WHERE v.trace = t.id",
        "prompt": _PROMPTS,
        "text": _TEXTS,
    },
    parts=Parts(
        "span v",
        "v.trace = t.id",
        {
            "name": SqlColumn("v.name"),
            "type": SqlColumn("v.type"),
            "status": SqlColumn("v.status"),
            "content": SqlColumn("v.content"),
        },
        _ATTRIBUTE,
    ),
    default_order=("timestamp_ms DESC", "trace_id"),
)
