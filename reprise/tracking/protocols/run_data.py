"""What a store does with the data of a run: params, tags, metrics, inputs, outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reprise.schemas.entities import DatasetInput, Metric, ModelLink, Page, RunMetric
from reprise.tracking.views import PointRow


class RunDataStore(Protocol):
    """The verbs of the data of runs."""

    def log_metric(self, run_id: str, metric: Metric) -> None: ...

    def log_param(self, run_id: str, key: str, value: str) -> None:
        """An equal number (``0.50`` and ``0.5``) is no conflict, and the first text stays."""
        ...

    def set_tag(self, run_id: str, key: str, value: str) -> None: ...

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Record all of it or nothing. Duplicate keys inside a request are for the wire to refuse."""
        ...

    def delete_tag(self, run_id: str, key: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is no such tag."""
        ...

    def log_inputs(
        self, run_id: str, *, datasets: Sequence[DatasetInput] = (), models: Sequence[ModelLink] = ()
    ) -> None:
        """Note what the run read."""
        ...

    def log_outputs(self, run_id: str, models: Sequence[ModelLink]) -> None:
        """Note the logged models that the run made; a missing step counts as 0."""
        ...

    def record_logged_model(self, run_id: str, model_json: str) -> None:
        """Append the MLmodel (a JSON object as text) to the tag ``mlflow.log-model.history``."""
        ...

    def metric_history(self, run_id: str, key: str) -> Sequence[Metric]:
        """All points, by (timestamp, step, value)."""
        ...

    def metric_rows(
        self, run_id: str, key: str, *, max_results: int | None = None, page_token: str | None = None
    ) -> Page[PointRow]:
        """The same points as the columns of ``POINT``, where a value may be the text ``nan``: for many."""
        ...

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
        ...

    def metric_history_bulk(
        self, run_ids: Sequence[str], key: str, *, max_results: int
    ) -> Sequence[RunMetric]:
        """The points of one key in several runs, by (run, timestamp, step, value)."""
        ...
