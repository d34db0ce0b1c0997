"""The REST verbs that read metric series, and the datasets that runs used."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Annotated

import msgspec

from reprise.schemas.entities import RunMetric
from reprise.server.api import shapes
from reprise.server.api.wire import (
    Answer,
    Int64,
    Request,
    RunIdRequest,
    Verb,
    Word,
    number,
)
from reprise.server.http.access import Role
from reprise.tracking.protocols.store import TrackingStore

MOST_BULK_POINTS = 25_000
MOST_BULK_RUNS = 100
MOST_INTERVAL_POINTS = 2500
"""Of one run."""
_MOST_EXPERIMENTS = 20
_WORDS: Mapping[float | str, str] = {"nan": "NaN", inf: "Infinity", -inf: "-Infinity"}


class GetMetricHistory(RunIdRequest, kw_only=True):
    metric_key: Word
    page_token: str | None = None
    max_results: Annotated[int, msgspec.Meta(ge=1)] | None = None


class GetMetricHistoryBulk(Request, kw_only=True):
    """The only verb whose list field is named in the singular: ``?run_id=a&run_id=b``."""

    run_id: tuple[str, ...] = ()
    metric_key: str = ""
    max_results: Annotated[int, msgspec.Meta(ge=1)] = MOST_BULK_POINTS

    def __post_init__(self) -> None:
        if not self.run_id:
            raise ValueError("GetMetricHistoryBulk request must specify at least one run_id.")
        if len(self.run_id) > MOST_BULK_RUNS:
            raise ValueError(
                f"GetMetricHistoryBulk request cannot specify more than {MOST_BULK_RUNS} run_ids;"
                f" there are {len(self.run_id)}"
            )
        if not self.metric_key:
            raise ValueError("GetMetricHistoryBulk request must specify a metric_key.")


class GetMetricHistoryInterval(Request):
    """Which points to draw, where there are more than a chart can show."""

    run_ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    metric_key: Word
    start_step: Int64 | None = None
    end_step: Int64 | None = None
    max_results: int = MOST_INTERVAL_POINTS

    def __post_init__(self) -> None:
        if len(self.run_ids) > MOST_BULK_RUNS:
            raise ValueError(
                f"GetMetricHistoryBulkInterval request must specify at most {MOST_BULK_RUNS} run_ids."
                f" There are {len(self.run_ids)}"
            )
        if not 1 <= self.max_results <= MOST_INTERVAL_POINTS:
            raise ValueError(f"max_results must be between 1 and {MOST_INTERVAL_POINTS}.")
        if (self.start_step is None) is not (self.end_step is None):
            raise ValueError("If either start step or end step are specified, both must be specified.")
        if self.start_step is not None and self.end_step is not None and self.start_step > self.end_step:
            raise ValueError(
                "end_step must be greater than start_step. "
                f"Found start_step={self.start_step} and end_step={self.end_step}."
            )


class SearchDatasets(Request):
    experiment_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.experiment_ids:
            raise ValueError("SearchDatasets request must specify at least one experiment_id.")
        if len(self.experiment_ids) > _MOST_EXPERIMENTS:
            raise ValueError(
                f"SearchDatasets request cannot specify more than {_MOST_EXPERIMENTS} experiment_ids;"
                f" there are {len(self.experiment_ids)}"
            )


class HistoryPoint(msgspec.Struct, omit_defaults=True, gc=False):
    """A point as it is written; a series may have a million of them."""

    key: str
    value: float | str
    timestamp: int
    step: int
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


def get_history(store: TrackingStore, request: GetMetricHistory) -> Answer:
    key, word = request.metric_key, _WORDS.get
    found = store.metric_rows(
        request.run_id, key, max_results=request.max_results, page_token=request.page_token or None
    )
    points = [
        HistoryPoint(key, word(value, value), timestamp, step, model, dataset, digest)
        for value, timestamp, step, model, dataset, digest in found.items
    ]
    return shapes.given(metrics=points, next_page_token=found.next_token)


def get_history_bulk(store: TrackingStore, request: GetMetricHistoryBulk) -> Answer:
    points = store.metric_history_bulk(
        request.run_id,
        request.metric_key,
        max_results=min(request.max_results, MOST_BULK_POINTS),
    )
    return {"metrics": [_bulk_point(point) for point in points]}


def get_history_interval(store: TrackingStore, request: GetMetricHistoryInterval) -> Answer:
    points = store.metric_samples(
        request.run_ids,
        request.metric_key,
        max_results=request.max_results,
        start_step=request.start_step,
        end_step=request.end_step,
    )
    return shapes.given(metrics=[_bulk_point(point) for point in points])


def _bulk_point(point: RunMetric) -> Answer:
    metric = point.metric
    return {
        "key": metric.key,
        "value": number(metric.value),
        "timestamp": metric.timestamp,
        "step": metric.step,
        "run_id": point.run_id,
    }


def search_datasets(store: TrackingStore, request: SearchDatasets) -> Answer:
    summaries = store.search_datasets(request.experiment_ids)
    return shapes.given(
        dataset_summaries=[
            {
                "experiment_id": summary.experiment_id,
                "name": summary.name,
                "digest": summary.digest,
                **shapes.given(context=summary.context),
            }
            for summary in summaries
        ]
    )


VERBS = (
    Verb("GET", "metrics/get-history", Role.READ, GetMetricHistory, get_history),
    Verb("GET", "metrics/get-history-bulk", Role.READ, GetMetricHistoryBulk, get_history_bulk),
    Verb(
        "GET",
        "metrics/get-history-bulk-interval",
        Role.READ,
        GetMetricHistoryInterval,
        get_history_interval,
    ),
    Verb("POST", "experiments/search-datasets", Role.READ, SearchDatasets, search_datasets),
)
