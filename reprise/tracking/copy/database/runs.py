"""Experiments and runs of an MLflow database."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

from reprise.errors import TrackingError
from reprise.schemas.entities import (
    ACTIVE,
    DELETED,
    RUN_STATUSES,
    Dataset,
    DatasetInput,
    Experiment,
    Metric,
    ModelLink,
    Run,
)
from reprise.schemas.tags import RUN_NAME
from reprise.tracking.copy.database.tables import (
    NoText,
    Row,
    Tables,
    group_rows,
    in_pieces,
    number_of,
    optional_text,
    text_of,
    texts_of,
)
from reprise.tracking.protocols.copying import Fault, Note

UNKNOWN_STATUS = "KILLED"


def read_experiments(tables: Tables) -> Iterator[Experiment | Fault | Note]:
    tags = group_rows(tables.read_rows("experiment_tags"), "experiment_id")
    for row in tables.read_rows("experiments", order=["experiment_id"]):
        identity = str(row["experiment_id"])
        faults: list[Fault] = []
        experiment = Experiment(
            experiment_id=identity,
            name=_in_workspace(row),
            artifact_location=text_of(row, "artifact_location"),
            lifecycle_stage=_stage_of(row),
            creation_time=number_of(row, "creation_time") or 0,
            last_update_time=number_of(row, "last_update_time") or 0,
            tags=texts_of(tags.get(row["experiment_id"], []), "tags", f"experiment {identity}", faults),
        )
        yield from faults
        yield experiment


def read_runs(tables: Tables, experiment_id: str) -> Iterator[Run | Fault | Note]:
    rows = tables.read_rows("runs", "experiment_id", [int(experiment_id)], ["start_time", "run_uuid"])
    yield from in_pieces(rows, partial(_read_some, tables))


def read_points(tables: Tables, run_id: str) -> Iterator[Metric | Fault | Note]:
    columns = ("key", "value", "timestamp", "step", "is_nan")
    for key, value, timestamp, step, is_nan in tables.stream_rows("metrics", columns, "run_uuid", run_id):
        try:
            number = math.nan if is_nan else float(value)
            yield Metric(_to_text(key), number, int(timestamp), int(step or 0))
        except (TypeError, ValueError):
            shown = f"{value!r} at {timestamp!r}, step {step!r}"
            yield Fault("points", f"run {run_id}", str(key), f"{shown} is not a point")


def _to_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _read_some(tables: Tables, rows: Sequence[Row]) -> Iterator[Run | Fault]:
    """The runs of ``rows``; one by one where the data of all cannot be read together."""
    ids = [row["run_uuid"] for row in rows]
    try:
        params = group_rows(tables.read_rows("params", "run_uuid", ids), "run_uuid")
        tags = group_rows(tables.read_rows("tags", "run_uuid", ids), "run_uuid")
        read = group_rows(tables.read_rows("inputs", "destination_id", ids), "destination_id")
        made = group_rows(tables.read_rows("inputs", "source_id", ids), "source_id")
    except TrackingError as error:
        if len(rows) == 1:
            yield _make_run(rows[0])
            yield Fault("others", f"run {ids[0]}", "", f"its data cannot be read: {error.message}")
            return
        for row in rows:
            yield from _read_some(tables, [row])
        return
    for row in rows:
        run_id, faults = row["run_uuid"], list[Fault]()
        owner = f"run {run_id}"
        run = _make_run(row)._replace(
            params=texts_of(params.get(run_id, []), "params", owner, faults),
            tags=texts_of(tags.get(run_id, []), "tags", owner, faults),
        )
        run = _add_links(tables, run, read.get(run_id, []), made.get(run_id, []), faults)
        if row["status"] not in RUN_STATUSES:
            faults.append(Fault("runs", owner, "status", f"{row['status']!r} is not known", pieces=0))
        yield from faults
        yield run._replace(run_name=run.run_name or run.tags.get(RUN_NAME, ""))


def _make_run(row: Row) -> Run:
    stage = _stage_of(row)
    return Run(
        run_id=str(row["run_uuid"]),
        run_name=text_of(row, "name"),
        experiment_id=str(row["experiment_id"]),
        user_id=text_of(row, "user_id"),
        status=row["status"] if row["status"] in RUN_STATUSES else UNKNOWN_STATUS,
        start_time=number_of(row, "start_time") or 0,
        end_time=number_of(row, "end_time"),
        artifact_uri=text_of(row, "artifact_uri"),
        lifecycle_stage=stage,
        deleted_time=number_of(row, "deleted_time") if stage == DELETED else None,
    )


def _add_links(
    tables: Tables, run: Run, read: Sequence[Row], made: Sequence[Row], faults: list[Fault]
) -> Run:
    """The run with its datasets and models; a link leads from a dataset to a run, from a run to a model."""
    datasets = [link for link in read if link["source_type"] == "DATASET"]
    given = [_dataset_input(tables, link, run.run_id, faults) for link in datasets]
    return run._replace(
        dataset_inputs=tuple(item for item in given if item is not None),
        model_inputs=tuple(
            ModelLink(link["destination_id"]) for link in made if link["source_type"] == "RUN_INPUT"
        ),
        model_outputs=tuple(
            ModelLink(link["destination_id"], number_of(link, "step") or 0)
            for link in made
            if link["source_type"] == "RUN_OUTPUT"
        ),
    )


def _dataset_input(tables: Tables, link: Row, run_id: str, faults: list[Fault]) -> DatasetInput | None:
    owner = f"run {run_id}"
    named = [
        {"key": row["name"], "value": row["value"]}
        for row in tables.read_rows("input_tags", "input_uuid", [link["input_uuid"]])
    ]
    tags = texts_of(named, "datasets", owner, faults)
    for row in tables.read_rows("datasets", "dataset_uuid", [link["source_id"]]):
        dataset = Dataset(
            name=text_of(row, "name"),
            digest=text_of(row, "digest"),
            source_type=text_of(row, "dataset_source_type"),
            source=text_of(row, "dataset_source"),
            schema=optional_text(row, "dataset_schema"),
            profile=optional_text(row, "dataset_profile"),
        )
        return DatasetInput(dataset, tags)
    faults.append(Fault("datasets", owner, str(link["source_id"]), "it is missing in the database"))
    return None


def _stage_of(row: Row) -> str:
    return DELETED if row["lifecycle_stage"] == DELETED else ACTIVE


def _in_workspace(row: Row) -> str:
    """The name; two workspaces may have experiments of one name."""
    name, workspace = text_of(row, "name"), text_of(row, "workspace")
    return (
        name if workspace in {"", "default"} or isinstance(row["name"], NoText) else f"{workspace}/{name}"
    )
