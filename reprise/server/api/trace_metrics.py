"""The REST verb that counts and sums over traces (``/api/3.0/mlflow/traces/metrics``)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from reprise.server.api import shapes
from reprise.server.api.traces import V3
from reprise.server.api.wire import Answer, Int64, Request, Verb, Word, number
from reprise.server.http.access import Role
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.views import Aggregation, MetricsQuestion


class GivenAggregation(msgspec.Struct):
    aggregation_type: Literal["COUNT", "SUM", "AVG", "MIN", "MAX", "PERCENTILE"]
    percentile_value: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None

    def __post_init__(self) -> None:
        if (self.aggregation_type == "PERCENTILE") is (self.percentile_value is None):
            raise ValueError("Percentile value is required for PERCENTILE aggregation, and only for it")


class QueryTraceMetrics(Request):
    """One page holds all; a limit is named by ``max_results``."""

    experiment_ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    view_type: Literal["TRACES", "SPANS", "ASSESSMENTS"]
    metric_name: Word
    aggregations: Annotated[tuple[GivenAggregation, ...], msgspec.Meta(min_length=1, max_length=100)]
    dimensions: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    time_interval_seconds: Annotated[int, msgspec.Meta(ge=1, le=10**9)] | None = None
    start_time_ms: Int64 | None = None
    end_time_ms: Int64 | None = None
    max_results: Annotated[int, msgspec.Meta(ge=1, le=50_000)] = 1000


def query(store: TrackingStore, request: QueryTraceMetrics) -> Answer:
    question = MetricsQuestion(
        view=request.view_type,
        metric=request.metric_name,
        aggregations=[
            Aggregation(given.aggregation_type, given.percentile_value) for given in request.aggregations
        ],
        dimensions=request.dimensions,
        filters=request.filters,
        interval=request.time_interval_seconds,
        start=request.start_time_ms,
        end=request.end_time_ms,
    )
    points = store.measure_traces(request.experiment_ids, question, request.max_results)
    return shapes.given(
        data_points=[
            {
                "metric_name": request.metric_name,
                "dimensions": point.dimensions,
                "values": {label: number(value) for label, value in point.values.items()},
            }
            for point in points
        ]
    )


VERBS = (Verb("POST", "traces/metrics", Role.READ, QueryTraceMetrics, query, V3),)
