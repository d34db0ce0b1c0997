"""Our entities, read from the JSON of an MLflow server of any version."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
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

Json = Mapping[str, Any]


def experiment(body: Json) -> Experiment:
    return Experiment(
        experiment_id=str(body["experiment_id"]),
        name=body["name"],
        artifact_location=body.get("artifact_location", ""),
        lifecycle_stage=body.get("lifecycle_stage", ACTIVE),
        creation_time=int(body.get("creation_time", 0)),
        last_update_time=int(body.get("last_update_time", 0)),
        tags=mapping(body.get("tags", ())),
    )


def model_version(body: Json) -> ModelVersion:
    return ModelVersion(
        name=body["name"],
        version=int(body["version"]),
        creation_time=int(body.get("creation_timestamp", 0)),
        last_update_time=int(body.get("last_updated_timestamp", 0)),
        source=body.get("source", ""),
        description=body.get("description", ""),
        user_id=body.get("user_id", ""),
        current_stage=body.get("current_stage", "None"),
        run_id=body.get("run_id", ""),
        run_link=body.get("run_link", ""),
        status=body.get("status", "READY"),
        status_message=body.get("status_message", ""),
        model_id=body.get("model_id") or None,
        tags=mapping(body.get("tags", ())),
        aliases=tuple(body.get("aliases", ())),
    )


def registered_model(body: Json) -> RegisteredModel:
    return RegisteredModel(
        name=body["name"],
        creation_time=int(body.get("creation_timestamp", 0)),
        last_update_time=int(body.get("last_updated_timestamp", 0)),
        description=body.get("description", ""),
        tags=mapping(body.get("tags", ())),
        aliases={item["alias"]: int(item["version"]) for item in body.get("aliases", ())},
        latest_versions=tuple(model_version(item) for item in body.get("latest_versions", ())),
    )


def logged_model(body: Json) -> LoggedModel:
    info, data = body["info"], body.get("data", {})
    return LoggedModel(
        model_id=info["model_id"],
        experiment_id=str(info["experiment_id"]),
        name=info.get("name", ""),
        artifact_uri=info.get("artifact_uri", ""),
        status=info.get("status", "LOGGED_MODEL_READY"),
        creation_time=int(info.get("creation_timestamp_ms", 0)),
        last_update_time=int(info.get("last_updated_timestamp_ms", 0)),
        model_type=info.get("model_type") or None,
        source_run_id=info.get("source_run_id") or None,
        status_message=info.get("status_message") or None,
        tags=mapping(info.get("tags", ())),
        params=mapping(data.get("params", ())),
        metrics=tuple(
            ModelMetric(info["model_id"], item.get("run_id", ""), metric(item)._replace(model_id=None))
            for item in data.get("metrics", ())
        ),
    )


def run(body: Json) -> Run:
    info, data = body["info"], body.get("data", {})
    inputs, outputs = body.get("inputs", {}), body.get("outputs", {})
    points = [metric(item) for item in data.get("metrics", ())]
    return Run(
        run_id=info.get("run_id") or info["run_uuid"],
        run_name=info.get("run_name", ""),
        experiment_id=str(info["experiment_id"]),
        user_id=info.get("user_id", ""),
        status=info.get("status", "RUNNING"),
        start_time=int(info.get("start_time", 0)),
        artifact_uri=info.get("artifact_uri", ""),
        end_time=int(info["end_time"]) if info.get("end_time") else None,
        lifecycle_stage=info.get("lifecycle_stage", ACTIVE),
        params=mapping(data.get("params", ())),
        metrics={point.key: point for point in points},
        tags=mapping(data.get("tags", ())),
        dataset_inputs=tuple(_dataset_input(item) for item in inputs.get("dataset_inputs", ())),
        model_inputs=tuple(ModelLink(item["model_id"]) for item in inputs.get("model_inputs", ())),
        model_outputs=tuple(
            ModelLink(item["model_id"], int(item.get("step", 0)))
            for item in outputs.get("model_outputs", ())
        ),
    )


def metric(body: Json) -> Metric:
    return Metric(
        key=body["key"],
        value=float(body.get("value", 0.0)),  # float() reads "NaN" and "Infinity" too
        timestamp=int(body.get("timestamp", 0)),
        step=int(body.get("step", 0)),
        model_id=body.get("model_id"),
        dataset_name=body.get("dataset_name"),
        dataset_digest=body.get("dataset_digest"),
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
    return Artifact(body["path"], is_dir, None if is_dir else int(body.get("file_size", 0)))


def mapping(pairs: Iterable[Json]) -> dict[str, str]:
    return {pair["key"]: pair.get("value", "") for pair in pairs}


def pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _dataset_input(body: Json) -> DatasetInput:
    dataset = body.get("dataset", {})
    return DatasetInput(
        Dataset(
            name=dataset.get("name", ""),
            digest=dataset.get("digest", ""),
            source_type=dataset.get("source_type", ""),
            source=dataset.get("source", ""),
            schema=dataset.get("schema"),
            profile=dataset.get("profile"),
        ),
        mapping(body.get("tags", ())),
    )
