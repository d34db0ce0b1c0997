"""Our entities, read from the JSON of an MLflow server of any version."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from reprise.schemas.entities import (
    ACTIVE,
    Artifact,
    Dataset,
    DatasetInput,
    Experiment,
    LoggedModel,
    Metric,
    ModelLink,
    ModelMetric,
    ModelVersion,
    RegisteredModel,
    Run,
)
from reprise.schemas.job import RunStatus
from reprise.tracking.rest import fields as fields
from reprise.tracking.rest.fields import Json


def experiment(body: Json) -> Experiment:
    return Experiment(
        experiment_id=fields.identity(body, "experiment_id"),
        name=fields.text(body, "name"),
        artifact_location=fields.text(body, "artifact_location", ""),
        lifecycle_stage=fields.text(body, "lifecycle_stage", ACTIVE),
        creation_time=fields.whole(body, "creation_time", 0),
        last_update_time=fields.whole(body, "last_update_time", 0),
        tags=fields.pairs(body, "tags"),
    )


def model_version(body: Json) -> ModelVersion:
    return ModelVersion(
        name=fields.text(body, "name"),
        version=fields.whole(body, "version"),
        creation_time=fields.whole(body, "creation_timestamp", 0),
        last_update_time=fields.whole(body, "last_updated_timestamp", 0),
        source=fields.text(body, "source", ""),
        description=fields.text(body, "description", ""),
        user_id=fields.text(body, "user_id", ""),
        current_stage=fields.text(body, "current_stage", "None"),
        run_id=fields.text(body, "run_id", ""),
        run_link=fields.text(body, "run_link", ""),
        status=fields.text(body, "status", "READY"),
        status_message=fields.text(body, "status_message", ""),
        model_id=fields.optional_text(body, "model_id"),
        tags=fields.pairs(body, "tags"),
        aliases=fields.texts(body, "aliases"),
    )


def registered_model(body: Json) -> RegisteredModel:
    return RegisteredModel(
        name=fields.text(body, "name"),
        creation_time=fields.whole(body, "creation_timestamp", 0),
        last_update_time=fields.whole(body, "last_updated_timestamp", 0),
        description=fields.text(body, "description", ""),
        tags=fields.pairs(body, "tags"),
        aliases={
            fields.text(item, "alias"): fields.whole(item, "version")
            for item in fields.parts(body, "aliases")
        },
        latest_versions=tuple(model_version(item) for item in fields.parts(body, "latest_versions")),
    )


def logged_model(body: Json) -> LoggedModel:
    info, data = fields.part(body, "info"), fields.part(body, "data", {})
    return LoggedModel(
        model_id=fields.text(info, "model_id"),
        experiment_id=fields.identity(info, "experiment_id"),
        name=fields.text(info, "name", ""),
        artifact_uri=fields.text(info, "artifact_uri", ""),
        status=fields.text(info, "status", "LOGGED_MODEL_READY"),
        creation_time=fields.whole(info, "creation_timestamp_ms", 0),
        last_update_time=fields.whole(info, "last_updated_timestamp_ms", 0),
        model_type=fields.optional_text(info, "model_type"),
        source_run_id=fields.optional_text(info, "source_run_id"),
        status_message=fields.optional_text(info, "status_message"),
        tags=fields.pairs(info, "tags"),
        params=fields.pairs(data, "params"),
        metrics=tuple(
            ModelMetric(
                fields.text(info, "model_id"),
                fields.text(item, "run_id", ""),
                metric(item)._replace(model_id=None),
            )
            for item in fields.parts(data, "metrics")
        ),
    )


def run(body: Json) -> Run:
    info, data = fields.part(body, "info"), fields.part(body, "data", {})
    inputs, outputs = fields.part(body, "inputs", {}), fields.part(body, "outputs", {})
    points = [metric(item) for item in fields.parts(data, "metrics")]
    return Run(
        run_id=fields.optional_text(info, "run_id") or fields.text(info, "run_uuid"),
        run_name=fields.text(info, "run_name", ""),
        experiment_id=fields.identity(info, "experiment_id"),
        user_id=fields.text(info, "user_id", ""),
        status=fields.choice(info, "status", "RUNNING", set(RunStatus)),
        start_time=fields.whole(info, "start_time", 0),
        artifact_uri=fields.text(info, "artifact_uri", ""),
        end_time=fields.whole(info, "end_time", 0) or None,
        lifecycle_stage=fields.text(info, "lifecycle_stage", ACTIVE),
        params=fields.pairs(data, "params"),
        metrics={point.key: point for point in points},
        tags=fields.pairs(data, "tags"),
        dataset_inputs=tuple(_dataset_input(item) for item in fields.parts(inputs, "dataset_inputs")),
        model_inputs=tuple(
            ModelLink(fields.text(item, "model_id")) for item in fields.parts(inputs, "model_inputs")
        ),
        model_outputs=tuple(
            ModelLink(fields.text(item, "model_id"), fields.whole(item, "step", 0))
            for item in fields.parts(outputs, "model_outputs")
        ),
    )


def _model_metric(model_id: str, body: Json) -> ModelMetric:
    return ModelMetric(model_id, fields.text(body, "run_id", ""), metric(body)._replace(model_id=None))


def metric(body: Json) -> Metric:
    return Metric(
        key=fields.text(body, "key"),
        value=fields.real(body, "value", 0.0),  # text is "NaN" and "Infinity" too
        timestamp=fields.whole(body, "timestamp", 0),
        step=fields.whole(body, "step", 0),
        model_id=fields.optional_text(body, "model_id"),
        dataset_name=fields.optional_text(body, "dataset_name"),
        dataset_digest=fields.optional_text(body, "dataset_digest"),
    )


def metric_body(point: Metric) -> dict[str, Any]:
    """The JSON of a metric; a number that JSON lacks is text."""
    value: float | str = point.value
    if not math.isfinite(point.value):
        value = "NaN" if math.isnan(point.value) else "Infinity" if point.value > 0 else "-Infinity"
    body = {"key": point.key, "value": value, "timestamp": point.timestamp, "step": point.step}
    about = {
        "model_id": point.model_id,
        "dataset_name": point.dataset_name,
        "dataset_digest": point.dataset_digest,
    }
    return {**body, **{name: value for name, value in about.items() if value}}


def dataset_input_body(given: DatasetInput) -> dict[str, Any]:
    """The JSON of a dataset that a run read."""
    dataset = {name: value for name, value in given.dataset._asdict().items() if value is not None}
    return {"tags": pairs(given.tags), "dataset": dataset}


def artifact(body: Json) -> Artifact:
    is_dir = bool(body.get("is_dir", False))
    return Artifact(
        fields.text(body, "path"), is_dir, None if is_dir else fields.whole(body, "file_size", 0)
    )


def pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _dataset_input(body: Json) -> DatasetInput:
    dataset = fields.part(body, "dataset", {})
    return DatasetInput(
        Dataset(
            name=fields.text(dataset, "name", ""),
            digest=fields.text(dataset, "digest", ""),
            source_type=fields.text(dataset, "source_type", ""),
            source=fields.text(dataset, "source", ""),
            schema=fields.optional_text(dataset, "schema"),
            profile=fields.optional_text(dataset, "profile"),
        ),
        fields.pairs(body, "tags"),
    )
