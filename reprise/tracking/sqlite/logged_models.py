"""The verbs of logged models (MLflow 3), over the store's database."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from reprise.errors import missing
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import (
    ACTIVE,
    DELETED,
    MODEL_STATUSES,
    LoggedModel,
    ModelMetric,
    ModelOrder,
    Page,
)
from reprise.tracking import validation
from reprise.tracking.names import new_id, now, random_name
from reprise.tracking.sqlite.experiments import active_experiment
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    columns,
    drop_pair,
    pairs,
    put_pairs,
)
from reprise.tracking.sqlite.run_rows import IN_IDS, point


class ModelRow(NamedTuple):
    id: int
    model_id: str
    experiment: int
    name: str
    artifact_uri: str
    status: str
    creation_time: int
    last_update_time: int
    model_type: str | None
    source_run_id: str | None
    status_message: str | None
    lifecycle_stage: str


class LoggedModels(Verbs):
    def create_logged_model(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Begin a model, ``LOGGED_MODEL_PENDING``; without a name it gets a random one."""
        if name is not None:
            validation.logged_model_name(name)
        validation.tags(tags or {})
        model_id = f"m-{new_id()}"
        with self._database.writing() as connection:
            experiment = active_experiment(connection, experiment_id)
            time = now()
            location = f"{experiment.artifact_location}/models/{model_id}/artifacts"
            row = connection.execute(
                "INSERT INTO logged_model (model_id, experiment, name, artifact_uri, status, creation_time,"
                " last_update_time, model_type, source_run_id, lifecycle_stage)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    model_id,
                    experiment.id,
                    name or random_name(),
                    location,
                    MODEL_STATUSES[0],
                    time,
                    time,
                    model_type,
                    source_run_id,
                    ACTIVE,
                ),
            )
            number = row.lastrowid or 0
            put_pairs(connection, "logged_model_tag", number, tags or {})
            put_pairs(connection, "logged_model_param", number, params or {})
            return read_models(connection, [number])[0]

    def get_logged_model(self, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        with self._database.reading() as connection:
            row = model_row(connection, model_id)
            if row.lifecycle_stage == DELETED and not allow_deleted:
                raise missing(f"Logged model with ID '{model_id}' not found: it is deleted")
            return read_models(connection, [row.id])[0]

    def search_logged_models(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[ModelOrder] = (),
        datasets: Sequence[tuple[str, str | None]] = (),
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[LoggedModel]:
        """Newest first; ``datasets`` (name, digest) narrow the metrics that the filter looks at."""
        from reprise.tracking.sqlite.search.pages import page
        from reprise.tracking.sqlite.search.searchables import logged_models

        validation.page_size(max_results)
        numbers = json.dumps([validation.experiment_id(text) for text in experiment_ids])
        query = logged_models(numbers, filter, order_by, datasets)
        with self._database.reading() as connection:
            ids, token = page(connection, query, max_results, page_token)
            return Page(read_models(connection, ids), token)

    def deleted_logged_models(self, experiment_id: str) -> Sequence[LoggedModel]:
        """Those of an experiment that were deleted themselves, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id FROM logged_model WHERE experiment = ? AND lifecycle_stage = ? ORDER BY id",
                (validation.experiment_id(experiment_id), DELETED),
            )
            return read_models(connection, [number for (number,) in rows])

    def finalize_logged_model(self, model_id: str, status: str) -> LoggedModel:
        """Set the status: ``LOGGED_MODEL_READY``, ``LOGGED_MODEL_UPLOAD_FAILED`` or ``..._PENDING``."""
        if status not in MODEL_STATUSES:
            raise validation.invalid(
                f"{status!r} is not the status of a model; known are {', '.join(MODEL_STATUSES)}"
            )
        with self._database.writing() as connection:
            row = model_row(connection, model_id)
            connection.execute(
                "UPDATE logged_model SET status = ?, last_update_time = ? WHERE id = ?",
                (status, now(), row.id),
            )
            return read_models(connection, [row.id])[0]

    def log_logged_model_params(self, model_id: str, params: Mapping[str, str]) -> None:
        with self._database.writing() as connection:
            row = model_row(connection, model_id)
            logged = pairs(connection, "logged_model_param", [row.id])[row.id]
            for key, value in params.items():
                if not validation.equal_param(logged.get(key, value), value):
                    raise validation.invalid(
                        f"param {key!r} of model {model_id} was logged as {logged[key]!r}"
                        f" and cannot become {value!r}"
                    )
            put_pairs(connection, "logged_model_param", row.id, {**params, **logged})

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, str]) -> None:
        validation.tags(tags)
        with self._database.writing() as connection:
            put_pairs(connection, "logged_model_tag", model_row(connection, model_id).id, tags)

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is no such tag."""
        with self._database.writing() as connection:
            row = model_row(connection, model_id)
            if not drop_pair(connection, "logged_model_tag", row.id, key):
                raise missing(f"No tag with key {key!r} found for model with ID {model_id!r}")

    def delete_logged_model(self, model_id: str) -> None:
        """Mark it deleted."""
        with self._database.writing() as connection:
            row = model_row(connection, model_id)
            connection.execute(
                "UPDATE logged_model SET lifecycle_stage = ?, last_update_time = ? WHERE id = ?",
                (DELETED, now(), row.id),
            )


def model_row(connection: Connection, model_id: str) -> ModelRow:
    """The logged model, active or deleted. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
    row = connection.execute(
        f"SELECT {columns(ModelRow)} FROM logged_model WHERE model_id = ?", (model_id,)
    ).fetchone()
    if row is None:
        raise missing(f"Logged model with ID {model_id!r} not found")
    return ModelRow(*row)


def read_models(connection: Connection, ids: Iterable[int]) -> list[LoggedModel]:
    """The logged models of ``ids`` with their data, in their order."""
    wanted = list(ids)
    found = connection.execute(
        f"SELECT {columns(ModelRow)} FROM logged_model WHERE id {IN_IDS}", (json.dumps(wanted),)
    )
    rows = {row.id: row for row in (ModelRow(*values) for values in found)}
    tags, params = (
        pairs(connection, "logged_model_tag", wanted),
        pairs(connection, "logged_model_param", wanted),
    )
    metrics = _metrics(connection, rows)
    return [
        LoggedModel(
            model_id=row.model_id,
            experiment_id=str(row.experiment),
            name=row.name,
            artifact_uri=row.artifact_uri,
            status=row.status,
            creation_time=row.creation_time,
            last_update_time=row.last_update_time,
            model_type=row.model_type,
            source_run_id=row.source_run_id,
            status_message=row.status_message,
            lifecycle_stage=row.lifecycle_stage,
            tags=tags[row.id],
            params=params[row.id],
            metrics=tuple(metrics[row.id]),
        )
        for row in map(rows.__getitem__, wanted)
    ]


def _metrics(connection: Connection, rows: Mapping[int, ModelRow]) -> dict[int, list[ModelMetric]]:
    values = "value, timestamp, step, NULL, nullif(dataset_name, ''), nullif(dataset_digest, '')"
    found: dict[int, list[ModelMetric]] = defaultdict(list)
    points = connection.execute(
        f"SELECT owner, key, run_id, {values} FROM logged_model_metric WHERE owner {IN_IDS}"
        " ORDER BY owner, key, timestamp, step",
        (json.dumps(list(rows)),),
    )
    for owner, key, run_id, *measured in points:
        found[owner].append(ModelMetric(rows[owner].model_id, run_id, point(key, measured)))
    return found
