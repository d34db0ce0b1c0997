"""The embedded store as the destination of a copy: ids, times and lifecycles are kept as they were."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from reprise.errors import TrackingError
from reprise.schemas.entities import (
    ACTIVE,
    DELETED,
    Experiment,
    LoggedModel,
    Metric,
    RegisteredModel,
    Run,
)
from reprise.schemas.tags import COPY_INCOMPLETE
from reprise.tracking import artifacts, validation
from reprise.tracking.copying import Begun, SourceVersion
from reprise.tracking.embedded import EmbeddedStore
from reprise.tracking.experiments import ExperimentRow, experiment_row
from reprise.tracking.logged_models import model_row
from reprise.tracking.names import now
from reprise.tracking.rows import Connection, columns, drop_pair, pairs, put_pairs
from reprise.tracking.run_data import put_dataset, put_links, put_metrics, put_model_points
from reprise.tracking.run_rows import INPUT, OUTPUT, run_row

_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")
_MODEL_ID = re.compile(r"m-[\w\-]{1,250}")
_MOST = 10**18 - 10**9
"""Ids of experiments stay below 18 digits, also those that are given after a copied one."""
_ENDED = ("FINISHED", "FAILED", "KILLED")


class EmbeddedDestination(EmbeddedStore):
    """Satisfies ``RegistryDestination``. What is in the store already wins over what arrives."""

    DURABILITY = "normal"  # what a power cut takes is copied again the next time

    def put_experiment(self, experiment: Experiment) -> tuple[str, bool]:
        """By its name; under its own id where that is free. Tags that it has here stay."""
        validation.experiment_name(experiment.name)
        with self._database.writing() as connection:
            found = connection.execute(
                f"SELECT {columns(ExperimentRow)} FROM experiment WHERE name = ?", (experiment.name,)
            ).fetchone()
            number = ExperimentRow(*found).id if found else _insert_experiment(connection, experiment)
            here = pairs(connection, "experiment_tag", [number])[number]
            put_pairs(connection, "experiment_tag", number, {**experiment.tags, **here})
        return str(number), found is None

    def begin_run(self, run: Run, experiment_id: str) -> Begun:
        """Write all but points and files. In a deleted experiment it is deleted as well."""
        if not _ID.fullmatch(run.run_id):
            raise validation.invalid(f"{run.run_id!r} is not the id of a run")
        validation.run_status(run.status)
        with self._database.writing() as connection:
            found = connection.execute(
                "SELECT id, status FROM run WHERE run_id = ?", (run.run_id,)
            ).fetchone()
            is_new = found is None or _is_incomplete(connection, "run_tag", found[0])
            if not is_new and found[1] in _ENDED:
                return Begun(run.run_id, is_new=False, is_whole=True)
            experiment = experiment_row(connection, experiment_id)
            number = found[0] if found else _insert_run(connection, run, experiment)
            connection.execute(
                "UPDATE run SET status = ?, end_time = ?, name = ? WHERE id = ?",
                (run.status, run.end_time, run.run_name, number),
            )
            put_pairs(connection, "run_param", number, run.params)
            put_pairs(connection, "run_tag", number, {**run.tags, COPY_INCOMPLETE: "true"})
            row = run_row(connection, run.run_id)
            for given in run.dataset_inputs:
                put_dataset(connection, row, given)
            put_links(connection, number, INPUT, run.model_inputs)
            put_links(connection, number, OUTPUT, run.model_outputs)
        return Begun(run.run_id, is_new, is_whole=False)

    def put_points(self, run_id: str, points: Sequence[Metric]) -> None:
        with self._database.writing() as connection:
            put_metrics(connection, run_row(connection, run_id).id, points)

    def finish_run(self, run_id: str, run: Run) -> None:
        with self._database.writing() as connection:
            drop_pair(connection, "run_tag", run_row(connection, run_id).id, COPY_INCOMPLETE)

    def begin_model(self, model: LoggedModel, experiment_id: str, run_id: str | None) -> Begun:
        """Write all but files; the run that made it has the id that it always had."""
        if not _MODEL_ID.fullmatch(model.model_id):
            raise validation.invalid(f"{model.model_id!r} is not the id of a logged model")
        with self._database.writing() as connection:
            found = connection.execute(
                "SELECT id FROM logged_model WHERE model_id = ?", (model.model_id,)
            ).fetchone()
            if found and not _is_incomplete(connection, "logged_model_tag", found[0]):
                return Begun(model.model_id, is_new=False, is_whole=True)
            experiment = experiment_row(connection, experiment_id)
            number = found[0] if found else _insert_model(connection, model, experiment)
            put_pairs(connection, "logged_model_param", number, model.params)
            put_pairs(connection, "logged_model_tag", number, {**model.tags, COPY_INCOMPLETE: "true"})
            put_model_points(connection, ((number, run_id, metric) for _, run_id, metric in model.metrics))
        return Begun(model.model_id, is_new=True, is_whole=False)

    def finish_model(self, model_id: str, model: LoggedModel) -> None:
        with self._database.writing() as connection:
            number = model_row(connection, model_id).id
            drop_pair(connection, "logged_model_tag", number, COPY_INCOMPLETE)

    def file_sizes(self, owner: str, folder: str) -> dict[str, int | None]:
        return {found.path: found.size for found in self.list_artifacts(owner, folder) if not found.is_dir}

    def put_file(self, owner: str, source: Path, path: str) -> None:
        self.upload_artifact(owner, source, path)

    def put_registered_model(self, model: RegisteredModel) -> bool:
        """Tags and aliases that it has here stay."""
        validation.registered_model_name(model.name)
        with self._database.writing() as connection:
            made = connection.execute(
                "INSERT OR IGNORE INTO registered_model"
                " (name, description, creation_time, last_update_time) VALUES (?, ?, ?, ?)",
                (model.name, model.description, model.creation_time, model.last_update_time),
            )
            ((number,),) = connection.execute(
                "SELECT id FROM registered_model WHERE name = ?", (model.name,)
            ).fetchall()
            here = pairs(connection, "registered_model_tag", [number])[number]
            put_pairs(connection, "registered_model_tag", number, {**model.tags, **here})
        return made.rowcount > 0

    def put_version(self, given: SourceVersion) -> bool:
        """A version keeps its number, and points at the files of its run or model in this store."""
        version = given.version
        storage = self._storage(given)
        source = version.source if version.source.startswith(("models:/", "runs:/")) else storage
        with self._database.writing() as connection:
            ((model, newest),) = connection.execute(
                "SELECT id, last_version FROM registered_model WHERE name = ?", (version.name,)
            ).fetchall()
            same = connection.execute(
                "SELECT creation_time, run_id FROM model_version WHERE model = ? AND version = ?",
                (model, version.version),
            ).fetchone()
            if same is not None:
                if same != (version.creation_time, version.run_id):
                    raise TrackingError(
                        "another version of this number is there already", code="RESOURCE_ALREADY_EXISTS"
                    )
                return False
            number = connection.execute(
                "INSERT INTO model_version (model, version, creation_time, last_update_time, description,"
                " user_id, current_stage, source, storage_location, run_id, run_link, status,"
                " status_message, model_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    model,
                    version.version,
                    version.creation_time,
                    version.last_update_time,
                    version.description,
                    version.user_id,
                    validation.stage(version.current_stage),
                    source,
                    storage,
                    version.run_id,
                    version.run_link,
                    version.status,
                    version.status_message,
                    _model_of(given),
                ),
            ).lastrowid
            put_pairs(connection, "model_version_tag", number or 0, version.tags)
            connection.executemany(
                "INSERT OR IGNORE INTO registered_model_alias VALUES (?, ?, ?)",
                [(model, alias, version.version) for alias in version.aliases],
            )
            connection.execute(
                "UPDATE registered_model SET last_version = ? WHERE id = ?",
                (max(newest, version.version), model),
            )
        return True

    def _storage(self, given: SourceVersion) -> str:
        """Where the files of a version lie here; where they lay when they were not copied."""
        if given.place is None:
            return given.version.source
        owner, path = given.place
        table, column = ("logged_model", "model_id") if owner.startswith("m-") else ("run", "run_id")
        with self._database.reading() as connection:
            sql = f"SELECT artifact_uri FROM {table} WHERE {column} = ?"
            found = connection.execute(sql, (owner,)).fetchone()
        return f"{found[0]}/{path}".rstrip("/") if found else given.version.source


def _insert_experiment(connection: Connection, experiment: Experiment) -> int:
    wanted = experiment.experiment_id
    number = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) <= 18 else None
    taken = connection.execute("SELECT 1 FROM experiment WHERE id = ?", (number,)).fetchone()
    if number is not None and (taken or number > _MOST):
        number = None
    row = connection.execute(
        "INSERT INTO experiment (id, name, artifact_location, lifecycle_stage, creation_time,"
        " last_update_time) VALUES (?, ?, '', ?, ?, ?)",
        (
            number,
            experiment.name,
            _stage(experiment.lifecycle_stage),
            experiment.creation_time,
            experiment.last_update_time,
        ),
    )
    made = row.lastrowid or 0
    connection.execute(
        "UPDATE experiment SET artifact_location = ? WHERE id = ?", (f"{artifacts.PROXY}/{made}", made)
    )
    return made


def _insert_run(connection: Connection, run: Run, experiment: ExperimentRow) -> int:
    along = experiment.lifecycle_stage == DELETED
    deleted = along or run.lifecycle_stage == DELETED
    row = connection.execute(
        "INSERT INTO run (run_id, experiment, name, user_id, status, start_time, end_time, artifact_uri,"
        " lifecycle_stage, deleted_time, deleted_along) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run.run_id,
            experiment.id,
            run.run_name,
            run.user_id,
            run.status,
            run.start_time,
            run.end_time,
            f"{experiment.artifact_location}/{run.run_id}/artifacts",
            DELETED if deleted else ACTIVE,
            now() if deleted else None,
            along,
        ),
    )
    return row.lastrowid or 0


def _insert_model(connection: Connection, model: LoggedModel, experiment: ExperimentRow) -> int:
    row = connection.execute(
        "INSERT INTO logged_model (model_id, experiment, name, artifact_uri, status, creation_time,"
        " last_update_time, model_type, source_run_id, status_message, lifecycle_stage)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            model.model_id,
            experiment.id,
            model.name,
            f"{experiment.artifact_location}/models/{model.model_id}/artifacts",
            model.status,
            model.creation_time,
            model.last_update_time,
            model.model_type,
            model.source_run_id,
            model.status_message,
            _stage(model.lifecycle_stage),
        ),
    )
    return row.lastrowid or 0


def _is_incomplete(connection: Connection, table: str, owner: int) -> bool:
    tags: Mapping[str, str] = pairs(connection, table, [owner])[owner]
    return COPY_INCOMPLETE in tags


def _model_of(given: SourceVersion) -> str | None:
    """The logged model that a version is, if it is one."""
    if given.version.model_id:
        return given.version.model_id
    return given.place[0] if given.place and given.place[0].startswith("m-") else None


def _stage(word: str) -> str:
    return DELETED if word == DELETED else ACTIVE
