"""The SQLite database of an MLflow server, 2.x or 3.x, read as the source of a copy.

It is opened to be read only. Tables and columns that a version of MLflow did not have yet count as empty.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

from reprise.errors import TrackingError
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
from reprise.tracking.copying import TOMBSTONE, SourceVersion, Unreadable, read
from reprise.tracking.import_artifacts import ImportArtifacts, place_of
from reprise.tracking.logged_models import STATUSES

Row = dict[str, Any]


class MlflowDatabase:
    """Satisfies ``Source``."""

    def __init__(self, path: Path, artifacts: Path | None = None) -> None:
        self._path = path
        beside = [path.parent / "mlartifacts", path.parent / "mlruns"]
        self._artifacts = ImportArtifacts(artifacts, beside)
        self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        self._connection.row_factory = _as_dict
        self._columns = cache(self._look_up_columns)
        if not {"experiments", "runs", "alembic_version"} <= self._tables():
            self.close()
            raise TrackingError(f"{path} is a database, but not one of MLflow")

    @property
    def uri(self) -> str:
        return f"sqlite:///{self._path}"

    def experiments(self) -> Iterator[Experiment | Unreadable]:
        for row in self._rows("experiments", order="experiment_id"):
            yield read(f"experiment {row['experiment_id']}", self._experiment, row)

    def runs(self, experiment: Experiment) -> Iterator[Run | Unreadable]:
        number = int(experiment.experiment_id)
        for row in self._rows("runs", "experiment_id = ?", number, order="start_time, run_uuid"):
            yield read(f"run {row['run_uuid']}", self._run, row)

    def points(self, run: Run) -> Iterator[Metric]:
        cursor = self._connection.cursor()
        cursor.row_factory = None  # there may be millions
        sql = "SELECT key, value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ?"
        try:
            for key, value, timestamp, step, is_nan in cursor.execute(sql, (run.run_id,)):
                yield Metric(key, math.nan if is_nan else float(value), timestamp, step)
        except sqlite3.Error as error:
            raise TrackingError(f"{self._path}: {error}") from error

    def logged_models(self, experiment: Experiment) -> Iterator[LoggedModel | Unreadable]:
        number = int(experiment.experiment_id)
        for row in self._rows("logged_models", "experiment_id = ?", number, order="model_id"):
            yield read(f"logged model {row['model_id']}", self._logged_model, row)

    def registered_models(self) -> Iterator[RegisteredModel | Unreadable]:
        for row in self._rows("registered_models", order="name"):
            yield read(f"registered model {row['name']!r}", self._registered_model, row)

    def versions(self, model: RegisteredModel) -> Iterator[SourceVersion | Unreadable]:
        tags: dict[int, dict[str, str]] = {}
        for row in self._rows("model_version_tags", "name = ?", model.name):
            tags.setdefault(row["version"], {})[row["key"]] = row["value"] or ""
        for row in self._rows("model_versions", "name = ?", model.name, order="version"):
            if row["current_stage"] != TOMBSTONE:
                number = row["version"]
                aliases = tuple(alias for alias, pointed in model.aliases.items() if pointed == number)
                what = f"version {number} of {model.name!r}"
                yield read(what, _version, row, tags.get(number, {}), aliases)

    def files(self, owner: Run | LoggedModel) -> Iterator[Artifact]:
        return self._artifacts.files(owner)

    def file(self, owner: Run | LoggedModel, path: str) -> AbstractContextManager[Path]:
        return self._artifacts.file(owner, path)

    def close(self) -> None:
        self._connection.close()

    def _experiment(self, row: Row) -> Experiment:
        return Experiment(
            experiment_id=str(row["experiment_id"]),
            name=row["name"],
            artifact_location=row["artifact_location"] or "",
            lifecycle_stage=row["lifecycle_stage"] or ACTIVE,
            creation_time=row.get("creation_time") or 0,
            last_update_time=row.get("last_update_time") or 0,
            tags=self._pairs("experiment_tags", "experiment_id", row["experiment_id"]),
        )

    def _run(self, row: Row) -> Run:
        run_id = row["run_uuid"]
        tags = self._pairs("tags", "run_uuid", run_id)
        links = [
            *self._rows("inputs", "source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id = ?", run_id),
            *self._rows("inputs", "destination_type = 'RUN' AND destination_id = ?", run_id),
        ]
        return Run(
            run_id=run_id,
            run_name=row["name"] or tags.get("mlflow.runName", ""),
            experiment_id=str(row["experiment_id"]),
            user_id=row["user_id"] or "",
            status=row["status"],
            start_time=row["start_time"] or 0,
            end_time=row["end_time"],
            artifact_uri=row["artifact_uri"] or "",
            lifecycle_stage=row["lifecycle_stage"] or ACTIVE,
            params=self._pairs("params", "run_uuid", run_id),
            tags=tags,
            dataset_inputs=tuple(
                self._dataset_input(link) for link in links if link["source_type"] == "DATASET"
            ),
            model_inputs=tuple(
                ModelLink(link["destination_id"]) for link in links if link["source_type"] == "RUN_INPUT"
            ),
            model_outputs=tuple(
                ModelLink(link["destination_id"], link.get("step") or 0)
                for link in links
                if link["source_type"] == "RUN_OUTPUT"
            ),
        )

    def _dataset_input(self, link: Row) -> DatasetInput:
        tags = {
            row["name"]: row["value"]
            for row in self._rows("input_tags", "input_uuid = ?", link["input_uuid"])
        }
        for row in self._rows("datasets", "dataset_uuid = ?", link["source_id"]):
            about = (row[f"dataset_{part}"] for part in ("source_type", "source", "schema", "profile"))
            return DatasetInput(Dataset(row["name"], row["digest"], *about), tags)
        raise TrackingError(f"dataset {link['source_id']} is missing in {self._path}")

    def _logged_model(self, row: Row) -> LoggedModel:
        model_id = row["model_id"]
        return LoggedModel(
            model_id=model_id,
            experiment_id=str(row["experiment_id"]),
            name=row["name"],
            artifact_uri=row["artifact_location"],
            status=STATUSES[row["status"] - 1],
            creation_time=row["creation_timestamp_ms"],
            last_update_time=row["last_updated_timestamp_ms"],
            model_type=row["model_type"] or None,
            source_run_id=row["source_run_id"] or None,
            status_message=row["status_message"] or None,
            lifecycle_stage=row["lifecycle_stage"] or ACTIVE,
            tags=self._pairs("logged_model_tags", "model_id", model_id, "tag_"),
            params=self._pairs("logged_model_params", "model_id", model_id, "param_"),
            metrics=tuple(map(_model_point, self._rows("logged_model_metrics", "model_id = ?", model_id))),
        )

    def _registered_model(self, row: Row) -> RegisteredModel:
        name = row["name"]
        return RegisteredModel(
            name=name,
            creation_time=row["creation_time"] or 0,
            last_update_time=row["last_updated_time"] or 0,
            description=row["description"] or "",
            tags=self._pairs("registered_model_tags", "name", name),
            aliases=self._aliases(name),
        )

    def _aliases(self, name: str) -> dict[str, int]:
        return {
            row["alias"]: row["version"] for row in self._rows("registered_model_aliases", "name = ?", name)
        }

    def _pairs(self, table: str, owner: str, value: object, prefix: str = "") -> dict[str, str]:
        rows = self._rows(table, f"{owner} = ?", value)
        return {row[f"{prefix}key"]: row[f"{prefix}value"] or "" for row in rows}

    def _rows(self, table: str, where: str = "", value: object = None, order: str = "") -> Sequence[Row]:
        """The rows where a condition with one ``?`` holds, or all; read at once, which locks nobody out."""
        if not self._columns(table):
            return []
        sql = f"SELECT * FROM {table}{f' WHERE {where}' if where else ''}"
        try:
            return self._connection.execute(
                f"{sql} ORDER BY {order}" if order else sql, (value,) if where else ()
            ).fetchall()
        except sqlite3.Error as error:
            raise TrackingError(f"{self._path}: {error}") from error

    def _tables(self) -> set[str]:
        try:
            found = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return {row["name"] for row in found}
        except sqlite3.Error as error:
            self.close()
            raise TrackingError(f"{self._path} cannot be read as a database: {error}") from error

    def _look_up_columns(self, table: str) -> frozenset[str]:
        return frozenset(row["name"] for row in self._connection.execute(f"PRAGMA table_info({table})"))


def _version(row: Row, tags: dict[str, str], aliases: tuple[str, ...]) -> SourceVersion:
    version = ModelVersion(
        name=row["name"],
        version=row["version"],
        creation_time=row["creation_time"] or 0,
        last_update_time=row["last_updated_time"] or 0,
        source=row["source"] or "",
        description=row["description"] or "",
        user_id=row["user_id"] or "",
        current_stage=row["current_stage"] or "None",
        run_id=row["run_id"] or "",
        run_link=row.get("run_link") or "",
        status=row["status"] or "READY",
        status_message=row["status_message"] or "",
        tags=tags,
        aliases=aliases,
    )
    return SourceVersion(version, place_of(row.get("storage_location") or version.source))


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


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}
