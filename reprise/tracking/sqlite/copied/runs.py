"""How runs are copied into the embedded store: ids, times and lifecycles are kept as they were."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reprise.schemas.entities import ACTIVE, DELETED, Metric, Run
from reprise.schemas.tags import COPY_INCOMPLETE
from reprise.tracking import validation
from reprise.tracking.merging.fields import FieldChanges, changes_of, kept_of, with_tags
from reprise.tracking.merging.merge import Merge, Said, merge_fields, said_of
from reprise.tracking.names import now
from reprise.tracking.protocols.copying import KeptAsItWas, Put
from reprise.tracking.sqlite.copied.origins import CopyOrigin, change_tags, read_origin, write_origin
from reprise.tracking.sqlite.experiments import ExperimentRow, experiment_row
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    pairs,
    put_pairs,
)
from reprise.tracking.sqlite.run_data import put_dataset, put_links, put_metrics
from reprise.tracking.sqlite.run_rows import (
    INPUT,
    OUTPUT,
    RunRow,
    read_runs,
    run_row,
)

KIND = "run"
_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")
_ENDED = ("FINISHED", "FAILED", "KILLED")
_OTHER_PARAM = "it is another one here, and params do not change"


class CopiedRuns(Verbs):
    def put_run(self, run: Run, experiment_id: str) -> Put:
        """Write all but points and files. In an experiment that is deleted here it is deleted as well."""
        if not _ID.fullmatch(run.run_id):
            raise validation.invalid(f"{run.run_id!r} is not the id of a run")
        with self._database.writing() as connection:
            row = _find_row(connection, run.run_id)
            origin = None if row is None else read_origin(connection, KIND, run.run_id)
            kept: list[KeptAsItWas] = []
            if row is None:
                is_new = True
                row = _insert_row(connection, run, experiment_row(connection, experiment_id))
                put_pairs(connection, "run_tag", row.id, run.tags)
            else:
                tags = pairs(connection, "run_tag", [row.id])[row.id]
                is_new = COPY_INCOMPLETE in tags and not (origin and origin.saw_files)
                kept += _bring_up_to_date(connection, row, run, tags, origin)
            kept += _add_params(connection, row, run)
            for given in run.dataset_inputs:
                put_dataset(connection, row, given)
            put_links(connection, row.id, INPUT, run.model_inputs)
            put_links(connection, row.id, OUTPUT, run.model_outputs)
            saw_files = origin is not None and origin.saw_files
            if not saw_files:
                put_pairs(connection, "run_tag", row.id, {COPY_INCOMPLETE: "true"})
            write_origin(connection, KIND, run.run_id, row.id, _fields_of(run), is_new=origin is None)
        return Put(run.run_id, is_new, saw_files, kept)

    def find_run(self, run: Run, experiment_id: str) -> Run | None:
        with self._database.reading() as connection:
            row = _find_row(connection, run.run_id)
            return None if row is None else read_runs(connection, [row.id])[0]

    def is_complete(self, run_id: str) -> bool:
        """Whether the run is there, and no copy of it was interrupted."""
        with self._database.reading() as connection:
            row = _find_row(connection, run_id)
            return row is not None and COPY_INCOMPLETE not in pairs(connection, "run_tag", [row.id])[row.id]

    def put_points(self, run_id: str, points: Sequence[Metric]) -> None:
        with self._database.writing() as connection:
            put_metrics(connection, run_row(connection, run_id).id, points)

    def end_run(self, run: Run, run_id: str, experiment_id: str) -> None:
        """Nothing: all was written at first."""

    def read_points(self, run: Run) -> Iterator[Metric]:
        with self._database.reading() as connection:
            for key, value, timestamp, step in connection.execute(
                "SELECT s.key, p.value, p.timestamp, p.step FROM run r JOIN series s ON s.run = r.id"
                " JOIN point p ON p.series = s.id WHERE r.run_id = ?",
                (run.run_id,),
            ):
                yield Metric(key, float(value), timestamp, step)


def _find_row(connection: Connection, run_id: str) -> RunRow | None:
    there = connection.execute("SELECT 1 FROM run WHERE run_id = ?", (run_id,)).fetchone()
    return run_row(connection, run_id) if there else None


def _fields_of(run: Run) -> dict[str, str]:
    end_time = "" if run.end_time is None else str(run.end_time)
    facts = {
        "name": run.run_name,
        "status": run.status,
        "end time": end_time,
        "stage": run.lifecycle_stage,
    }
    return with_tags(facts, run.tags)


def _insert_row(connection: Connection, run: Run, experiment: ExperimentRow) -> RunRow:
    along = experiment.lifecycle_stage == DELETED
    deleted = along or run.lifecycle_stage == DELETED
    time = run.deleted_time or (experiment.last_update_time if along else 0) or now()
    connection.execute(
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
            time if deleted else None,
            along,
        ),
    )
    return run_row(connection, run.run_id)


def _bring_up_to_date(
    connection: Connection, row: RunRow, run: Run, tags: dict[str, str], origin: CopyOrigin | None
) -> list[KeptAsItWas]:
    """Change what the source changed since; what is left otherwise."""
    here = read_runs(connection, [row.id])[0]
    ours = {field: value for field, value in _fields_of(here).items() if field != _INCOMPLETE}
    merge = merge_fields(_fields_of(run), ours, _read_said(ours, row, tags, origin))
    changes = changes_of(merge)
    change_tags(connection, "run_tag", row.id, changes.tags)
    _change_facts(connection, row, run, changes)
    return kept_of("runs", merge)


_INCOMPLETE = next(iter(with_tags({}, {COPY_INCOMPLETE: ""})))


def _read_said(
    ours: dict[str, str], row: RunRow, tags: dict[str, str], origin: CopyOrigin | None
) -> Said | None:
    """What the source said before; of a run that had not ended, or not arrived, all that is here."""
    if origin is not None:
        return origin.said
    return said_of(ours) if COPY_INCOMPLETE in tags or row.status not in _ENDED else None


def _change_facts(connection: Connection, row: RunRow, run: Run, changes: FieldChanges) -> None:
    if {"name", "status", "end time"} & changes.facts.keys():
        given = {
            "name": run.run_name if "name" in changes.facts else row.name,
            "status": run.status if "status" in changes.facts else row.status,
            "end_time": run.end_time if "end time" in changes.facts else row.end_time,
        }
        connection.execute(
            "UPDATE run SET name = :name, status = :status, end_time = :end_time WHERE id = :id",
            {**given, "id": row.id},
        )
    if stage := changes.facts.get("stage"):
        deleted = stage == DELETED
        connection.execute(
            "UPDATE run SET lifecycle_stage = ?, deleted_time = ?, deleted_along = 0 WHERE id = ?",
            (stage, (run.deleted_time or now()) if deleted else None, row.id),
        )


def _add_params(connection: Connection, row: RunRow, run: Run) -> list[KeptAsItWas]:
    """Return the missing params; existing params are kept."""
    here: Merge = merge_fields(run.params, pairs(connection, "run_param", [row.id])[row.id], None)
    added = {key: value for key, value in here.changes.items() if value is not None}
    put_pairs(connection, "run_param", row.id, added)
    return [KeptAsItWas("params", key, _OTHER_PARAM) for key in here.kept]
