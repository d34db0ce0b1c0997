"""The verbs of runs, over the store's database. What is logged to them is in ``run_data.py``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from reprise.schemas.entities import ACTIVE, DELETED, DatasetSummary, Page, Run, ViewType
from reprise.schemas.tags import PARENT_RUN_ID
from reprise.tracking import validation
from reprise.tracking.names import new_id, now, random_name
from reprise.tracking.sqlite.experiments import active_experiment
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    put_pairs,
    stages,
)
from reprise.tracking.sqlite.run_rows import (
    RunRow,
    active_run,
    read_runs,
    run_row,
)

RUN_NAME = "mlflow.runName"
_WITH_PARENT = 2
"""``deleted_along`` of a run that was deleted with the run that it is in."""
_DATASETS = "run_dataset i JOIN dataset d ON d.id = i.dataset"


class Runs(Verbs):
    def create_run(
        self,
        experiment_id: str,
        *,
        start_time: int,
        user_id: str,
        run_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        """Start a run; without a name (nor a tag ``mlflow.runName``) it gets a random one."""
        validation.tags(tags or {})
        name = _name(run_name, (tags or {}).get(RUN_NAME))
        validation.at_most("the run's name", validation.MAX_KEY, name)
        run_id = new_id()
        with self._database.writing() as connection:
            experiment = active_experiment(connection, experiment_id)
            row = connection.execute(
                "INSERT INTO run (run_id, experiment, name, user_id, status, start_time, artifact_uri,"
                " lifecycle_stage) VALUES (?, ?, ?, ?, 'RUNNING', ?, ?, ?)",
                (
                    run_id,
                    experiment.id,
                    name,
                    user_id,
                    start_time,
                    f"{experiment.artifact_location}/{run_id}/artifacts",
                    ACTIVE,
                ),
            )
            number = row.lastrowid or 0
            put_pairs(connection, "run_tag", number, {**(tags or {}), RUN_NAME: name})
            return read_runs(connection, [number])[0]

    def get_run(self, run_id: str) -> Run:
        """Active or deleted, with its data. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        with self._database.reading() as connection:
            return read_runs(connection, [run_row(connection, run_id).id])[0]

    def update_run(
        self,
        run_id: str,
        *,
        status: str | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> None:
        """None leaves a value as it is."""
        if status is not None:
            validation.run_status(status)
        if run_name:
            validation.at_most("the run's name", validation.MAX_KEY, run_name)
        with self._database.writing(frees_room=bool(end_time)) as connection:
            row = active_run(connection, run_id)
            connection.execute(
                "UPDATE run SET status = coalesce(?, status), end_time = coalesce(?, end_time),"
                " name = coalesce(?, name) WHERE id = ?",
                (status, end_time, run_name or None, row.id),
            )
            if run_name:
                put_pairs(connection, "run_tag", row.id, {RUN_NAME: run_name})

    def delete_run(self, run_id: str, *, with_children: bool = False) -> None:
        """Mark it deleted, and the active runs in it where asked: they are restored with it."""
        time = now()
        with self._database.writing(frees_room=True) as connection:
            row = run_row(connection, run_id)
            below = _below(connection, row, ACTIVE) if with_children else []
            _set_stage(connection, [row.id], DELETED, time, 0)
            _set_stage(connection, below, DELETED, time, _WITH_PARENT)

    def restore_run(self, run_id: str) -> None:
        """Mark it active, and the runs that were deleted with it."""
        with self._database.writing(frees_room=True) as connection:
            row = run_row(connection, run_id)
            (time,) = connection.execute("SELECT deleted_time FROM run WHERE id = ?", (row.id,)).fetchone()
            numbers = json.dumps(_below(connection, row, DELETED))
            along = connection.execute(
                "SELECT id FROM run WHERE id IN (SELECT value FROM json_each(?)) AND deleted_time = ?"
                " AND deleted_along = ?",
                (numbers, time, _WITH_PARENT),
            ).fetchall()
            _set_stage(connection, [row.id, *(number for (number,) in along)], ACTIVE, None, 0)

    def move_run(self, run_id: str, experiment_id: str) -> None:
        """Move a run to another active experiment; its artifacts stay where they are."""
        with self._database.writing() as connection:
            row = active_run(connection, run_id)
            experiment = active_experiment(connection, experiment_id)
            connection.execute("UPDATE run SET experiment = ? WHERE id = ?", (experiment.id, row.id))

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 1000,
        page_token: str | None = None,
        view_type: ViewType = "ACTIVE_ONLY",
    ) -> Page[Run]:
        """Newest first unless ``order_by`` says otherwise; unknown experiments hold no runs."""
        from reprise.tracking.sqlite.search.pages import page
        from reprise.tracking.sqlite.search.searchables import RUNS
        from reprise.tracking.sqlite.search.sql import Query, Sql

        validation.page_size(max_results)
        scope = Sql(
            "t.experiment IN (SELECT value FROM json_each(?))"
            " AND t.lifecycle_stage IN (SELECT value FROM json_each(?))",
            (_numbers(experiment_ids), stages(view_type)),
        )
        with self._database.reading() as connection:
            query = Query(RUNS, scope, filter, order_by)
            ids, token = page(connection, query, max_results, page_token)
            return Page(read_runs(connection, ids), token)

    def search_datasets(self, experiment_ids: Sequence[str]) -> Sequence[DatasetSummary]:
        """The datasets that active runs of these experiments used."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT DISTINCT r.experiment, d.name, d.digest, c.value"
                f" FROM {_DATASETS} JOIN run r ON r.id = i.run"
                " LEFT JOIN run_dataset_tag c ON c.owner = i.id AND c.key = 'mlflow.data.context'"
                " WHERE r.lifecycle_stage = ? AND r.experiment IN (SELECT value FROM json_each(?))"
                " ORDER BY 1, 2, 3, 4",
                (ACTIVE, _numbers(experiment_ids)),
            )
            return [DatasetSummary(str(experiment), *values) for experiment, *values in rows]


def _set_stage(
    connection: Connection, numbers: Sequence[int], stage: str, deleted_time: int | None, along: int
) -> None:
    connection.execute(
        "UPDATE run SET lifecycle_stage = ?, deleted_time = ?, deleted_along = ?"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (stage, deleted_time, along, json.dumps(numbers)),
    )


def _below(connection: Connection, row: RunRow, stage: str) -> list[int]:
    """The row numbers of the runs in a run, and in those, that are in ``stage``."""
    rows = connection.execute(
        "WITH RECURSIVE below (id, run_id) AS (SELECT id, run_id FROM run WHERE id = ?"
        " UNION SELECT r.id, r.run_id FROM below b JOIN run_tag t ON t.value = b.run_id AND t.key = ?"
        " JOIN run r ON r.id = t.owner WHERE r.lifecycle_stage = ?) SELECT id FROM below WHERE id != ?",
        (row.id, PARENT_RUN_ID, stage, row.id),
    )
    return [number for (number,) in rows]


def _name(given: str | None, tag: str | None) -> str:
    if given and tag and given != tag:
        raise validation.invalid(f"the run is named {given!r}, and by its tag {RUN_NAME} {tag!r}")
    return given or tag or random_name()


def _numbers(experiment_ids: Sequence[str]) -> str:
    return json.dumps([validation.experiment_id(text) for text in experiment_ids])
