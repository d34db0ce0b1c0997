"""The protocol of a place where runs are recorded, as the executor and the CLI need it.

``tracking/registry.py`` opens one from a tracking URI. One conformance suite
(``tests/tracking/test_conformance.py``) runs over all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reprise.schemas.entities import (
    Artifact,
    Experiment,
    LoggedModel,
    Metric,
    ModelVersion,
    Page,
    RegisteredModel,
    Run,
    ViewType,
)

if TYPE_CHECKING:
    from reprise.tracking.artifacts.digests import Digest
    from reprise.tracking.protocols.store import TrackingStore


class Registry(Protocol):
    """The verbs of registered models and their versions, and the logged models that those come from."""

    def search_logged_models(
        self, experiment_ids: Sequence[str], *, max_results: int = 100, page_token: str | None = None
    ) -> Page[LoggedModel]:
        """Active ones, newest first; none where the server is older than MLflow 3."""
        ...

    def get_logged_model(self, model_id: str) -> LoggedModel: ...

    def create_registered_model(self, name: str, *, description: str | None = None) -> RegisteredModel:
        """``RESOURCE_ALREADY_EXISTS`` when the name is taken."""
        ...

    def get_registered_model(self, name: str) -> RegisteredModel: ...

    def delete_registered_model(self, name: str) -> None:
        """Delete it with its versions, for good."""
        ...

    def search_registered_models(
        self, *, filter: str = "", max_results: int = 100, page_token: str | None = None
    ) -> Page[RegisteredModel]:
        """By name; prompts, which are registered models underneath, only when the filter asks for them."""
        ...

    def create_model_version(
        self,
        name: str,
        source: str,
        *,
        run_id: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        """The next version of ``name``; ``source`` is an artifact URI or ``models:/m-…``."""
        ...

    def delete_model_version(self, name: str, version: str) -> None: ...

    def search_model_versions(
        self, *, filter: str = "", max_results: int = 10_000, page_token: str | None = None
    ) -> Page[ModelVersion]: ...

    def transition_model_version_stage(
        self, name: str, version: str, stage: str, *, archive_existing_versions: bool = False
    ) -> ModelVersion: ...

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None: ...

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """No such alias is no error."""
        ...


class Tracking(Registry, Protocol):
    """Every verb raises ``TrackingError`` with MLflow's ``error_code`` when it is refused."""

    @property
    def uri(self) -> str:
        """The tracking URI a user would write; without userinfo."""
        ...

    @property
    def own_store(self) -> TrackingStore | None:
        """The whole store, where this process reads and writes its data itself; None: a server does."""
        ...

    @property
    def home(self) -> Path | None:
        """The folder of this machine in which the store keeps job folders and shared contents, if any."""
        ...

    @property
    def exists(self) -> bool:
        """False for a folder that becomes a store with the first write."""
        ...

    @property
    def longest_param(self) -> int | None:
        """The most characters of a param's value; None: no limit."""
        ...

    def create_experiment(self, name: str) -> str:
        """Make an experiment, and return its id. ``RESOURCE_ALREADY_EXISTS`` when the name is taken."""
        ...

    def get_experiment(self, experiment_id: str) -> Experiment: ...

    def get_experiment_by_name(self, name: str) -> Experiment | None: ...

    def search_experiments(
        self,
        *,
        view_type: ViewType = "ACTIVE_ONLY",
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        """Newest first."""
        ...

    def rename_experiment(self, experiment_id: str, new_name: str) -> None: ...

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark it and its runs deleted."""
        ...

    def restore_experiment(self, experiment_id: str) -> None: ...

    def create_run(
        self,
        experiment_id: str,
        *,
        start_time: int,
        user_id: str,
        run_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run: ...

    def get_run(self, run_id: str) -> Run: ...

    def update_run(
        self,
        run_id: str,
        *,
        status: str | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> None: ...

    def delete_run(self, run_id: str, *, with_children: bool = False) -> None:
        """Mark it deleted; in a store of reprise also the runs in it, which are restored with it."""
        ...

    def restore_run(self, run_id: str) -> None: ...

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Record all of it or nothing (a remote store: in requests of at most 100 params or tags)."""
        ...

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
        """Newest first unless ``order_by`` says otherwise."""
        ...

    def metric_history(self, run_id: str, key: str) -> Sequence[Metric]: ...

    def list_artifacts(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        """The direct children of ``path``; empty when there is no such folder."""
        ...

    def download_artifact(self, run_id: str, path: str, destination: Path) -> None:
        """Copy the file or folder ``path`` (``""`` = all) to ``destination``, which must not exist.

        A file becomes the file ``destination``, a folder the folder ``destination``.
        Raises ``RESOURCE_DOES_NOT_EXIST`` when there is no such artifact.
        """
        ...

    def upload_artifact(self, run_id: str, source: Path, path: str) -> None:
        """Store the file ``source`` as the artifact ``path``, arriving whole or not at all."""
        ...

    def artifact_digest(self, run_id: str, path: str) -> Digest | None:
        """The size and SHA-256 of a file of a run or a logged model; None: it would have to be fetched."""
        ...

    def artifact_folder(self, run_id: str) -> Path | None:
        """The local folder that IS the run's artifact root, or None when the store is remote."""
        ...

    def model_location(self, name: str, selector: str) -> tuple[str, str]:
        """Resolve ``models:/name/selector`` (a version, ``latest``, or ``@alias``; ``models:/m-…``
        has the id as name and an empty selector) to (owner, artifact path) of the model's folder.

        The owner is the id of a run or of a logged model (``m-…``), whose files are next to the runs; the
        verbs ``list_artifacts`` and ``download_artifact`` accept either.
        """
        ...

    def model_versions(self, run_id: str) -> Sequence[ModelVersion]:
        """The versions of registered models that came from the run."""
        ...

    def environ(self, run_id: str) -> Mapping[str, str] | None:
        """What the child that performs ``run_id`` must know to log here; None: it needs a facade.

        A store that needs one is an ``own_store``.
        """
        ...

    def make_room(self) -> None:
        """Give up the room that was kept for the ends of runs, where the disk of this machine is full."""
        ...

    def sweep_artifacts(self) -> None:
        """Remove what processes of this machine that have died were storing as artifacts."""
        ...

    def close(self) -> None: ...
