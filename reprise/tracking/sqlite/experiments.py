"""The verbs of experiments, over the store's database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from reprise.errors import TrackingError, missing
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import ACTIVE, DELETED, Experiment, Page, ViewType
from reprise.tracking import validation
from reprise.tracking.artifacts import files
from reprise.tracking.names import now
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    columns,
    drop_pair,
    pairs,
    put_pairs,
    stages,
)


class ExperimentRow(NamedTuple):
    id: int
    name: str
    artifact_location: str
    lifecycle_stage: str
    creation_time: int
    last_update_time: int


class Experiments(Verbs):
    def create_experiment(
        self,
        name: str,
        *,
        artifact_location: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Make an experiment, and return its id. ``RESOURCE_ALREADY_EXISTS`` when the name is taken."""
        validation.experiment_name(name)
        validation.tags(tags or {}, validation.MAX_EXPERIMENT_TAG)
        location = files.given_location(artifact_location) if artifact_location else None
        with self._database.writing() as connection:
            _check_free(connection, name)
            time = now()
            row = connection.execute(
                "INSERT INTO experiment (name, artifact_location, lifecycle_stage, creation_time,"
                " last_update_time) VALUES (?, ?, ?, ?, ?)",
                (name, location or "", ACTIVE, time, time),
            )
            experiment = row.lastrowid or 0
            if location is None:
                connection.execute(
                    "UPDATE experiment SET artifact_location = ? WHERE id = ?",
                    (f"{files.PROXY}/{experiment}", experiment),
                )
            put_pairs(connection, "experiment_tag", experiment, tags or {})
        return str(experiment)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Active or deleted. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        with self._database.reading() as connection:
            row = experiment_row(connection, experiment_id)
            return read_experiments(connection, [row.id])[0]

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Active or deleted; None when there is none."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT id FROM experiment WHERE name = ?", (name,)).fetchone()
            return read_experiments(connection, found)[0] if found else None

    def search_experiments(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view_type: ViewType = "ACTIVE_ONLY",
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        """Newest first unless ``order_by`` says otherwise."""
        from reprise.tracking.sqlite.search.pages import page
        from reprise.tracking.sqlite.search.searchables import EXPERIMENTS
        from reprise.tracking.sqlite.search.sql import Query, Sql

        validation.page_size(max_results)
        scope = Sql("t.lifecycle_stage IN (SELECT value FROM json_each(?))", (stages(view_type),))
        with self._database.reading() as connection:
            query = Query(EXPERIMENTS, scope, filter, order_by)
            ids, token = page(connection, query, max_results, page_token)
            return Page(read_experiments(connection, ids), token)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """``INVALID_STATE`` when it is deleted, ``RESOURCE_ALREADY_EXISTS`` when the name is taken."""
        validation.experiment_name(new_name)
        with self._database.writing() as connection:
            row = experiment_row(connection, experiment_id)
            if row.lifecycle_stage != ACTIVE:
                raise TrackingError(
                    f"experiment {experiment_id} is deleted and cannot be renamed", code="INVALID_STATE"
                )
            if new_name != row.name:
                _check_free(connection, new_name)
            connection.execute(
                "UPDATE experiment SET name = ?, last_update_time = ? WHERE id = ?",
                (new_name, now(), row.id),
            )

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark it and its active runs deleted."""
        with self._database.writing() as connection:
            row = experiment_row(connection, experiment_id, stage=ACTIVE)
            time = now()
            _set_stage(connection, row.id, DELETED, time)
            connection.execute(
                "UPDATE run SET lifecycle_stage = ?, deleted_time = ?, deleted_along = 1"
                " WHERE experiment = ? AND lifecycle_stage = ?",
                (DELETED, time, row.id, ACTIVE),
            )

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring it back, with the runs that were deleted along with it."""
        with self._database.writing() as connection:
            row = experiment_row(connection, experiment_id, stage=DELETED)
            _set_stage(connection, row.id, ACTIVE, now())
            connection.execute(
                "UPDATE run SET lifecycle_stage = ?, deleted_time = NULL, deleted_along = 0"
                " WHERE experiment = ? AND deleted_along = 1",
                (ACTIVE, row.id),
            )

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        validation.tags({key: value}, validation.MAX_EXPERIMENT_TAG)
        with self._database.writing() as connection:
            row = active_experiment(connection, experiment_id)
            put_pairs(connection, "experiment_tag", row.id, {key: value})

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is no such tag."""
        with self._database.writing() as connection:
            row = active_experiment(connection, experiment_id)
            if not drop_pair(connection, "experiment_tag", row.id, key):
                raise missing(f"No tag with name: {key} in experiment with id {experiment_id}")


def experiment_row(connection: Connection, experiment_id: str, stage: str | None = None) -> ExperimentRow:
    """The experiment, in ``stage`` where that is given. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
    number = validation.experiment_id(experiment_id)
    row = connection.execute(
        f"SELECT {columns(ExperimentRow)} FROM experiment WHERE id = ?", (number,)
    ).fetchone()
    if row is None or (stage and ExperimentRow(*row).lifecycle_stage != stage):
        raise missing(f"No Experiment with id={experiment_id} exists{f' that is {stage}' if stage else ''}")
    return ExperimentRow(*row)


def active_experiment(connection: Connection, experiment_id: str) -> ExperimentRow:
    """The experiment; ``INVALID_PARAMETER_VALUE`` when it is deleted."""
    row = experiment_row(connection, experiment_id)
    if row.lifecycle_stage != ACTIVE:
        raise validation.invalid(
            f"The experiment {experiment_id} must be in the 'active' state;"
            f" it ({row.name!r}) is deleted: restore it first"
        )
    return row


def read_experiments(connection: Connection, ids: Iterable[int]) -> list[Experiment]:
    """The experiments of ``ids``, in their order."""
    wanted = list(ids)
    tags = pairs(connection, "experiment_tag", wanted)
    found = connection.execute(
        f"SELECT {columns(ExperimentRow)} FROM experiment WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(wanted),),
    )
    rows = {row.id: row for row in (ExperimentRow(*values) for values in found)}
    return [_experiment(rows[number], tags[number]) for number in wanted]


def _experiment(row: ExperimentRow, tags: Mapping[str, str]) -> Experiment:
    return Experiment(
        experiment_id=str(row.id),
        name=row.name,
        artifact_location=row.artifact_location,
        lifecycle_stage=row.lifecycle_stage,
        creation_time=row.creation_time,
        last_update_time=row.last_update_time,
        tags=tags,
    )


def _check_free(connection: sqlite3.Connection, name: str) -> None:
    taken = connection.execute("SELECT lifecycle_stage FROM experiment WHERE name = ?", (name,)).fetchone()
    if taken:
        deleted = taken == (DELETED,)
        raise TrackingError(
            f"Experiment(name={name}) already exists{' in deleted state' if deleted else ''}",
            code="RESOURCE_ALREADY_EXISTS",
            hint="restore it, or use another name" if deleted else None,
        )


def _set_stage(connection: Connection, experiment: int, stage: str, time: int) -> None:
    connection.execute(
        "UPDATE experiment SET lifecycle_stage = ?, last_update_time = ? WHERE id = ?",
        (stage, time, experiment),
    )
