"""How a run and its data are read from the tables."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from reprise.errors import missing
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import ACTIVE, Dataset, DatasetInput, Metric, ModelLink, Run
from reprise.tracking.sqlite.rows import Connection, columns, pairs
from reprise.tracking.validation import invalid

IN_IDS = "IN (SELECT value FROM json_each(?))"
POINT = "value, timestamp, step, model_id, dataset_name, dataset_digest"
INPUT, OUTPUT = "input", "output"


class RunRow(NamedTuple):
    id: int
    run_id: str
    experiment: int
    name: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None
    artifact_uri: str
    lifecycle_stage: str
    deleted_time: int | None
    deleted_along: int


def run_row(connection: Connection, run_id: str) -> RunRow:
    """The run, active or deleted. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
    row = connection.execute(f"SELECT {columns(RunRow)} FROM run WHERE run_id = ?", (run_id,)).fetchone()
    if row is None:
        raise missing(f"Run with id={run_id} not found")
    return RunRow(*row)


def active_run(connection: Connection, run_id: str) -> RunRow:
    """The run; ``INVALID_PARAMETER_VALUE`` when it is deleted."""
    row = run_row(connection, run_id)
    if row.lifecycle_stage != ACTIVE:
        raise invalid(f"The run {run_id} must be in the 'active' state; it is deleted: restore it first")
    return row


def read_runs(connection: Connection, ids: Iterable[int]) -> list[Run]:
    """The runs of ``ids`` with their data, in their order."""
    wanted = list(ids)
    among = json.dumps(wanted)
    found = connection.execute(f"SELECT {columns(RunRow)} FROM run WHERE id {IN_IDS}", (among,))
    rows = {row.id: row for row in (RunRow(*values) for values in found)}
    params, tags = pairs(connection, "run_param", wanted), pairs(connection, "run_tag", wanted)
    metrics = _last_points(connection, among)
    datasets = _dataset_inputs(connection, among)
    links = _model_links(connection, among)
    return [
        Run(
            run_id=row.run_id,
            run_name=row.name,
            experiment_id=str(row.experiment),
            user_id=row.user_id,
            status=row.status,
            start_time=row.start_time,
            end_time=row.end_time,
            artifact_uri=row.artifact_uri,
            lifecycle_stage=row.lifecycle_stage,
            params=params[row.id],
            metrics=metrics[row.id],
            tags=tags[row.id],
            dataset_inputs=tuple(datasets[row.id]),
            model_inputs=tuple(links[row.id, INPUT]),
            model_outputs=tuple(links[row.id, OUTPUT]),
            deleted_time=row.deleted_time,
        )
        for row in map(rows.__getitem__, wanted)
    ]


def stored(value: float) -> float | str:
    """A metric's value as SQLite keeps it."""
    number = float(value)
    return "nan" if math.isnan(number) else number


def point(key: str, values: Sequence[object]) -> Metric:
    """A metric from the columns of ``POINT``."""
    value, timestamp, step, model_id, dataset_name, dataset_digest = values
    return Metric(key, float(value), timestamp, step, model_id, dataset_name, dataset_digest)  # type: ignore[arg-type]


def _last_points(connection: Connection, among: str) -> dict[int, dict[str, Metric]]:
    found: dict[int, dict[str, Metric]] = defaultdict(dict)
    rows = connection.execute(
        f"SELECT run, key, {POINT} FROM series WHERE run {IN_IDS} ORDER BY run, key", (among,)
    )
    for run, key, value, *rest in rows:
        found[run][key] = Metric(key, float(value), *rest)
    return found


def _dataset_inputs(connection: Connection, among: str) -> dict[int, list[DatasetInput]]:
    rows = connection.execute(
        "SELECT i.id, i.run, d.name, d.digest, d.source_type, d.source, d.schema, d.profile"
        f" FROM run_dataset i JOIN dataset d ON d.id = i.dataset WHERE i.run {IN_IDS} ORDER BY i.id",
        (among,),
    ).fetchall()
    found: dict[int, list[DatasetInput]] = defaultdict(list)
    tags = pairs(connection, "run_dataset_tag", [row[0] for row in rows]) if rows else {}
    for number, run, *dataset in rows:
        found[run].append(DatasetInput(Dataset(*dataset), tags[number]))
    return found


def _model_links(connection: Connection, among: str) -> dict[tuple[int, str], list[ModelLink]]:
    found: dict[tuple[int, str], list[ModelLink]] = defaultdict(list)
    rows = connection.execute(
        f"SELECT run, direction, model_id, step FROM run_model WHERE run {IN_IDS}"
        " ORDER BY run, step, model_id",
        (among,),
    )
    for run, direction, model_id, step in rows:
        found[run, direction].append(ModelLink(model_id, step))
    return found
