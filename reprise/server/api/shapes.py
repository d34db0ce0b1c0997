"""The JSON objects of MLflow's REST API, made from our entities.

As protobuf does, an empty list is left out, and so is a field that MLflow leaves unset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from reprise.schemas.entities import (
    Artifact,
    DatasetInput,
    Experiment,
    LoggedModel,
    Metric,
    ModelMetric,
    ModelVersion,
    Page,
    RegisteredModel,
    Run,
)
from reprise.server.api.wire import Answer, number

T = TypeVar("T")


def pairs(mapping: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in mapping.items()]


def given(**fields: object) -> dict[str, object]:
    """The fields that have something to say: None, empty text, 0 and empty lists are left out."""
    return {name: value for name, value in fields.items() if value}


def page(name: str, found: Page[T], shape: Callable[[T], Answer]) -> Answer:
    """``{name: [...], "next_page_token": ...}``."""
    return given(**{name: [shape(item) for item in found.items]}, next_page_token=found.next_token)


def experiment(entity: Experiment) -> Answer:
    return {
        "experiment_id": entity.experiment_id,
        "name": entity.name,
        "artifact_location": entity.artifact_location,
        "lifecycle_stage": entity.lifecycle_stage,
        **given(
            creation_time=entity.creation_time,
            last_update_time=entity.last_update_time,
            tags=pairs(entity.tags),
        ),
    }


def run(entity: Run) -> Answer:
    return {
        **new_run(entity),
        "outputs": given(
            model_outputs=[
                {"model_id": link.model_id, "step": link.step or 0} for link in entity.model_outputs
            ]
        ),
    }


def new_run(entity: Run) -> Answer:
    """A run as it is answered when it is made, before it can have outputs."""
    return {
        "info": run_info(entity),
        "data": given(
            metrics=[metric(point) for point in entity.metrics.values()],
            params=pairs(entity.params),
            tags=pairs(entity.tags),
        ),
        "inputs": given(
            dataset_inputs=[dataset_input(item) for item in entity.dataset_inputs],
            model_inputs=[{"model_id": link.model_id} for link in entity.model_inputs],
        ),
    }


def run_info(entity: Run) -> Answer:
    return {
        "run_id": entity.run_id,
        "run_uuid": entity.run_id,
        "run_name": entity.run_name,
        "experiment_id": entity.experiment_id,
        "user_id": entity.user_id,
        "status": entity.status,
        "start_time": entity.start_time,
        **given(end_time=entity.end_time),
        "artifact_uri": entity.artifact_uri,
        "lifecycle_stage": entity.lifecycle_stage,
    }


def metric(point: Metric, run_id: str | None = None) -> Answer:
    return {
        "key": point.key,
        "value": number(point.value),
        "timestamp": point.timestamp,
        "step": point.step,
        **given(
            model_id=point.model_id,
            dataset_name=point.dataset_name,
            dataset_digest=point.dataset_digest,
            run_id=run_id,
        ),
    }


def dataset_input(entity: DatasetInput) -> Answer:
    dataset = entity.dataset
    return {
        **given(tags=pairs(entity.tags)),
        "dataset": {
            "name": dataset.name,
            "digest": dataset.digest,
            "source_type": dataset.source_type,
            "source": dataset.source,
            **given(schema=dataset.schema, profile=dataset.profile),
        },
    }


def artifacts(root_uri: str, files: Sequence[Artifact]) -> Answer:
    return {"root_uri": root_uri, **given(files=file_infos(files))}


def file_infos(files: Iterable[Artifact]) -> list[Answer]:
    return [{"path": file.path, "is_dir": file.is_dir, **given(file_size=file.size)} for file in files]


def logged_model(entity: LoggedModel) -> Answer:
    return {
        "info": {
            "model_id": entity.model_id,
            "experiment_id": entity.experiment_id,
            "name": entity.name,
            "creation_timestamp_ms": entity.creation_time,
            "last_updated_timestamp_ms": entity.last_update_time,
            "artifact_uri": entity.artifact_uri,
            "status": entity.status,
            **given(
                model_type=entity.model_type,
                source_run_id=entity.source_run_id,
                status_message=entity.status_message,
                tags=pairs(entity.tags),
            ),
        },
        "data": given(params=pairs(entity.params), metrics=_model_metrics(entity.metrics)),
    }


def _model_metrics(points: Iterable[ModelMetric]) -> list[Answer]:
    return [{**metric(point.metric, point.run_id), "model_id": point.model_id} for point in points]


def registered_model(entity: RegisteredModel) -> Answer:
    return {
        "name": entity.name,
        "creation_timestamp": entity.creation_time,
        "last_updated_timestamp": entity.last_update_time,
        **given(
            description=entity.description,
            latest_versions=[
                model_version(version._replace(aliases=())) for version in entity.latest_versions
            ],
            tags=pairs(entity.tags),
            aliases=[
                {"alias": alias, "version": str(version)} for alias, version in entity.aliases.items()
            ],
        ),
    }


def model_version(entity: ModelVersion) -> Answer:
    return {
        "name": entity.name,
        "version": str(entity.version),
        "creation_timestamp": entity.creation_time,
        "last_updated_timestamp": entity.last_update_time,
        "description": entity.description,
        **given(user_id=entity.user_id),
        "current_stage": entity.current_stage,
        "source": entity.source,
        "run_id": entity.run_id,
        "run_link": entity.run_link,
        "status": entity.status,
        **given(
            status_message=entity.status_message,
            tags=pairs(entity.tags),
            aliases=list(entity.aliases),
        ),
    }
