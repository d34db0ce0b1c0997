"""The verbs of runs and of what is logged to them, over the store's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reprise.schemas.entities import (
    DatasetInput,
    DatasetSummary,
    Metric,
    ModelLink,
    Page,
    Run,
    RunMetric,
    ViewType,
)


class Runs:
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
        raise NotImplementedError

    def get_run(self, run_id: str) -> Run:
        """Active or deleted, with its data. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise NotImplementedError

    def update_run(
        self,
        run_id: str,
        *,
        status: str | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> None:
        """None leaves a value as it is."""
        raise NotImplementedError

    def delete_run(self, run_id: str) -> None:
        raise NotImplementedError

    def restore_run(self, run_id: str) -> None:
        raise NotImplementedError

    def move_run(self, run_id: str, experiment_id: str) -> None:
        """Move a run to another active experiment; its artifacts stay where they are."""
        raise NotImplementedError

    def log_metric(self, run_id: str, metric: Metric) -> None:
        raise NotImplementedError

    def log_param(self, run_id: str, key: str, value: str) -> None:
        """An equal number (``0.50`` and ``0.5``) is no conflict, and the first text stays."""
        raise NotImplementedError

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Record all of it or nothing. Duplicate keys inside a request are for the wire to refuse."""
        raise NotImplementedError

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        raise NotImplementedError

    def delete_tag(self, run_id: str, key: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is no such tag."""
        raise NotImplementedError

    def log_inputs(
        self, run_id: str, *, datasets: Sequence[DatasetInput] = (), models: Sequence[ModelLink] = ()
    ) -> None:
        """Note what the run read."""
        raise NotImplementedError

    def log_outputs(self, run_id: str, models: Sequence[ModelLink]) -> None:
        """Note the logged models that the run made; a missing step counts as 0."""
        raise NotImplementedError

    def record_logged_model(self, run_id: str, model_json: str) -> None:
        """Append the MLmodel (a JSON object as text) to the tag ``mlflow.log-model.history``."""
        raise NotImplementedError

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
        raise NotImplementedError

    def metric_history(self, run_id: str, key: str) -> Sequence[Metric]:
        """All points, by (timestamp, step, value)."""
        raise NotImplementedError

    def metric_history_page(
        self, run_id: str, key: str, *, max_results: int, page_token: str | None = None
    ) -> Page[Metric]:
        """The same points, at most ``max_results`` at a time."""
        raise NotImplementedError

    def metric_history_bulk(
        self, run_ids: Sequence[str], key: str, *, max_results: int
    ) -> Sequence[RunMetric]:
        """The points of one key in several runs, by (run, timestamp, step, value)."""
        raise NotImplementedError

    def search_datasets(self, experiment_ids: Sequence[str]) -> Sequence[DatasetSummary]:
        """The datasets that active runs of these experiments used."""
        raise NotImplementedError
