"""What can be measured of traces, of their spans and of their assessments, as SQL.

In all of it the trace is ``t``; a span and an assessment are ``v``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_STATISTICS = ("AVG", "MAX", "MIN", "PERCENTILE")
_SUMS = (*_STATISTICS, "SUM")
_METADATA = "(SELECT value FROM trace_metadata WHERE owner = t.id AND key = '{0}')"
_TOKENS = (
    "(SELECT j.value FROM trace_metadata m,"
    " json_each(CASE WHEN json_valid(m.value) THEN m.value ELSE '{{}}' END) j"
    " WHERE m.owner = t.id AND m.key = 'mlflow.trace.tokenUsage' AND j.key = '{0}'"
    " AND j.type IN ('integer', 'real'))"
)
_ATTRIBUTE = (
    "(SELECT CASE WHEN json_valid(a.value) AND json_type(a.value) = 'text' THEN json_extract(a.value, '$')"
    " ELSE a.value END FROM json_each(v.content, '$.attributes') a WHERE a.key = '{0}')"
)
_PLAIN = "json_extract(v.value, '$.value')"
_SCORE = (
    "CASE json_type(v.value, '$.value') WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0"
    f" WHEN 'integer' THEN {_PLAIN} WHEN 'real' THEN {_PLAIN} WHEN 'text' THEN"
    f" CASE lower(trim({_PLAIN})) WHEN 'yes' THEN 1.0 WHEN 'no' THEN 0.0 END END"
)
"""An assessment as a number: yes and true are 1, no and false are 0, other words are none."""
_AS_JSON = (
    "CASE json_type(v.value, '$.value') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'"
    f" ELSE coalesce(json_quote({_PLAIN}), json_extract(v.value, '$.serialized_value.value')) END"
)


@dataclass(frozen=True)
class Measure:
    """A number per row: its SQL, how it may be aggregated, and what it may be grouped by."""

    sql: str
    aggregations: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    distinct: bool = False


@dataclass(frozen=True)
class MeasureView:
    """``clock`` is the time in ms of a row, by which rows are put into intervals.

    A range is about the time of the trace, but of the measures ``by_own_clock`` about that of the row.

    ``attributes`` are what a filter may ask of a row, beside what it may ask of the trace.
    """

    table: str
    clock: str
    measures: Mapping[str, Measure]
    dimensions: Mapping[str, str]
    attributes: Mapping[str, str]
    by_own_clock: tuple[str, ...] = ()


_TRACES = MeasureView(
    table="trace t",
    clock="t.request_time",
    measures={
        "trace_count": Measure("t.trace_id", ("COUNT",), ("trace_name", "trace_status")),
        "session_count": Measure(_METADATA.format("mlflow.trace.session"), ("COUNT",), distinct=True),
        "latency": Measure("t.duration", _STATISTICS, ("trace_name",)),
        **{
            f"{kind}_tokens": Measure(_TOKENS.format(f"{kind}_tokens"), _SUMS, ("trace_name",))
            for kind in ("input", "output", "total", "cache_read_input", "cache_creation_input")
        },
    },
    dimensions={
        "trace_name": "(SELECT value FROM trace_tag WHERE owner = t.id AND key = 'mlflow.traceName')",
        "trace_status": "t.state",
    },
    attributes={},
)
_COSTS = ("input", "output", "total")
_MODEL = ("span_model_name", "span_model_provider")
_SPANS = MeasureView(
    table="span v JOIN trace t ON t.id = v.trace",
    clock="v.start_time / 1000000",
    measures={
        "span_count": Measure("v.span_id", ("COUNT",), ("span_name", "span_type", "span_status", *_MODEL)),
        "latency": Measure(
            "(v.end_time - v.start_time) / 1000000", _STATISTICS, ("span_name", "span_status")
        ),
        **{
            f"{kind}_cost": Measure(f"json_extract(v.cost, '$.{kind}_cost')", _SUMS, _MODEL)
            for kind in _COSTS
        },
    },
    dimensions={
        "span_name": "v.name",
        "span_type": "v.type",
        "span_status": "v.status",
        "span_model_name": _ATTRIBUTE.format("mlflow.llm.model"),
        "span_model_provider": _ATTRIBUTE.format("mlflow.llm.provider"),
    },
    attributes={"name": "v.name", "status": "v.status", "type": "v.type"},
    by_own_clock=tuple(f"{kind}_cost" for kind in _COSTS),
)
_ASSESSMENTS = MeasureView(
    table="trace_assessment v JOIN trace t ON t.id = v.trace AND v.valid",
    clock="t.request_time",
    measures={
        "assessment_count": Measure("v.assessment_id", ("COUNT",), ("assessment_name", "assessment_value")),
        "assessment_value": Measure(_SCORE, _STATISTICS, ("assessment_name",)),
    },
    dimensions={"assessment_name": "v.name", "assessment_value": _AS_JSON},
    attributes={"name": "v.name", "type": "v.kind"},
)
VIEWS: Mapping[str, MeasureView] = {"TRACES": _TRACES, "SPANS": _SPANS, "ASSESSMENTS": _ASSESSMENTS}
ATTRIBUTES_OF = {"span": "SPANS", "assessment": "ASSESSMENTS"}
"""The view whose rows have the attributes that a filter names ``span.name`` and ``assessment.name``."""
