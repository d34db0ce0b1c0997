"""The verbs that log to a run and read its metrics back, over the store's database."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from reprise.errors import missing
from reprise.schemas.entities import DatasetInput, Metric, ModelLink, Page, RunMetric
from reprise.schemas.json_text import read_json
from reprise.tracking import validation
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    drop_pair,
    pairs,
    put_pairs,
)
from reprise.tracking.sqlite.run_rows import (
    IN_IDS,
    INPUT,
    OUTPUT,
    POINT,
    RunRow,
    active_run,
    point,
    run_row,
    stored,
)
from reprise.tracking.sqlite.runs import RUN_NAME

if TYPE_CHECKING:
    from reprise.tracking.views import PointRow

MODEL_HISTORY = "mlflow.log-model.history"
MOST_POINTS = 10_000_000


class RunData(Verbs):
    def log_metric(self, run_id: str, metric: Metric) -> None:
        self.log_batch(run_id, metrics=[metric])

    def log_param(self, run_id: str, key: str, value: str) -> None:
        """An equal number (``0.50`` and ``0.5``) is no conflict, and the first text stays."""
        self.log_batch(run_id, params={key: value})

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self.log_batch(run_id, tags={key: value})

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Record all of it or nothing. Duplicate keys inside a request are for the wire to refuse."""
        for metric in metrics:
            validation.metric(metric)
        for key, value in (params or {}).items():
            validation.param(key, value)
        validation.tags(tags or {})
        with self._database.writing() as connection:
            row = active_run(connection, run_id)
            _put_params(connection, row, params or {})
            put_metrics(connection, row.id, metrics)
            _put_model_metrics(connection, run_id, [metric for metric in metrics if metric.model_id])
            _put_tags(connection, row.id, tags or {})

    def delete_tag(self, run_id: str, key: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is no such tag."""
        with self._database.writing() as connection:
            row = active_run(connection, run_id)
            if not drop_pair(connection, "run_tag", row.id, key):
                raise missing(f"No tag with name: {key} in run with id {run_id}")

    def log_inputs(
        self, run_id: str, *, datasets: Sequence[DatasetInput] = (), models: Sequence[ModelLink] = ()
    ) -> None:
        """Note what the run read."""
        for given in datasets:
            validation.dataset_input(given)
        with self._database.writing() as connection:
            row = active_run(connection, run_id)
            for given in datasets:
                put_dataset(connection, row, given)
            put_links(connection, row.id, INPUT, [ModelLink(model.model_id) for model in models])

    def log_outputs(self, run_id: str, models: Sequence[ModelLink]) -> None:
        """Note the logged models that the run made; a missing step counts as 0."""
        with self._database.writing() as connection:
            row = active_run(connection, run_id)
            links = [ModelLink(model.model_id, model.step or 0) for model in models]
            put_links(connection, row.id, OUTPUT, links)

    def record_logged_model(self, run_id: str, model_json: str) -> None:
        """Append the MLmodel (a JSON object as text) to the tag ``mlflow.log-model.history``."""
        try:
            model = read_json(model_json)
        except ValueError as error:
            raise validation.invalid(f"model_json is not JSON: {error}") from None
        if not isinstance(model, dict):
            raise validation.invalid("model_json must be a JSON object")
        with self._database.writing() as connection:
            row = active_run(connection, run_id)
            history = read_json(pairs(connection, "run_tag", [row.id])[row.id].get(MODEL_HISTORY, "[]"))
            put_pairs(connection, "run_tag", row.id, {MODEL_HISTORY: json.dumps([*history, model])})

    def metric_history(self, run_id: str, key: str) -> Sequence[Metric]:
        """All points, by (timestamp, step, value)."""
        return [point(key, row) for row in self.metric_rows(run_id, key).items]

    def metric_history_page(
        self, run_id: str, key: str, *, max_results: int, page_token: str | None = None
    ) -> Page[Metric]:
        """The same points, at most ``max_results`` at a time."""
        page = self.metric_rows(run_id, key, max_results=max_results, page_token=page_token)
        return Page([point(key, row) for row in page.items], page.next_token)

    def metric_rows(
        self, run_id: str, key: str, *, max_results: int | None = None, page_token: str | None = None
    ) -> Page[PointRow]:
        """The same points as the columns of ``POINT``, where a value may be the text ``nan``: for many."""
        from reprise.tracking.search.paging import decode, encode

        most = MOST_POINTS if max_results is None else max_results
        validation.page_size(most, limit=MOST_POINTS)
        scope = f"{run_id} {key}"
        last = decode(page_token, scope, 3) if page_token else []
        after = " AND (timestamp, step, value) > (?, ?, ?)" if last else ""
        with self._database.reading() as connection:
            series = _series(connection, run_row(connection, run_id).id, key)
            rows = connection.execute(
                f"SELECT {POINT} FROM point WHERE series = ?{after}"
                " ORDER BY timestamp, step, value LIMIT ?",
                (series, *last, -1 if max_results is None else max_results + 1),
            ).fetchall()
        if max_results is None or len(rows) <= max_results:
            return Page(rows)
        value, timestamp, step, *_ = rows[max_results - 1]
        return Page(rows[:max_results], encode([timestamp, step, value], scope))

    def metric_samples(
        self,
        run_ids: Sequence[str],
        key: str,
        *,
        max_results: int,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> Sequence[RunMetric]:
        """At most ``max_results`` points of each run, spread evenly, by (run as given, step, timestamp)."""
        from reprise.tracking.sqlite.metric_samples import samples

        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT r.run_id, s.id FROM run r JOIN series s ON s.run = r.id AND s.key = ?"
                f" WHERE r.run_id {IN_IDS}",
                (key, json.dumps(list(run_ids))),
            )
            series = dict(found.fetchall())
            return [
                RunMetric(run_id, point(key, row))
                for run_id in run_ids
                if run_id in series
                for row in samples(connection, series[run_id], max_results, start_step, end_step)
            ]

    def metric_history_bulk(
        self, run_ids: Sequence[str], key: str, *, max_results: int
    ) -> Sequence[RunMetric]:
        """The points of one key in several runs, by (run, timestamp, step, value)."""
        columns = ", ".join(f"p.{column}" for column in POINT.split(", "))
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT r.run_id, {columns} FROM run r JOIN series s ON s.run = r.id AND s.key = ?"
                f" JOIN point p ON p.series = s.id WHERE r.run_id {IN_IDS}"
                " ORDER BY r.run_id, p.timestamp, p.step, p.value LIMIT ?",
                (key, json.dumps(list(run_ids)), max_results),
            )
            return [RunMetric(run_id, point(key, values)) for run_id, *values in rows]


def _series(connection: Connection, run: int, key: str) -> int | None:
    row = connection.execute("SELECT id FROM series WHERE run = ? AND key = ?", (run, key)).fetchone()
    return row[0] if row else None


def _put_params(connection: Connection, row: RunRow, params: Mapping[str, str]) -> None:
    for key, value in params.items():
        first = connection.execute(
            "SELECT value FROM run_param WHERE owner = ? AND key = ?", (row.id, key)
        ).fetchone()
        if first is None:
            put_pairs(connection, "run_param", row.id, {key: value})
        elif not validation.equal_param(first[0], value):
            raise validation.invalid(
                f"Changing param values is not allowed. Param with key={key!r} of run {row.run_id}"
                f" was logged as {first[0]!r} and cannot become {value!r}"
            )


def _put_tags(connection: Connection, run: int, tags: Mapping[str, str]) -> None:
    put_pairs(connection, "run_tag", run, tags)
    if RUN_NAME in tags:
        connection.execute("UPDATE run SET name = ? WHERE id = ?", (tags[RUN_NAME], run))


def put_metrics(connection: Connection, run: int, metrics: Sequence[Metric]) -> None:
    """Append the points; ``series`` follows with the last of each key, by (step, timestamp, value)."""
    by_key: dict[str, list[Metric]] = {}
    for metric in metrics:
        by_key.setdefault(metric.key, []).append(metric)
    for key, points in by_key.items():
        last = max(points, key=_recency)
        found = connection.execute(
            f"SELECT id, {POINT} FROM series WHERE run = ? AND key = ?", (run, key)
        ).fetchone()
        if found is None:
            series = connection.execute(
                f"INSERT INTO series (run, key, {POINT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (run, key, *_columns(last)),
            ).lastrowid
        else:
            series = found[0]
            if _recency(last) > _recency(point(key, found[1:])):
                connection.execute(
                    f"UPDATE series SET ({POINT}) = (?, ?, ?, ?, ?, ?) WHERE id = ?",
                    (*_columns(last), series),
                )
        connection.executemany(
            f"INSERT OR IGNORE INTO point (series, {POINT}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(series, *_columns(metric)) for metric in points],
        )


def _recency(metric: Metric) -> tuple[int, int, bool, float]:
    """NaN counts as lower than any number of the same moment."""
    known = not math.isnan(metric.value)
    return metric.step, metric.timestamp, known, metric.value if known else 0.0


def _columns(metric: Metric) -> tuple[object, ...]:
    """The values of ``POINT``."""
    return (
        stored(metric.value),
        metric.timestamp,
        metric.step,
        metric.model_id,
        metric.dataset_name,
        metric.dataset_digest,
    )


def _put_model_metrics(connection: Connection, run_id: str, metrics: Sequence[Metric]) -> None:
    """Points that name a logged model belong to that model too."""
    owners: dict[str | None, int] = {}
    for model_id in {metric.model_id for metric in metrics}:
        found = connection.execute("SELECT id FROM logged_model WHERE model_id = ?", (model_id,)).fetchone()
        if found is None:
            raise missing(f"Logged model with ID {model_id!r} not found")
        owners[model_id] = found[0]
    put_model_points(connection, [(owners[metric.model_id], run_id, metric) for metric in metrics])


def put_model_points(connection: Connection, points: Iterable[tuple[int, str, Metric]]) -> None:
    """Write points of logged models: the row of the model, the id of the run that logged it, the point."""
    connection.executemany(
        "INSERT OR IGNORE INTO logged_model_metric (owner, key, timestamp, step, run_id, value,"
        " dataset_name, dataset_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                owner,
                metric.key,
                metric.timestamp,
                metric.step,
                run_id,
                stored(metric.value),
                metric.dataset_name or "",
                metric.dataset_digest or "",
            )
            for owner, run_id, metric in points
        ],
    )


def put_dataset(connection: Connection, row: RunRow, given: DatasetInput) -> None:
    """A dataset is kept once per experiment, by name and digest; a run's tags of it are written once."""
    dataset = given.dataset
    connection.execute(
        "INSERT OR IGNORE INTO dataset (experiment, name, digest, source_type, source, schema, profile)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            row.experiment,
            dataset.name,
            dataset.digest,
            dataset.source_type,
            dataset.source,
            dataset.schema,
            dataset.profile,
        ),
    )
    linked = connection.execute(
        "INSERT OR IGNORE INTO run_dataset (run, dataset)"
        " SELECT ?, id FROM dataset WHERE experiment = ? AND name = ? AND digest = ?",
        (row.id, row.experiment, dataset.name, dataset.digest),
    )
    if linked.rowcount:
        put_pairs(connection, "run_dataset_tag", linked.lastrowid or 0, given.tags)


def put_links(connection: Connection, run: int, direction: str, links: Sequence[ModelLink]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO run_model (run, direction, model_id, step) VALUES (?, ?, ?, ?)",
        [(run, direction, link.model_id, link.step) for link in links],
    )
