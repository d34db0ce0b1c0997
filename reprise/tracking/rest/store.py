"""Runs recorded on an MLflow server, 2.x or 3.x, or on ours, over its REST API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprise import durable, file_lock
from reprise.errors import TrackingError
from reprise.schemas.entities import LONGEST_PARAM, Artifact, Experiment, Metric, Page, Run, ViewType
from reprise.tracking.rest import shapes as shapes
from reprise.tracking.rest.artifacts import ArtifactPlace, no_artifact, place
from reprise.tracking.rest.connection import RestConnection, page_query
from reprise.tracking.rest.fields import identity, next_page_token, parts
from reprise.tracking.rest.models import RestModels, is_model, logged_model_path

if TYPE_CHECKING:
    import httpx

MOST_METRICS = 1000
MOST_PARAMS_OR_TAGS = 100


class RestTracking(RestModels):
    """Implements ``Tracking``. To read artifacts, the id of a logged model can replace that of a run."""

    own_store: None = None
    home: None = None
    exists: bool = True
    longest_param: int | None = LONGEST_PARAM

    def __init__(self, uri: str) -> None:
        self._connection = RestConnection(uri)

    @property
    def uri(self) -> str:
        return self._connection.uri

    @property
    def connection(self) -> RestConnection:
        """For verbs that are no part of ``Tracking``."""
        return self._connection

    def environ(self, run_id: str) -> dict[str, str]:
        """What the child that performs ``run_id`` must know to log here."""
        connection = self._connection
        if connection.user:
            names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
            values = (connection.user, _naming(connection.password, run_id))
            credentials = dict(zip(names, values, strict=True))
        elif connection.token:
            credentials = {"MLFLOW_TRACKING_TOKEN": _naming(connection.token, run_id)}
        else:
            credentials = {}
        return {"MLFLOW_TRACKING_URI": self.uri, **credentials}

    def open_async(self, run_id: str) -> httpx.AsyncClient:
        """A client for an event loop, with the credentials that the child of ``run_id`` would have."""
        connection = self._connection
        secret = connection.password if connection.user else connection.token
        return connection.open_async(connection.user, _naming(secret, run_id))

    def create_experiment(self, name: str) -> str:
        answer = self._connection.call("POST", "experiments/create", json={"name": name}, repeatable=False)
        return identity(answer, "experiment_id")

    def get_experiment(self, experiment_id: str) -> Experiment:
        answer = self._connection.call("GET", "experiments/get", query={"experiment_id": experiment_id})
        return shapes.experiment(answer["experiment"])

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        try:
            answer = self._connection.call(
                "GET", "experiments/get-by-name", query={"experiment_name": name}
            )
        except TrackingError as error:
            if error.code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return shapes.experiment(answer["experiment"])

    def search_experiments(
        self,
        *,
        view_type: ViewType = "ACTIVE_ONLY",
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        body = {"max_results": max_results, "view_type": view_type, **page_query(page_token)}
        answer = self._connection.call("POST", "experiments/search", json=body)
        experiments = [shapes.experiment(item) for item in parts(answer, "experiments")]
        return Page(experiments, next_page_token(answer))

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        body = {"experiment_id": experiment_id, "new_name": new_name}
        self._connection.call("POST", "experiments/update", json=body)

    def delete_experiment(self, experiment_id: str) -> None:
        self._connection.call("POST", "experiments/delete", json={"experiment_id": experiment_id})

    def restore_experiment(self, experiment_id: str) -> None:
        self._connection.call("POST", "experiments/restore", json={"experiment_id": experiment_id})

    def create_run(
        self,
        experiment_id: str,
        *,
        start_time: int,
        user_id: str,
        run_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        body: dict[str, Any] = {
            "experiment_id": experiment_id,
            "user_id": user_id,
            "start_time": start_time,
            "tags": shapes.pairs(tags or {}),
        }
        if run_name is not None:
            body["run_name"] = run_name
        return shapes.run(self._connection.call("POST", "runs/create", json=body, repeatable=False)["run"])

    def get_run(self, run_id: str) -> Run:
        return shapes.run(self._connection.call("GET", "runs/get", query=_both(run_id))["run"])

    def update_run(
        self,
        run_id: str,
        *,
        status: str | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> None:
        changes = {"status": status, "end_time": end_time, "run_name": run_name}
        given = {name: value for name, value in changes.items() if value is not None}
        self._connection.call("POST", "runs/update", json={**_both(run_id), **given})

    def delete_run(self, run_id: str, *, with_children: bool = False) -> None:
        more = {"with_children": True} if with_children else {}  # MLflow's servers do not look at it
        self._connection.call("POST", "runs/delete", json={"run_id": run_id, **more})

    def restore_run(self, run_id: str) -> None:
        self._connection.call("POST", "runs/restore", json={"run_id": run_id})

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        for body in _batches(metrics, params or {}, tags or {}):
            self._connection.call("POST", "runs/log-batch", json={"run_id": run_id, **body})

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
        body = {
            "experiment_ids": list(experiment_ids),
            "filter": filter,
            "order_by": list(order_by),
            "max_results": max_results,
            "run_view_type": view_type,
            **page_query(page_token),
        }
        answer = self._connection.call("POST", "runs/search", json=body)
        runs = [shapes.run(item) for item in parts(answer, "runs")]
        return Page(runs, next_page_token(answer))

    def metric_history(self, run_id: str, key: str) -> Sequence[Metric]:
        query = {**_both(run_id), "metric_key": key}
        return [
            shapes.metric(item) for item in self._connection.items("metrics/get-history", query, "metrics")
        ]

    def list_artifacts(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        if is_model(run_id):
            verb = f"{logged_model_path(run_id)}/artifacts/directories"
            query = {"artifact_directory_path": path} if path else {}
        else:
            verb = "artifacts/list"
            query = {**_both(run_id), **({"path": path} if path else {})}
        return [shapes.artifact(item) for item in self._connection.items(verb, query, "files")]

    def download_artifact(self, run_id: str, path: str, destination: Path) -> None:
        is_folder = not path or self._is_folder(run_id, path)
        origin = self.artifact_place(run_id)
        with file_lock.arriving_folder(destination.parent) as folder:
            arriving = folder / destination.name
            if is_folder:
                self._fetch_folder(origin, run_id, path, arriving)
            else:
                origin.fetch(path, arriving)
            durable.put_in_place(arriving, destination)

    def _is_folder(self, run_id: str, path: str) -> bool:
        """As the listing of its parent says; servers disagree on how they refuse a missing file."""
        for artifact in self.list_artifacts(run_id, path.rpartition("/")[0]):
            if artifact.path == path:
                return artifact.is_dir
        raise no_artifact(path)

    def _fetch_folder(self, origin: ArtifactPlace, run_id: str, path: str, folder: Path) -> None:
        folder.mkdir()
        for child in self.list_artifacts(run_id, path):
            name = child.path.rpartition("/")[2]
            if name in {"", ".", ".."} or "\\" in name or "\0" in name:
                raise TrackingError(
                    f'The server lists an artifact "{child.path}", which is not a file name'
                )
            if child.is_dir:
                self._fetch_folder(origin, run_id, child.path, folder / name)
            else:
                origin.fetch(child.path, folder / name)

    def upload_artifact(self, run_id: str, source: Path, path: str) -> None:
        self.artifact_place(run_id).send(source, path)

    def artifact_digest(self, run_id: str, path: str) -> None:
        """None: the whole file would have to be fetched."""

    def artifact_folder(self, run_id: str) -> Path | None:
        return None

    def make_room(self) -> None:
        """The server has a disk of its own."""

    def sweep_artifacts(self) -> None:
        """The server does."""

    def close(self) -> None:
        self._connection.close()

    def artifact_place(self, run_id: str) -> ArtifactPlace:
        """Return the place of the files of a run or a logged model."""
        if not is_model(run_id):
            return place(self._connection, self.get_run(run_id).artifact_uri)
        return place(self._connection, self.get_logged_model(run_id).artifact_uri)


def _batches(
    metrics: Sequence[Metric], params: Mapping[str, str], tags: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """The bodies of requests that stay within what servers take at once."""
    few = MOST_METRICS - 2 * MOST_PARAMS_OR_TAGS
    pieces = zip_longest(
        _chunks([shapes.metric_body(point) for point in metrics], few if params or tags else MOST_METRICS),
        _chunks(shapes.pairs(params), MOST_PARAMS_OR_TAGS),
        _chunks(shapes.pairs(tags), MOST_PARAMS_OR_TAGS),
        fillvalue=(),
    )
    for points, some_params, some_tags in pieces:
        yield {"metrics": list(points), "params": list(some_params), "tags": list(some_tags)}


def _chunks(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + most] for start in range(0, len(items), most))


def _both(run_id: str) -> dict[str, str]:
    """Servers before 1.0 knew runs by another name only."""
    return {"run_id": run_id, "run_uuid": run_id}


def _naming(secret: str, run_id: str) -> str:
    """The token of a run's facade, naming another run; any other secret as it is."""
    head, dot, tail = secret.rpartition(".")
    is_ours = dot and len(head) == 32 and len(tail) == 32
    return f"{head}.{run_id}" if is_ours else secret
