"""How logged models are copied into the embedded store, under their own ids."""

from __future__ import annotations

import re

from reprise.schemas.entities import ACTIVE, DELETED, LoggedModel
from reprise.schemas.tags import COPY_INCOMPLETE
from reprise.tracking import validation
from reprise.tracking.merging.fields import changes_of, kept_of, with_tags
from reprise.tracking.merging.merge import merge_fields, said_of
from reprise.tracking.protocols.copying import KeptAsItWas, Put
from reprise.tracking.sqlite.copied.origins import CopyOrigin, change_tags, read_origin, write_origin
from reprise.tracking.sqlite.experiments import ExperimentRow, experiment_row
from reprise.tracking.sqlite.logged_models import ModelRow, model_row, read_models
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    pairs,
    put_pairs,
)
from reprise.tracking.sqlite.run_data import put_model_points

KIND = "logged model"
_ID = re.compile(r"m-[\w\-]{1,250}")


class CopiedModels(Verbs):
    def put_model(self, model: LoggedModel, experiment_id: str, run_id: str | None) -> Put:
        """Write all but files; the run that made it has the id that it always had."""
        if not _ID.fullmatch(model.model_id):
            raise validation.invalid(f"{model.model_id!r} is not the id of a logged model")
        with self._database.writing() as connection:
            row = _find_row(connection, model.model_id)
            origin = None if row is None else read_origin(connection, KIND, model.model_id)
            kept: list[KeptAsItWas] = []
            is_new = row is None
            if row is None:
                row = _insert_row(connection, model, experiment_row(connection, experiment_id))
                put_pairs(connection, "logged_model_tag", row.id, model.tags)
            else:
                kept += _bring_up_to_date(connection, row, model, origin)
            put_pairs(connection, "logged_model_param", row.id, model.params)
            put_model_points(connection, ((row.id, run, metric) for _, run, metric in model.metrics))
            saw_files = origin is not None and origin.saw_files
            if not saw_files:
                put_pairs(connection, "logged_model_tag", row.id, {COPY_INCOMPLETE: "true"})
            write_origin(connection, KIND, model.model_id, row.id, _fields_of(model), is_new=origin is None)
        return Put(model.model_id, is_new, saw_files, kept)

    def find_model(self, model: LoggedModel, experiment_id: str) -> LoggedModel | None:
        with self._database.reading() as connection:
            row = _find_row(connection, model.model_id)
            return None if row is None else read_models(connection, [row.id])[0]


def _find_row(connection: Connection, model_id: str) -> ModelRow | None:
    there = connection.execute("SELECT 1 FROM logged_model WHERE model_id = ?", (model_id,)).fetchone()
    return model_row(connection, model_id) if there else None


def _fields_of(model: LoggedModel) -> dict[str, str]:
    facts = {
        "status": model.status,
        "status message": model.status_message or "",
        "stage": model.lifecycle_stage,
    }
    return with_tags(facts, model.tags)


def _bring_up_to_date(
    connection: Connection, row: ModelRow, model: LoggedModel, origin: CopyOrigin | None
) -> list[KeptAsItWas]:
    here = read_models(connection, [row.id])[0]
    ours = _fields_of(
        here._replace(tags=_without_mark(pairs(connection, "logged_model_tag", [row.id])[row.id]))
    )
    said = origin.said if origin else said_of(ours) if COPY_INCOMPLETE in here.tags else None
    merge = merge_fields(_fields_of(model), ours, said)
    changes = changes_of(merge)
    change_tags(connection, "logged_model_tag", row.id, changes.tags)
    if changes.facts:
        values = {"status": row.status, "status message": row.status_message, "stage": row.lifecycle_stage}
        values |= changes.facts
        connection.execute(
            "UPDATE logged_model SET status = ?, status_message = ?, lifecycle_stage = ?,"
            " last_update_time = ? WHERE id = ?",
            (
                values["status"],
                values["status message"] or None,
                values["stage"],
                model.last_update_time,
                row.id,
            ),
        )
    return kept_of("logged models", merge)


def _without_mark(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key != COPY_INCOMPLETE}


def _insert_row(connection: Connection, model: LoggedModel, experiment: ExperimentRow) -> ModelRow:
    connection.execute(
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
            DELETED if model.lifecycle_stage == DELETED else ACTIVE,
        ),
    )
    return model_row(connection, model.model_id)
