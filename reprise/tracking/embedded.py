"""The embedded store: a directory that holds ``reprise.db`` and ``artifacts/``.

Its verbs stand in one file per entity (``experiments.py``, ``runs.py``, ``logged_models.py``,
``registered_models.py``, ``model_versions.py``) and are put together here; each is one transaction,
safe from any thread and any process, answered after its commit. The REST server speaks these verbs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from reprise.schemas.entities import Artifact
from reprise.tracking.artifacts import ArtifactFolder
from reprise.tracking.experiments import Experiments
from reprise.tracking.logged_models import LoggedModels
from reprise.tracking.model_versions import ModelVersions
from reprise.tracking.registered_models import RegisteredModels
from reprise.tracking.runs import Runs


class EmbeddedStore(Experiments, Runs, LoggedModels, RegisteredModels, ModelVersions):
    """Opens the store in ``directory``, and makes it when there is none.

    ``artifacts`` is what the HTTP proxy ``mlflow-artifacts/artifacts/<path>`` reads and writes:
    ``<experiment_id>/<run_id>/artifacts/...`` and ``<experiment_id>/models/<model_id>/artifacts/...``.
    """

    directory: Path
    artifacts: ArtifactFolder

    def __init__(self, directory: Path) -> None:
        raise NotImplementedError

    @property
    def uri(self) -> str:
        """The store's directory, which is what a user would give as tracking URI."""
        raise NotImplementedError

    def list_artifacts(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        """The direct children of ``path``; empty when there is no such folder."""
        raise NotImplementedError

    def download_artifact(self, run_id: str, path: str, destination: Path) -> None:
        """Copy the file or folder ``path`` (``""`` = all) to ``destination``, which must not exist."""
        raise NotImplementedError

    def upload_artifact(self, run_id: str, source: Path, path: str) -> None:
        """Store the file ``source`` as the artifact ``path``, arriving whole or not at all."""
        raise NotImplementedError

    def artifact_folder(self, run_id: str) -> Path:
        """The local folder that is the run's artifact root; it may not exist yet."""
        raise NotImplementedError

    def list_model_artifacts(self, model_id: str, path: str = "") -> Sequence[Artifact]:
        """The direct children of ``path`` among the files of a logged model."""
        raise NotImplementedError

    def model_location(self, name: str, selector: str) -> tuple[str, str]:
        """Resolve ``models:/name/selector`` to (run_id, artifact path), as ``Tracking`` says."""
        raise NotImplementedError

    def close(self) -> None:
        """Close every connection; a verb after that is a bug of the caller."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
