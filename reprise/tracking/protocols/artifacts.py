"""What a store does with the files of runs, logged models and traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from reprise.schemas.entities import Artifact
from reprise.tracking.artifacts.digests import Digest
from reprise.tracking.artifacts.files import Artifacts
from reprise.tracking.artifacts.parts import PartialUploads


class ArtifactStore(Protocol):
    """The verbs of artifacts. An owner is a run's id, or a logged model's (``m-...``)."""

    @property
    def artifacts(self) -> Artifacts:
        """The artifact root: what the proxy ``mlflow-artifacts/artifacts/<path>`` reads and writes."""
        ...

    @property
    def artifact_root(self) -> str:
        """The local path or the URI of the root, whether it can be reached now or not."""
        ...

    @property
    def partial_uploads(self) -> PartialUploads:
        """The uploads in parts that are not complete yet."""
        ...

    def artifacts_of(self, owner: str) -> Artifacts: ...

    def list_artifacts(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        """The direct children of ``path``; empty when there is no such folder."""
        ...

    def download_artifact(self, run_id: str, path: str, destination: Path) -> None:
        """Copy the file or folder ``path`` (``""`` = all) to ``destination``, which must not exist."""
        ...

    def upload_artifact(self, run_id: str, source: Path, path: str) -> None:
        """Store the file ``source`` as the artifact ``path``, arriving whole or not at all."""
        ...

    def artifact_digest(self, run_id: str, path: str) -> Digest:
        """The size and SHA-256 of a file; noted, or read now."""
        ...

    def artifact_folder(self, run_id: str) -> Path | None:
        """The local folder that is the artifact root of an owner; it may not exist yet.

        None, or the error ``INVALID_STATE``: the artifacts are in no local folder.
        """
        ...

    def move_root(self, root: str) -> None:
        """Note that the artifacts are in ``root`` from now on; a server that runs has to be started again.

        Raises:
            UsageError: ``root`` cannot be used, or lacks files that the store has now.
        """
        ...
