"""Logged models and the registry of an MLflow database."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

from reprise.schemas.entities import (
    ACTIVE,
    DELETED,
    MODEL_STATUSES,
    LoggedModel,
    Metric,
    ModelMetric,
    ModelVersion,
    RegisteredModel,
)
from reprise.tracking.artifacts.locations import place_of
from reprise.tracking.copy.database.tables import (
    Row,
    Tables,
    group_rows,
    in_pieces,
    number_of,
    optional_text,
    text_of,
    texts_of,
)
from reprise.tracking.protocols.copying import Fault, Note, SourceVersion


def read_models(tables: Tables, experiment_id: str) -> Iterator[LoggedModel | Fault | Note]:
    """The logged models of an experiment."""
    rows = tables.read_rows("logged_models", "experiment_id", [int(experiment_id)], ["model_id"])
    yield from in_pieces(rows, partial(_read_some, tables))


def read_registry(tables: Tables) -> Iterator[RegisteredModel | Fault | Note]:
    tags = group_rows(tables.read_rows("registered_model_tags"), "name")
    aliases = group_rows(tables.read_rows("registered_model_aliases"), "name")
    for row in tables.read_rows("registered_models", order=["name"]):
        name, faults = text_of(row, "name"), list[Fault]()
        model = RegisteredModel(
            name=name,
            creation_time=number_of(row, "creation_time") or 0,
            last_update_time=number_of(row, "last_updated_time") or 0,
            description=text_of(row, "description"),
            tags=texts_of(tags.get(name, []), "tags", f"registered model {name!r}", faults),
            aliases={text_of(found, "alias"): int(found["version"]) for found in aliases.get(name, [])},
        )
        yield from faults
        yield model


def read_versions(tables: Tables, model: RegisteredModel) -> Iterator[SourceVersion | Fault | Note]:
    """Also those that were deleted."""
    tags = group_rows(tables.read_rows("model_version_tags", "name", [model.name]), "version")
    for row in tables.read_rows("model_versions", "name", [model.name], ["version"]):
        number, faults = int(row["version"]), list[Fault]()
        source = text_of(row, "source")
        version = ModelVersion(
            name=model.name,
            version=number,
            creation_time=number_of(row, "creation_time") or 0,
            last_update_time=number_of(row, "last_updated_time") or 0,
            source=source,
            description=text_of(row, "description"),
            user_id=text_of(row, "user_id"),
            current_stage=text_of(row, "current_stage") or "None",
            run_id=text_of(row, "run_id"),
            run_link=text_of(row, "run_link"),
            status=text_of(row, "status") or "READY",
            status_message=text_of(row, "status_message"),
            tags=texts_of(tags.get(number, []), "tags", f"version {number} of {model.name!r}", faults),
            aliases=tuple(alias for alias, pointed in model.aliases.items() if pointed == number),
        )
        yield from faults
        yield SourceVersion(version, place_of(text_of(row, "storage_location") or source))


def _read_some(tables: Tables, rows: Sequence[Row]) -> Iterator[LoggedModel | Fault]:
    ids = [row["model_id"] for row in rows]
    params = group_rows(tables.read_rows("logged_model_params", "model_id", ids), "model_id")
    tags = group_rows(tables.read_rows("logged_model_tags", "model_id", ids), "model_id")
    points = group_rows(tables.read_rows("logged_model_metrics", "model_id", ids), "model_id")
    for row in rows:
        model_id, faults = str(row["model_id"]), list[Fault]()
        owner = f"logged model {model_id}"
        status = number_of(row, "status") or 1
        model = LoggedModel(
            model_id=model_id,
            experiment_id=str(row["experiment_id"]),
            name=text_of(row, "name"),
            artifact_uri=text_of(row, "artifact_location"),
            status=MODEL_STATUSES[status - 1] if status <= len(MODEL_STATUSES) else MODEL_STATUSES[0],
            creation_time=number_of(row, "creation_timestamp_ms") or 0,
            last_update_time=number_of(row, "last_updated_timestamp_ms") or 0,
            model_type=optional_text(row, "model_type"),
            source_run_id=optional_text(row, "source_run_id"),
            status_message=optional_text(row, "status_message"),
            lifecycle_stage=DELETED if row["lifecycle_stage"] == DELETED else ACTIVE,
            tags=texts_of(tags.get(model_id, []), "tags", owner, faults, "tag_"),
            params=texts_of(params.get(model_id, []), "params", owner, faults, "param_"),
            metrics=tuple(map(_model_point, points.get(model_id, []))),
        )
        yield from faults
        yield model


def _model_point(row: Row) -> ModelMetric:
    value = math.nan if row["metric_value"] is None else float(row["metric_value"])
    point = Metric(
        key=row["metric_name"],
        value=value,
        timestamp=row["metric_timestamp_ms"],
        step=row["metric_step"],
        dataset_name=row["dataset_name"],
        dataset_digest=row["dataset_digest"],
    )
    return ModelMetric(row["model_id"], row["run_id"], point)
