"""The REST verbs of what is logged to a run: metrics, params, tags, inputs, outputs, models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from reprise.schemas.entities import Dataset, DatasetInput, Metric, ModelLink
from reprise.server.api.wire import (
    Answer,
    Int64,
    KeyValue,
    Request,
    RunIdRequest,
    Verb,
    Word,
    as_mapping,
    invalid,
)
from reprise.server.http.access import Role
from reprise.tracking.protocols.store import TrackingStore

MOST_METRICS = 1000
MOST_PARAMS_OR_TAGS = 100
MODEL_FIELDS = {"artifact_path", "flavors", "run_id", "utc_time_created"}
"""What an MLmodel has to say to be noted on a run."""


class LogMetric(RunIdRequest, kw_only=True):
    key: Word
    value: float
    timestamp: Int64
    step: Int64 = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class LogParam(RunIdRequest, kw_only=True):
    key: Word
    value: str = ""


class SetTag(RunIdRequest, kw_only=True):
    key: Word
    value: str = ""


class DeleteTag(Request):
    run_id: Word
    key: Word


class Point(msgspec.Struct):
    """A metric inside a batch."""

    key: Word
    value: float
    timestamp: Int64
    step: Int64 = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class NamedValue(msgspec.Struct):
    """A param or tag inside a batch, where the key is required."""

    key: Word
    value: str = ""


class LogBatch(Request):
    run_id: Word
    metrics: tuple[Point, ...] = ()
    params: tuple[NamedValue, ...] = ()
    tags: tuple[NamedValue, ...] = ()


class LoggedDataset(msgspec.Struct):
    name: Word
    digest: Word
    source_type: str = ""
    source: str = ""
    schema: str | None = None
    profile: str | None = None


class Input(msgspec.Struct):
    dataset: LoggedDataset
    tags: tuple[KeyValue, ...] = ()


class ModelRef(msgspec.Struct):
    model_id: Word
    step: Int64 | None = None


class LogInputs(Request):
    run_id: Word
    datasets: tuple[Input, ...] = ()
    models: tuple[ModelRef, ...] = ()


class LogOutputs(Request):
    run_id: Word
    models: tuple[ModelRef, ...]


class LogModel(Request):
    run_id: Word
    model_json: Word


def log_metric(store: TrackingStore, request: LogMetric) -> Answer:
    store.log_metric(request.run_id, _metric(request))
    return {}


def log_param(store: TrackingStore, request: LogParam) -> Answer:
    store.log_param(request.run_id, request.key, request.value)
    return {}


def set_tag(store: TrackingStore, request: SetTag) -> Answer:
    store.set_tag(request.run_id, request.key, request.value)
    return {}


def delete_tag(store: TrackingStore, request: DeleteTag) -> Answer:
    store.delete_tag(request.run_id, request.key)
    return {}


def log_batch(store: TrackingStore, request: LogBatch) -> Answer:
    _refuse_more_than(MOST_METRICS, "metrics", request.metrics)
    _refuse_more_than(MOST_PARAMS_OR_TAGS, "params", request.params)
    _refuse_more_than(MOST_PARAMS_OR_TAGS, "tags", request.tags)
    _refuse_more_than(
        MOST_METRICS, "metrics, params and tags", [*request.metrics, *request.params, *request.tags]
    )
    counts = Counter(param.key for param in request.params)
    if repeated := [key for key, count in counts.items() if count > 1]:
        raise invalid(f"Duplicate parameter keys have been submitted: {repeated}")
    store.log_batch(
        request.run_id,
        metrics=[_metric(point) for point in request.metrics],
        params={param.key: param.value for param in request.params},
        tags={tag.key: tag.value for tag in request.tags},
    )
    return {}


def _metric(point: LogMetric | Point) -> Metric:
    return Metric(
        key=point.key,
        value=point.value,
        timestamp=point.timestamp,
        step=point.step,
        model_id=point.model_id or None,
        dataset_name=point.dataset_name or None,
        dataset_digest=point.dataset_digest or None,
    )


def _refuse_more_than(most: int, what: str, items: Sequence[object]) -> None:
    if len(items) > most:
        raise invalid(f"A batch holds at most {most} {what}, and this one has {len(items)}")


def log_inputs(store: TrackingStore, request: LogInputs) -> Answer:
    datasets = [
        DatasetInput(Dataset(**msgspec.structs.asdict(item.dataset)), as_mapping(item.tags))
        for item in request.datasets
    ]
    store.log_inputs(request.run_id, datasets=datasets, models=_links(request.models))
    return {}


def log_outputs(store: TrackingStore, request: LogOutputs) -> Answer:
    store.log_outputs(request.run_id, _links(request.models))
    return {}


def _links(models: Sequence[ModelRef]) -> list[ModelLink]:
    return [ModelLink(model.model_id, model.step) for model in models]


def log_model(store: TrackingStore, request: LogModel) -> Answer:
    try:
        model = msgspec.json.decode(request.model_json, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise invalid(f"Invalid value for parameter 'model_json' supplied: {error}") from None
    if lacking := sorted(MODEL_FIELDS - model.keys()):
        raise invalid(f"Invalid value for parameter 'model_json' supplied: it lacks {', '.join(lacking)}")
    store.record_logged_model(request.run_id, request.model_json)
    return {}


VERBS = (
    Verb("POST", "runs/log-metric", Role.WRITE, LogMetric, log_metric),
    Verb("POST", "runs/log-batch", Role.WRITE, LogBatch, log_batch),
    Verb("POST", "runs/log-parameter", Role.WRITE, LogParam, log_param),
    Verb("POST", "runs/set-tag", Role.WRITE, SetTag, set_tag),
    Verb("POST", "runs/delete-tag", Role.WRITE, DeleteTag, delete_tag),
    Verb("POST", "runs/log-inputs", Role.WRITE, LogInputs, log_inputs),
    Verb("POST", "runs/outputs", Role.WRITE, LogOutputs, log_outputs),
    Verb("POST", "runs/log-model", Role.WRITE, LogModel, log_model),
)
