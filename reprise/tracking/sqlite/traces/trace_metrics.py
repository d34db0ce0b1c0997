"""Counts, sums and percentiles over the traces of experiments."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from reprise.tracking import validation
from reprise.tracking.sqlite.rows import Verbs
from reprise.tracking.sqlite.search.sql import Sql
from reprise.tracking.sqlite.traces.measures import ATTRIBUTES_OF, VIEWS, Measure, MeasureView
from reprise.tracking.views import Aggregation, MetricPoint, MetricsQuestion

INTERVAL = "time_bucket"
"""The dimension that holds the start of a row's interval."""
_FILTER = re.compile(
    r"""\s*`?(?P<kind>\w+)`?\.(?P<entity>\w+)
        (?:\.(?P<key>`[^`]*`|"[^"]*"|'[^']*'|[^\s=!<>]+))?
        \s*(?P<sign>=|!=|<=?|>=?|\w+)\s*(?P<value>'[^']*'|"[^"]*"|\S+)\s*""",
    re.VERBOSE,
)


class TraceMetrics(Verbs):
    def measure_traces(
        self, experiment_ids: Sequence[str], question: MetricsQuestion, max_results: int
    ) -> Sequence[MetricPoint]:
        """A point per group, sorted by its dimensions; groups without any value are left out."""
        view, measure = _read_view(question)
        experiments = json.dumps([validation.experiment_id(text) for text in experiment_ids])
        conditions = [
            Sql("t.experiment IN (SELECT value FROM json_each(?))", (experiments,)),
            *_within_range(question, view),
            *(_condition(question, filter) for filter in question.filters),
        ]
        text = _statement(question, view, measure, [condition.text for condition in conditions])
        bound = [value for condition in conditions for value in condition.values]
        with self._database.reading() as connection:
            connection.create_aggregate("percentile", 2, _Percentile)  # type: ignore[arg-type]
            rows = connection.execute(text, [*bound, max_results]).fetchall()
        points = (_point(question, row) for row in rows)
        return [point for point in points if point.values]


def _read_view(question: MetricsQuestion) -> tuple[MeasureView, Measure]:
    """What is asked for; refused in MLflow's words when there is no such thing."""
    view = VIEWS[question.view]
    measure = view.measures.get(question.metric)
    if measure is None:
        raise validation.invalid(
            f"metric_name must be one of {list(view.measures)}, got '{question.metric}'"
        )
    kinds = {aggregation.kind for aggregation in question.aggregations}
    if unknown := sorted(kinds.difference(measure.aggregations)):
        raise validation.invalid(
            f"Found invalid aggregation_type(s): {unknown}."
            f" Supported aggregation types: {list(measure.aggregations)}"
        )
    if unknown := sorted({*question.dimensions}.difference(measure.dimensions)):
        raise validation.invalid(
            f"Found invalid dimension(s): {unknown}. Supported dimensions: {sorted(measure.dimensions)}"
        )
    if question.interval and (question.start is None or question.end is None):
        raise validation.invalid(
            "start_time_ms and end_time_ms are required if time_interval_seconds is set"
        )
    return view, measure


def _statement(
    question: MetricsQuestion, view: MeasureView, measure: Measure, conditions: Sequence[str]
) -> str:
    groups = [view.dimensions[name] for name in question.dimensions]
    if question.interval:
        size = question.interval * 1000
        groups.insert(0, f"{view.clock} - (({view.clock}) % {size} + {size}) % {size}")
    names = [f"d{number}" for number in range(len(groups))]
    columns = zip([*groups, measure.sql], [*names, "value"], strict=True)
    chosen = [f"{sql} AS {name}" for sql, name in columns]
    rows = f"SELECT {', '.join(chosen)} FROM {view.table} WHERE {' AND '.join(conditions)}"
    answers = [*names, *(_aggregate(measure, aggregation) for aggregation in question.aggregations)]
    known = " AND ".join(f"{name} IS NOT NULL" for name in (*names, "value"))
    grouped = f" GROUP BY {', '.join(names)} ORDER BY {', '.join(names)}" if names else ""
    return f"SELECT {', '.join(answers)} FROM ({rows}) WHERE {known}{grouped} LIMIT ?"


def _aggregate(measure: Measure, aggregation: Aggregation) -> str:
    if aggregation.percentile is not None:
        return f"percentile(value, {aggregation.percentile})"
    return f"{aggregation.kind}({'DISTINCT ' * measure.distinct}value)"


def _within_range(question: MetricsQuestion, view: MeasureView) -> Iterator[Sql]:
    clock = view.clock if question.metric in view.by_own_clock else "t.request_time"
    if question.start is not None:
        yield Sql(f"{clock} >= ?", (question.start,))
    if question.end is not None:
        yield Sql(f"{clock} <= ?", (question.end,))


def _condition(question: MetricsQuestion, filter: str) -> Sql:
    """One comparison, such as ``trace.tag.team = 'a'`` or ``span.type = 'LLM'``."""
    match = _FILTER.fullmatch(filter)
    if match is None:
        raise validation.invalid(f"Invalid filter: '{filter}'. Expected one filter clause.")
    kind, entity, key, sign, value = match.groups()
    if sign != "=":
        raise validation.invalid(f"Invalid comparator: '{sign}', only '=' operator is supported")
    if value[0] not in "'\"":
        raise validation.invalid(f"Expected a quoted string value for {entity}. Got value {value}")
    if kind == "trace":
        return _of_trace(filter, entity, key and key.strip("`\"'"), value[1:-1])
    if kind not in ATTRIBUTES_OF:
        raise validation.invalid(f"Invalid view type '{kind}'. Valid values are trace, span, assessment")
    if question.view != (wanted := ATTRIBUTES_OF[kind]):
        raise validation.invalid(f"Filtering by {kind} is only supported for {wanted} view type")
    column = VIEWS[wanted].attributes.get(entity)
    if column is None or key:
        known = ", ".join(f"{kind}.{name}" for name in VIEWS[wanted].attributes)
        raise validation.invalid(f"Invalid entity in filter '{filter}'. Valid entities are {known}")
    return Sql(f"{column} = ?", (value[1:-1],))


def _of_trace(filter: str, entity: str, key: str | None, value: str) -> Sql:
    table = {"tag": "trace_tag", "metadata": "trace_metadata"}.get(entity)
    if entity == "status" and key is None:
        return Sql("t.state = ?", (value,))
    if table is None or not key:
        known = "trace.status, trace.tag.<key>, trace.metadata.<key>"
        raise validation.invalid(f"Invalid entity in filter '{filter}'. Valid entities are {known}")
    said = Sql(f"EXISTS (SELECT 1 FROM {table} WHERE owner = t.id AND key = ? AND value = ?)", (key, value))
    if (entity, key) != ("metadata", "mlflow.sourceRun"):
        return said
    linked = "EXISTS (SELECT 1 FROM trace_run WHERE trace = t.id AND run_id = ?)"
    return Sql(f"({said.text} OR {linked})", (*said.values, value))


def _point(question: MetricsQuestion, row: Sequence[Any]) -> MetricPoint:
    names = [*([INTERVAL] if question.interval else []), *question.dimensions]
    labels = [aggregation.label for aggregation in question.aggregations]
    groups, values = row[: len(names)], row[len(names) :]
    dimensions = dict(zip(names, map(str, groups), strict=True))
    if question.interval:
        dimensions[INTERVAL] = datetime.fromtimestamp(groups[0] / 1000, UTC).isoformat()
    pairs = zip(labels, values, strict=True)
    return MetricPoint(dimensions, {label: value for label, value in pairs if value is not None})


class _Percentile:
    """An aggregate function of SQL: between two values it is where the line between them is."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._fraction = 0.0

    def step(self, value: float, percentile: float) -> None:
        self._values.append(value)
        self._fraction = percentile / 100

    def finalize(self) -> float | None:
        if not self._values:
            return None
        values = sorted(self._values)
        place = self._fraction * (len(values) - 1)
        below = math.floor(place)
        above = min(below + 1, len(values) - 1)
        return values[below] + (place - below) * (values[above] - values[below])
