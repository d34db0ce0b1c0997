"""The part of the embedded store that every run needs: experiments, runs, what they log, artifacts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from reprise import disk, durable, file_lock, paths
from reprise.errors import TrackingError
from reprise.schemas.entities import Artifact
from reprise.tracking import validation
from reprise.tracking.artifacts.digests import DATABASE_NAME as DIGESTS_NAME
from reprise.tracking.artifacts.digests import Digest, Digests
from reprise.tracking.artifacts.files import (
    ArtifactFolder,
    Artifacts,
    at_location,
    open_root,
)
from reprise.tracking.sqlite.artifact_root import canonical_root, claim_root, open_noted, read_root
from reprise.tracking.sqlite.database import Database
from reprise.tracking.sqlite.experiments import Experiments
from reprise.tracking.sqlite.faults import refusal
from reprise.tracking.sqlite.reserve import use_reserve
from reprise.tracking.sqlite.run_data import RunData
from reprise.tracking.sqlite.run_rows import run_row
from reprise.tracking.sqlite.runs import Runs

log = logging.getLogger(__name__)

DATABASE_NAME = "reprise.db"
_OURS = {
    ".gitignore",
    "artifacts",
    "jobs",
    "objects",
    "arriving",
    *(f"{DIGESTS_NAME}{end}" for end in ("", "-wal", "-shm")),
}
"""What a store may hold before its database is made."""


class RunsOfStore(Experiments, Runs, RunData):
    """The store in ``directory``; the first verb opens it, and makes it when there is none."""

    longest_param: int | None = None
    DURABILITY: ClassVar[str | None] = None  # as Database takes it

    directory: Path

    def __init__(self, directory: Path, artifact_root: str | None = None) -> None:
        """``artifact_root`` is a local path or an fsspec URI; None for the one that the store notes."""
        self.directory = directory.absolute()
        self._folder = self.directory / "artifacts"
        self._digests = Digests(self.directory / DIGESTS_NAME, self._folder)
        if artifact_root is not None:
            open_root(canonical_root(artifact_root), self._folder, self._digests)  # refused at once
        self._given_root = artifact_root
        self._opened_root: Artifacts | None = None
        self._opening = threading.Lock()
        self._opened: Database | None = None

    @property
    def _database(self) -> Database:
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    @property
    def artifacts(self) -> Artifacts:
        """The artifacts in the root that the store notes, or in the folder ``artifacts`` in it."""
        if self._opened_root is None:
            if not self.exists and self._given_root is None:  # to ask a store where it is makes none
                return open_root(None, self._folder, self._digests)
            self._opened_root = open_noted(self._database, self._folder, self._digests)
        return self._opened_root

    @property
    def artifact_root(self) -> str:
        """The local path or the URI of the artifacts, whether it can be reached now or not."""
        return (self.exists and read_root(self._database)) or str(self._folder)

    @staticmethod
    def may_be_at(directory: Path) -> bool:
        """Whether the folder is an embedded store, or free to become one; MLflow's file stores are not."""
        if (directory / DATABASE_NAME).exists() or not directory.exists():
            return True
        return directory.is_dir() and all(_is_ours(entry.name) for entry in directory.iterdir())

    @property
    def exists(self) -> bool:
        """Whether it was made already."""
        return (self.directory / DATABASE_NAME).exists()

    @property
    def home(self) -> Path:
        """The store's directory: job folders and shared contents are next to its database."""
        return self.directory

    @property
    def uri(self) -> str:
        """The store's directory, which is what a user would give as tracking URI."""
        return str(self.directory)

    def list_artifacts(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        """The direct children of ``path``; empty when there is no such folder."""
        return self.artifacts_of(run_id).list(path)

    def download_artifact(self, run_id: str, path: str, destination: Path) -> None:
        """Copy the file or folder ``path`` (``""`` = all) to ``destination``, which must not exist."""
        if destination.exists():
            raise validation.invalid(f"{destination} exists already")
        self.artifacts_of(run_id).copy_out(path, destination)

    def upload_artifact(self, run_id: str, source: Path, path: str) -> None:
        """Store the file ``source`` as the artifact ``path``, arriving whole or not at all."""
        try:
            self.artifacts_of(run_id).copy_in(source, path)
        except OSError as error:
            if error.errno not in disk.FAULTS:
                raise
            raise refusal(error, self.directory) from error

    def artifact_digest(self, run_id: str, path: str) -> Digest:
        """The size and SHA-256 of a file of a run or a logged model; noted, or read now."""
        return self.artifacts_of(run_id).digest(path)

    def artifact_folder(self, run_id: str) -> Path:
        """The local folder that is the artifact root of a run or a logged model; it may not exist yet.

        ``INVALID_STATE`` when this store was opened with an artifact root that is not a folder.
        """
        artifacts = self.artifacts_of(run_id)
        if isinstance(artifacts, ArtifactFolder):
            return artifacts.root
        raise TrackingError(f"the artifacts of {run_id} are in no local folder", code="INVALID_STATE")

    def artifacts_of(self, owner: str) -> Artifacts:
        """The artifacts of a run."""
        with self._database.reading() as connection:
            row = run_row(connection, owner)
        return at_location(row.artifact_uri, self.artifacts)

    def environ(self, run_id: str) -> None:
        """An MLflow client does not speak to a directory: a facade is served to it."""

    def explain(self, error: OSError) -> TrackingError:
        """What the system refused, as a sentence about the store."""
        return refusal(error, self.directory)

    def make_room(self) -> None:
        """Give up the room that was kept for deletions and ends of runs, where the disk is full."""
        use_reserve(self.directory)

    def sweep_artifacts(self) -> None:
        """Remove what processes that have died were storing as artifacts."""
        if isinstance(self.artifacts, ArtifactFolder):
            self.artifacts.sweep()

    def close(self) -> None:
        """Close every connection; a verb after that is a bug of the caller."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()
        self._digests.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> Database:
        try:
            if not self.exists:
                self._make()
            database = Database(self.directory / DATABASE_NAME, self.DURABILITY)
        except OSError as error:
            raise TrackingError(
                f"the store {self.directory} cannot be opened: {disk.reason_of(error, self.directory)}",
                hint="give another folder by --tracking-uri or MLFLOW_TRACKING_URI",
            ) from error
        if self._given_root is not None:
            try:
                claim_root(database, self._given_root, self._folder, self._digests)
            except BaseException:
                database.close()
                raise
        return database

    def _make(self) -> None:
        """The directory, out of sight of git. The database makes itself."""
        ours = self.may_be_at(self.directory)
        durable.make_folders(self.directory.parent)
        paths.make_private(self.directory)
        durable.sync_folder(self.directory.parent)
        durable.make_folders(self._folder)
        if ours:  # otherwise the folder is the user's, and so is what git makes of it
            durable.write_note(self.directory / ".gitignore", "*\n")
        elif any(self.directory.glob("*/meta.yaml")):
            log.warning(
                "%s also holds MLflow's own file store; its runs are shown after reprise import",
                self.directory,
            )


def _is_ours(name: str) -> bool:
    """Whether a store may hold it before its database is made, also one whose maker was killed."""
    return name in _OURS or name.startswith((f"{DATABASE_NAME}.", file_lock.ARRIVING))
