"""Counts, sums and percentiles over traces, spans and assessments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from reprise.errors import TrackingError
from reprise.schemas.entities import Assessment, Trace
from reprise.schemas.traces.spans import Span
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.tracking.views import Aggregation, MetricsQuestion

HOUR = 3_600_000  # ms
COUNT = (Aggregation("COUNT"),)


def span(trace_id: str, span_id: str, kind: str, attributes: Mapping[str, Any], ms: int) -> Span:
    kept = {key: json.dumps(value) for key, value in attributes.items()}
    content = json.dumps({"name": span_id, "attributes": kept})
    start = HOUR * 1_000_000
    return Span(trace_id, span_id, None, span_id, kind, "OK", start, start + ms * 1_000_000, content)


@pytest.fixture
def store(embedded_store: EmbeddedStore) -> EmbeddedStore:
    """Four traces an hour apart, of 10, 20, 30 and (not ended) no ms."""
    for number, duration in enumerate((10, 20, 30, None)):
        usage = json.dumps({"input_tokens": number, "total_tokens": "many"}) if number else "not JSON"
        embedded_store.record_trace(
            Trace(
                f"tr-{number}",
                "0",
                request_time=HOUR * number,
                state="IN_PROGRESS" if duration is None else "OK",
                duration=duration,
                tags={"mlflow.traceName": "odd" if number % 2 else "even", "my team": "a'b"[: number + 1]},
                metadata={"mlflow.trace.tokenUsage": usage, "mlflow.trace.session": f"s{number // 2}"},
            )
        )
    model = {"mlflow.llm.model": "m-1", "mlflow.llm.cost": {"input_cost": 0.5, "total_cost": 0.75}}
    sent = [span("tr-1", "chat", "LLM", model, 4), span("tr-1", "find", "TOOL", {}, 8)]
    embedded_store.log_spans("0", [(item, {}) for item in sent])
    for value in ('"yes"', '"No "', "true", "0.25", '"good"', '{"a": 1}'):
        said = f'{{"value": {value}}}'
        embedded_store.create_assessment(
            Assessment("", "tr-1", "score", "feedback", said, "HUMAN", "ada", 1, 1)
        )
    return embedded_store


def measure(
    store: EmbeddedStore, view: str, metric: str, **asked: Any
) -> list[tuple[dict[str, str], dict[str, float]]]:
    question = MetricsQuestion(view, metric, asked.pop("by", COUNT), **asked)
    return [
        (dict(point.dimensions), dict(point.values)) for point in store.measure_traces(["0"], question, 100)
    ]


def test_traces_are_counted_by_name_and_status(store: EmbeddedStore) -> None:
    assert measure(store, "TRACES", "trace_count") == [({}, {"COUNT": 4})]
    assert measure(store, "TRACES", "session_count") == [({}, {"COUNT": 2})]
    assert measure(store, "TRACES", "trace_count", dimensions=["trace_name", "trace_status"]) == [
        ({"trace_name": "even", "trace_status": "OK"}, {"COUNT": 2}),
        ({"trace_name": "odd", "trace_status": "IN_PROGRESS"}, {"COUNT": 1}),
        ({"trace_name": "odd", "trace_status": "OK"}, {"COUNT": 1}),
    ]
    assert measure(store, "TRACES", "trace_count", end=-1) == [({}, {"COUNT": 0})]


def test_percentiles_lie_between_values(store: EmbeddedStore) -> None:
    """A trace that has not ended lasts for no known time, and text is no number of tokens."""
    by = [Aggregation("AVG"), *(Aggregation("PERCENTILE", each) for each in (0.0, 75.0, 100.0))]
    assert measure(store, "TRACES", "latency", by=by) == [
        ({}, {"AVG": 20.0, "P0.0": 10.0, "P75.0": 25.0, "P100.0": 30.0})
    ]
    assert measure(store, "TRACES", "input_tokens", by=[Aggregation("SUM"), Aggregation("MIN")]) == [
        ({}, {"SUM": 6, "MIN": 1})
    ]
    assert measure(store, "TRACES", "total_tokens", by=[Aggregation("SUM")]) == []


def test_time_is_cut_into_intervals(store: EmbeddedStore) -> None:
    asked = {"interval": 7200, "start": 0, "end": 3 * HOUR - 1}
    assert measure(store, "TRACES", "trace_count", **asked) == [
        ({"time_bucket": "1970-01-01T00:00:00+00:00"}, {"COUNT": 2}),
        ({"time_bucket": "1970-01-01T02:00:00+00:00"}, {"COUNT": 1}),
    ]
    assert measure(store, "SPANS", "span_count", dimensions=["span_type"], **asked) == [
        ({"time_bucket": "1970-01-01T00:00:00+00:00", "span_type": kind}, {"COUNT": 1})
        for kind in ("LLM", "TOOL")
    ]


def test_spans_are_measured_by_model(store: EmbeddedStore) -> None:
    by = [Aggregation("MAX"), Aggregation("SUM")]
    assert measure(store, "SPANS", "latency", by=by[:1]) == [({}, {"MAX": 8})]
    assert measure(store, "SPANS", "total_cost", by=by, dimensions=["span_model_name"]) == [
        ({"span_model_name": "m-1"}, {"MAX": 0.75, "SUM": 0.75})
    ]
    assert measure(store, "SPANS", "output_cost", by=by) == []


def test_words_of_assessments_are_numbers_where_they_mean_one(store: EmbeddedStore) -> None:
    assert measure(store, "ASSESSMENTS", "assessment_value", by=[Aggregation("AVG")]) == [
        ({}, {"AVG": 0.5625})
    ]
    values = [
        point["assessment_value"]
        for point, _ in measure(store, "ASSESSMENTS", "assessment_count", dimensions=["assessment_value"])
    ]
    assert sorted(values) == ['"No "', '"good"', '"yes"', "0.25", "true", '{"a":1}']


@pytest.mark.parametrize(
    ("view", "filter", "count"),
    [
        ("TRACES", "trace.status = 'OK'", 3),
        ("TRACES", 'trace.tag.`my team` = "a\'b"', 2),
        ("TRACES", "trace.metadata.mlflow.trace.session = 's1'", 2),
        ("TRACES", "trace.tag.mlflow.traceName='odd'", 2),
        ("SPANS", "span.type = 'LLM'", 1),
        ("SPANS", "trace.status = 'ERROR'", 0),
        ("ASSESSMENTS", "assessment.type = 'feedback'", 6),
        ("ASSESSMENTS", "assessment.name = 'other'", 0),
        ("ASSESSMENTS", "trace.metadata.`mlflow.sourceRun` = 'none'", 0),
    ],
)
def test_filters_narrow_what_is_counted(store: EmbeddedStore, view: str, filter: str, count: int) -> None:
    metric = f"{view.lower().removesuffix('s')}_count"
    assert measure(store, view, metric, filters=[filter]) == [({}, {"COUNT": count})]


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"metric": "speed"}, "metric_name must be one of"),
        ({"by": [Aggregation("SUM")]}, "Found invalid aggregation_type"),
        ({"dimensions": ["span_type"]}, "Found invalid dimension"),
        ({"interval": 60}, "start_time_ms and end_time_ms are required"),
        ({"filters": ["trace.status != 'OK'"]}, "Invalid comparator"),
        ({"filters": ["trace.status = OK"]}, "quoted string"),
        ({"filters": ["trace.tag = 'a'"]}, "Invalid entity"),
        ({"filters": ["trace.status = 'OK' AND trace.status = 'OK'"]}, "one filter clause"),
        ({"filters": ["span.name = 'a'"]}, "only supported for SPANS"),
        ({"filters": ["run.name = 'a'"]}, "Invalid view type"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    store: EmbeddedStore, asked: dict[str, Any], fault: str
) -> None:
    with pytest.raises(TrackingError, match=fault) as refused:
        measure(store, "TRACES", **{"metric": "trace_count", **asked})
    assert refused.value.code == "INVALID_PARAMETER_VALUE"
