"""Experiments, runs and their data, in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from reprise.errors import TrackingError, missing
from reprise.schemas import tags as run_tags
from reprise.schemas.entities import (
    ACTIVE,
    DELETED,
    DatasetInput,
    DatasetSummary,
    Experiment,
    Metric,
    ModelLink,
    Page,
    Run,
    RunMetric,
    ViewType,
)
from reprise.tracking import validation
from reprise.tracking.names import new_id, now, random_name
from reprise.tracking.views import PointRow
from tests.plugins.memory.searching import cut_page, find_all

_STAGES = {"ACTIVE_ONLY": {ACTIVE}, "DELETED_ONLY": {DELETED}, "ALL": {ACTIVE, DELETED}}
_PROXY = "mlflow-artifacts:"


def _order(point: Metric) -> tuple[int, int, float]:
    return point.timestamp, point.step, point.value


class MemoryRuns:
    """The values are frozen: each change puts others in their place, one writer at a time."""

    def __init__(self) -> None:
        self._writers = threading.RLock()
        self._experiments: dict[str, Experiment] = {}
        self._runs: dict[str, Run] = {}
        self._points: dict[tuple[str, str], list[Metric]] = {}
        self._deleted_with: dict[str, set[str]] = {}
        self._changes = 0
        self.create_experiment("Default")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._writers:
            yield
            self._changes += 1

    def create_experiment(
        self, name: str, *, artifact_location: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        validation.experiment_name(name)
        with self._writing():
            if self.get_experiment_by_name(name) is not None:
                raise TrackingError(f"Experiment {name!r} exists", code="RESOURCE_ALREADY_EXISTS")
            number, time = str(len(self._experiments)), now()
            place = artifact_location or f"{_PROXY}/{number}"
            self._experiments[number] = Experiment(
                number, name, place, ACTIVE, time, time, dict(tags or {})
            )
        return number

    def get_experiment(self, experiment_id: str) -> Experiment:
        if experiment_id not in self._experiments:
            raise missing(f"No Experiment with id={experiment_id} exists")
        return self._experiments[experiment_id]

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        return next((found for found in self._experiments.values() if found.name == name), None)

    def search_experiments(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view_type: ViewType = "ACTIVE_ONLY",
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        newest = reversed([*self._experiments.values()])
        shown = (found for found in newest if found.lifecycle_stage in _STAGES[view_type])
        return cut_page(find_all(shown, filter, order_by), max_results, page_token)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        self._change_experiment(experiment_id, name=new_name)

    def delete_experiment(self, experiment_id: str) -> None:
        with self._writing():
            self._change_experiment(experiment_id, lifecycle_stage=DELETED)
            along = {run.run_id for run in self._runs_of([experiment_id], "ACTIVE_ONLY")}
            self._deleted_with[experiment_id] = along
            for run_id in along:
                self._change_run(run_id, lifecycle_stage=DELETED, deleted_time=now())

    def restore_experiment(self, experiment_id: str) -> None:
        with self._writing():
            self._change_experiment(experiment_id, lifecycle_stage=ACTIVE)
            for run_id in self._deleted_with.pop(experiment_id, ()):
                self._change_run(run_id, lifecycle_stage=ACTIVE, deleted_time=None)

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        found = self.get_experiment(experiment_id)
        self._change_experiment(experiment_id, tags={**found.tags, key: value})

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        tags = dict(self.get_experiment(experiment_id).tags)
        if tags.pop(key, None) is None:
            raise missing(f"No tag with name: {key} in experiment {experiment_id}")
        self._change_experiment(experiment_id, tags=tags)

    def create_run(
        self,
        experiment_id: str,
        *,
        start_time: int,
        user_id: str,
        run_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        validation.tags(tags or {})
        run_id, experiment = new_id(), self.get_experiment(experiment_id)
        name = run_name or (tags or {}).get(run_tags.RUN_NAME) or random_name()
        place = f"{experiment.artifact_location}/{run_id}/artifacts"
        named = {**(tags or {}), run_tags.RUN_NAME: name}
        with self._writing():
            run = Run(run_id, name, experiment_id, user_id, "RUNNING", start_time, place, tags=named)
            self._runs[run_id] = run
        return run

    def get_run(self, run_id: str) -> Run:
        if run_id not in self._runs:
            raise missing(f"Run with id={run_id} not found")
        return self._runs[run_id]

    def update_run(
        self,
        run_id: str,
        *,
        status: str | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> None:
        if status is not None:
            validation.run_status(status)
        tags = self.get_run(run_id).tags
        given = {"status": status, "end_time": end_time, "run_name": run_name or None}
        if run_name:
            given["tags"] = {**tags, run_tags.RUN_NAME: run_name}  # type: ignore[assignment]
        self._change_run(run_id, **{name: value for name, value in given.items() if value is not None})

    def delete_run(self, run_id: str, *, with_children: bool = False) -> None:
        below = {run.run_id for run in self.children(run_id)} if with_children else set()
        with self._writing():
            self._deleted_with[run_id] = below
            for each in (run_id, *below):
                self._change_run(each, lifecycle_stage=DELETED, deleted_time=now())

    def restore_run(self, run_id: str) -> None:
        with self._writing():
            for each in (run_id, *self._deleted_with.pop(run_id, ())):
                self._change_run(each, lifecycle_stage=ACTIVE, deleted_time=None)

    def move_run(self, run_id: str, experiment_id: str) -> None:
        self._change_run(run_id, experiment_id=self.get_experiment(experiment_id).experiment_id)

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
        found = find_all(self._runs_of(experiment_ids, view_type), filter, order_by)
        return cut_page(found, max_results, page_token)

    def search_datasets(self, experiment_ids: Sequence[str]) -> Sequence[DatasetSummary]:
        found = {
            DatasetSummary(run.experiment_id, given.dataset.name, given.dataset.digest, context)
            for run in self._runs_of(experiment_ids, "ACTIVE_ONLY")
            for given in run.dataset_inputs
            for context in [given.tags.get("mlflow.data.context")]
        }
        return sorted(found, key=repr)

    def children(self, run_id: str) -> list[Run]:
        everywhere = self._runs_of([*self._experiments], "ACTIVE_ONLY")
        return [run for run in reversed(everywhere) if run.tags.get(run_tags.PARENT_RUN_ID) == run_id]

    def log_metric(self, run_id: str, metric: Metric) -> None:
        self.log_batch(run_id, metrics=[metric])

    def log_param(self, run_id: str, key: str, value: str) -> None:
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
        for metric in metrics:
            validation.metric(metric)
        for key, value in (params or {}).items():
            validation.param(key, value)
        validation.tags(tags or {})
        with self._writing():
            run = self.get_run(run_id)
            for key, value in (params or {}).items():
                if not validation.equal_param(run.params.get(key, value), value):
                    raise validation.invalid(
                        f"param {key!r} of run {run_id} is {run.params[key]!r} already"
                    )
            for metric in metrics:
                self._points.setdefault((run_id, metric.key), []).append(metric)
            last = {
                key: max(self._points[run_id, key], key=lambda point: (point.step, point.timestamp))
                for key in {metric.key for metric in metrics}
            }
            self._change_run(
                run_id,
                metrics={**run.metrics, **last},
                params={**(params or {}), **run.params},
                tags={**run.tags, **(tags or {})},
            )

    def delete_tag(self, run_id: str, key: str) -> None:
        tags = dict(self.get_run(run_id).tags)
        if tags.pop(key, None) is None:
            raise missing(f"No tag with name: {key} in run with id {run_id}")
        self._change_run(run_id, tags=tags)

    def log_inputs(
        self, run_id: str, *, datasets: Sequence[DatasetInput] = (), models: Sequence[ModelLink] = ()
    ) -> None:
        run = self.get_run(run_id)
        inputs, read = (*run.dataset_inputs, *datasets), (*run.model_inputs, *models)
        self._change_run(run_id, dataset_inputs=inputs, model_inputs=read)

    def log_outputs(self, run_id: str, models: Sequence[ModelLink]) -> None:
        self._change_run(run_id, model_outputs=(*self.get_run(run_id).model_outputs, *models))

    def record_logged_model(self, run_id: str, model_json: str) -> None:
        history = json.loads(self.get_run(run_id).tags.get("mlflow.log-model.history", "[]"))
        self.set_tag(run_id, "mlflow.log-model.history", json.dumps([*history, json.loads(model_json)]))

    def metric_history(self, run_id: str, key: str) -> Sequence[Metric]:
        self.get_run(run_id)
        return sorted(self._points.get((run_id, key), ()), key=_order)

    def metric_rows(
        self, run_id: str, key: str, *, max_results: int | None = None, page_token: str | None = None
    ) -> Page[PointRow]:
        start, points = int(page_token or 0), self.metric_history(run_id, key)
        end = len(points) if max_results is None else start + max_results
        rows = [_row(point) for point in points[start:end]]
        return Page(rows, str(end) if end < len(points) else None)

    def metric_samples(
        self,
        run_ids: Sequence[str],
        key: str,
        *,
        max_results: int,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> Sequence[RunMetric]:
        return [
            RunMetric(run_id, point)
            for run_id in run_ids
            for point in sorted(self.metric_history(run_id, key), key=lambda point: point.step)[
                :max_results
            ]
            if start_step is None or end_step is None or start_step <= point.step <= end_step
        ]

    def metric_history_bulk(
        self, run_ids: Sequence[str], key: str, *, max_results: int
    ) -> Sequence[RunMetric]:
        found = [
            RunMetric(run_id, point) for run_id in run_ids for point in self.metric_history(run_id, key)
        ]
        return found[:max_results]

    def _runs_of(self, experiment_ids: Sequence[str], view: ViewType) -> list[Run]:
        """Newest first."""
        found = [
            run
            for run in reversed([*self._runs.values()])
            if run.experiment_id in experiment_ids and run.lifecycle_stage in _STAGES[view]
        ]
        return sorted(found, key=lambda run: -run.start_time)

    def _change_run(self, run_id: str, **values: Any) -> None:
        with self._writing():
            self._runs[run_id] = self.get_run(run_id)._replace(**values)

    def _change_experiment(self, experiment_id: str, **values: Any) -> None:
        with self._writing():
            found = self.get_experiment(experiment_id)
            self._experiments[experiment_id] = found._replace(last_update_time=now(), **values)


def _row(point: Metric) -> PointRow:
    _, value, timestamp, step, *others = point
    return ("nan" if value != value else value, timestamp, step, *others)  # type: ignore[return-value]
