"""Any store that the MLflow library understands (``sqlite:``, ``databricks`` ...), by its client.

Imported only for these tracking URIs; the import fails where the library is not installed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from mlflow.artifacts import download_artifacts
from mlflow.entities import Metric as MlflowMetric
from mlflow.entities import Param, RunTag
from mlflow.entities import ViewType as MlflowViewType
from mlflow.tracking import MlflowClient

from reprise import durable, file_lock
from reprise.errors import TrackingError
from reprise.redact import redact
from reprise.schemas.entities import (
    LONGEST_PARAM,
    Artifact,
    Dataset,
    DatasetInput,
    Experiment,
    Metric,
    ModelLink,
    Page,
    Run,
    ViewType,
)
from reprise.tracking.mlflow_library.models import MlflowModels, is_model, told_plainly

BATCH_METRICS = 500
BATCH_TEXTS = 100


class MlflowTracking(MlflowModels):
    """``Tracking`` over ``MlflowClient``."""

    own_store: None = None
    home: None = None
    exists: bool = True
    longest_param: int | None = LONGEST_PARAM

    @told_plainly
    def __init__(self, uri: str) -> None:
        self._client = MlflowClient(tracking_uri=uri)
        self._uri = uri

    @property
    def uri(self) -> str:
        return redact(self._uri)

    @told_plainly
    def create_experiment(self, name: str) -> str:
        return str(self._client.create_experiment(name))

    @told_plainly
    def get_experiment(self, experiment_id: str) -> Experiment:
        return _experiment(self._client.get_experiment(experiment_id))

    @told_plainly
    def get_experiment_by_name(self, name: str) -> Experiment | None:
        found = self._client.get_experiment_by_name(name)
        return _experiment(found) if found else None

    @told_plainly
    def search_experiments(
        self,
        *,
        view_type: ViewType = "ACTIVE_ONLY",
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        view = MlflowViewType.from_string(view_type.lower())
        found = self._client.search_experiments(view, max_results, page_token=page_token)
        return Page([_experiment(item) for item in found], found.token or None)

    @told_plainly
    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        self._client.rename_experiment(experiment_id, new_name)

    @told_plainly
    def delete_experiment(self, experiment_id: str) -> None:
        self._client.delete_experiment(experiment_id)

    @told_plainly
    def restore_experiment(self, experiment_id: str) -> None:
        self._client.restore_experiment(experiment_id)

    @told_plainly
    def create_run(
        self,
        experiment_id: str,
        *,
        start_time: int,
        user_id: str,
        run_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        given = {"mlflow.user": user_id, **(tags or {})}
        return _run(self._client.create_run(experiment_id, start_time, given, run_name))

    @told_plainly
    def get_run(self, run_id: str) -> Run:
        return _run(self._client.get_run(run_id))

    @told_plainly
    def update_run(
        self,
        run_id: str,
        *,
        status: str | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> None:
        if end_time is not None:
            status = status or self._client.get_run(run_id).info.status
            self._client.set_terminated(run_id, status, end_time)
            status = None
        if status or run_name:
            self._client.update_run(run_id, status, run_name)

    @told_plainly
    def delete_run(self, run_id: str, *, with_children: bool = False) -> None:
        """The run alone: MLflow's stores know no other way."""
        self._client.delete_run(run_id)

    @told_plainly
    def restore_run(self, run_id: str) -> None:
        self._client.restore_run(run_id)

    @told_plainly
    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        texts = [Param(*pair) for pair in (params or {}).items()]
        labels = [RunTag(*pair) for pair in (tags or {}).items()]
        points = [MlflowMetric(m.key, m.value, m.timestamp, m.step) for m in metrics]
        while texts or labels or points:
            self._client.log_batch(
                run_id, points[:BATCH_METRICS], texts[:BATCH_TEXTS], labels[:BATCH_TEXTS]
            )
            del points[:BATCH_METRICS], texts[:BATCH_TEXTS], labels[:BATCH_TEXTS]

    @told_plainly
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
        view = MlflowViewType.from_string(view_type.lower())
        found = self._client.search_runs(
            list(experiment_ids), filter, view, max_results, list(order_by), page_token
        )
        return Page([_run(item) for item in found], found.token or None)

    @told_plainly
    def metric_history(self, run_id: str, key: str) -> Sequence[Metric]:
        return [_metric(item) for item in self._client.get_metric_history(run_id, key)]

    @told_plainly
    def list_artifacts(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        if is_model(run_id):
            found = self._client.list_logged_model_artifacts(run_id, path or None)
        else:
            found = self._client.list_artifacts(run_id, path or None)
        return [Artifact(item.path, item.is_dir, item.file_size) for item in found]

    @told_plainly
    def download_artifact(self, run_id: str, path: str, destination: Path) -> None:
        parent = str(PurePosixPath(path).parent).removeprefix(".")
        if path and path not in {item.path for item in self.list_artifacts(run_id, parent)}:
            raise TrackingError(f"there is no artifact {path!r}", code="RESOURCE_DOES_NOT_EXIST")
        uri = f"{self._artifact_uri(run_id)}/{path}".rstrip("/")
        with file_lock.arriving_folder(destination.parent) as folder:
            fetched = download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=self._uri)
            durable.put_in_place(Path(fetched), destination)

    @told_plainly
    def upload_artifact(self, run_id: str, source: Path, path: str) -> None:
        target = PurePosixPath(path)
        with tempfile.TemporaryDirectory() as folder:
            named = Path(folder) / target.name
            named.symlink_to(source.absolute())
            self._client.log_artifact(run_id, str(named), str(target.parent).removeprefix(".") or None)

    @told_plainly
    def artifact_digest(self, run_id: str, path: str) -> None:
        """None: the whole file would have to be fetched."""

    def artifact_folder(self, run_id: str) -> Path | None:
        uri = self._artifact_uri(run_id)
        if not uri.startswith("file:"):
            return None if "://" in uri or ":/" in uri else Path(uri)
        return Path(unquote(urlsplit(uri).path))

    def _artifact_uri(self, owner: str) -> str:
        if is_model(owner):
            return str(self._client.get_logged_model(owner).artifact_location)
        return str(self._client.get_run(owner).info.artifact_uri)

    def environ(self, run_id: str) -> Mapping[str, str]:
        return {"MLFLOW_TRACKING_URI": self._uri}

    def make_room(self) -> None:
        """The server has a disk of its own."""

    def sweep_artifacts(self) -> None:
        """The server does."""

    def close(self) -> None:
        pass


def _experiment(found: Any) -> Experiment:
    return Experiment(
        experiment_id=str(found.experiment_id),
        name=found.name,
        artifact_location=found.artifact_location,
        lifecycle_stage=found.lifecycle_stage,
        creation_time=found.creation_time or 0,
        last_update_time=found.last_update_time or 0,
        tags=dict(found.tags),
    )


def _run(found: Any) -> Run:
    info, data = found.info, found.data
    return Run(
        run_id=info.run_id,
        run_name=info.run_name,
        experiment_id=str(info.experiment_id),
        user_id=info.user_id or "",
        status=info.status,
        start_time=info.start_time,
        end_time=info.end_time,
        artifact_uri=info.artifact_uri,
        lifecycle_stage=info.lifecycle_stage,
        params=dict(data.params),
        metrics={metric.key: _metric(metric) for metric in data._metric_objs},
        tags=dict(data.tags),
        dataset_inputs=tuple(
            _dataset_input(item) for item in getattr(found.inputs, "dataset_inputs", None) or ()
        ),
        model_inputs=tuple(
            ModelLink(item.model_id) for item in getattr(found.inputs, "model_inputs", None) or ()
        ),
        model_outputs=tuple(
            ModelLink(item.model_id, item.step)
            for item in getattr(getattr(found, "outputs", None), "model_outputs", None) or ()
        ),
    )


def _dataset_input(found: Any) -> DatasetInput:
    dataset = found.dataset
    return DatasetInput(
        Dataset(
            dataset.name,
            dataset.digest,
            dataset.source_type,
            dataset.source,
            dataset.schema,
            dataset.profile,
        ),
        {tag.key: tag.value for tag in found.tags},
    )


def _metric(found: Any) -> Metric:
    return Metric(found.key, found.value, found.timestamp, found.step)
