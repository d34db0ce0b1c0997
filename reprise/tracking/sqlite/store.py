"""The embedded store: a directory that holds ``reprise.db`` and ``artifacts/``.

Its verbs stand in one file per entity (``experiments.py``, ``runs.py``, ``run_data.py``,
``logged_models.py``, ``registered_models.py``, ``model_versions.py``) and are put together here; each is
one transaction, safe from any thread and any process, answered after its commit. The REST server speaks
these verbs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from reprise import disk, durable, file_lock, paths
from reprise.errors import RepriseError, TrackingError, missing
from reprise.schemas.entities import MODEL_STAGES, Artifact, ModelVersion
from reprise.schemas.traces.spans import LOCATION
from reprise.tracking import validation
from reprise.tracking.artifacts.digests import DATABASE_NAME as DIGESTS_NAME
from reprise.tracking.artifacts.digests import Digest, Digests
from reprise.tracking.artifacts.files import (
    ArtifactFolder,
    Artifacts,
    at_location,
    open_root,
)
from reprise.tracking.artifacts.parts import PartialUploads
from reprise.tracking.sqlite.artifact_root import (
    canonical_root,
    change_root,
    claim_root,
    open_noted,
    read_root,
)
from reprise.tracking.sqlite.database import Database
from reprise.tracking.sqlite.evaluation.datasets import EvaluationDatasets
from reprise.tracking.sqlite.evaluation.records import EvaluationRecords
from reprise.tracking.sqlite.experiments import Experiments
from reprise.tracking.sqlite.faults import refusal
from reprise.tracking.sqlite.logged_models import LoggedModels, model_row
from reprise.tracking.sqlite.metric_lines import MetricLines
from reprise.tracking.sqlite.model_versions import ModelVersions
from reprise.tracking.sqlite.registered_models import RegisteredModels
from reprise.tracking.sqlite.reserve import use_reserve
from reprise.tracking.sqlite.run_data import RunData
from reprise.tracking.sqlite.run_listing import RunListing
from reprise.tracking.sqlite.run_rows import run_row
from reprise.tracking.sqlite.runs import Runs
from reprise.tracking.sqlite.sweep_listing import SweepListing
from reprise.tracking.sqlite.traces.assessments import Assessments
from reprise.tracking.sqlite.traces.correlation import TraceCorrelation
from reprise.tracking.sqlite.traces.spans import Spans
from reprise.tracking.sqlite.traces.trace_links import TraceLinks
from reprise.tracking.sqlite.traces.trace_metrics import TraceMetrics
from reprise.tracking.sqlite.traces.traces import Traces
from reprise.tracking.sqlite.webhooks import Webhooks

if TYPE_CHECKING:
    from reprise.tracking.protocols.garbage import Garbage
    from reprise.tracking.protocols.store import Snapshot
    from reprise.tracking.protocols.subjects import Subject

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


class EmbeddedStore(
    Experiments,
    Runs,
    RunData,
    MetricLines,
    RunListing,
    SweepListing,
    LoggedModels,
    RegisteredModels,
    ModelVersions,
    Traces,
    TraceLinks,
    Spans,
    Assessments,
    Webhooks,
    EvaluationDatasets,
    EvaluationRecords,
    TraceCorrelation,
    TraceMetrics,
):
    """The store in ``directory``; the first verb opens it, and makes it when there is none.

    ``artifacts`` is what the HTTP proxy ``mlflow-artifacts/artifacts/<path>`` reads and writes:
    ``<experiment_id>/<run_id>/artifacts/...`` and ``<experiment_id>/models/<model_id>/artifacts/...``.
    """

    leaves_out: Collection[Subject] = ()
    longest_param: int | None = None
    DURABILITY: ClassVar[str | None] = None  # as Database takes it

    directory: Path
    partial_uploads: PartialUploads

    def __init__(self, directory: Path, artifact_root: str | None = None) -> None:
        """``artifact_root`` is a local path or an fsspec URI; None for the one that the store notes."""
        self.directory = directory.absolute()
        self._folder = self.directory / "artifacts"
        self._digests = Digests(self.directory / DIGESTS_NAME, self._folder)
        if artifact_root is not None:
            open_root(canonical_root(artifact_root), self._folder, self._digests)  # refused at once
        self._given_root = artifact_root
        self._opened_root: Artifacts | None = None
        self.partial_uploads = PartialUploads(self.directory / "arriving")
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

    def move_root(self, root: str) -> None:
        """Note that the artifacts are in ``root`` from now on; a server that runs has to be started again.

        Raises:
            UsageError: ``root`` cannot be used, or lacks files that the store has now.
        """
        change_root(self._database, root, self._folder, self._digests)
        self._opened_root = None

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
    def own_store(self) -> Self:
        return self

    @property
    def home(self) -> Path:
        """The store's directory: job folders and shared contents lie beside its database."""
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

        ``INVALID_STATE`` when this store was opened with an artifact root that is no folder.
        """
        artifacts = self.artifacts_of(run_id)
        if isinstance(artifacts, ArtifactFolder):
            return artifacts.root
        raise TrackingError(f"the artifacts of {run_id} are in no local folder", code="INVALID_STATE")

    def artifacts_of(self, owner: str) -> Artifacts:
        """The artifacts of a run or a logged model."""
        with self._database.reading() as connection:
            row = model_row(connection, owner) if owner.startswith("m-") else run_row(connection, owner)
        return at_location(row.artifact_uri, self.artifacts)

    def trace_artifacts(self, trace_id: str) -> Artifacts:
        """The files of a trace: its attachments, and its spans where a client wrote them to a file."""
        return at_location(self.get_trace(trace_id).tags[LOCATION], self.artifacts)

    def list_model_artifacts(self, model_id: str, path: str = "") -> Sequence[Artifact]:
        """The direct children of ``path`` among the files of a logged model."""
        self.get_logged_model(model_id)
        return self.list_artifacts(model_id, path)

    def delete_traces(
        self,
        experiment_id: str,
        *,
        trace_ids: Sequence[str] = (),
        made_before: int | None = None,
        max_traces: int | None = None,
    ) -> int:
        """Delete traces as ``drop_traces`` does, and their spans; how many they were."""
        gone = self.drop_traces(
            experiment_id, trace_ids=trace_ids, made_before=made_before, max_traces=max_traces
        )
        location = self.get_experiment(experiment_id).artifact_location if gone else ""
        for trace in gone:
            self._drop_spans(f"{location}/traces/{trace.trace_id}")
        return len(gone)

    def model_location(self, name: str, selector: str) -> tuple[str, str]:
        """Resolve ``models:/name/selector`` to (run or model id, artifact path), as ``Tracking`` says."""
        if not selector:
            return self.get_logged_model(name).model_id, ""
        version = self._selected(name, selector)
        uri = self.model_version_download_uri(name, str(version.version))
        if uri.startswith("runs:/"):
            run_id, _, path = uri.removeprefix("runs:/").partition("/")
            return run_id, path
        for owner in filter(None, (version.model_id, version.run_id)):
            root = self._artifact_uri(owner)
            if uri == root or uri.startswith(f"{root}/"):
                return owner, uri[len(root) :].strip("/")
        raise missing(f"version {version.version} of {name!r} has its files at {uri!r}, outside this store")

    def model_versions(self, run_id: str) -> Sequence[ModelVersion]:
        """The versions of registered models that came from the run."""
        return self.search_model_versions(filter=f"run_id = '{run_id}'").items

    def environ(self, run_id: str) -> None:
        """An MLflow client does not speak to a directory: a facade is served to it."""

    def explain(self, error: OSError) -> TrackingError:
        """What the system refused, as a sentence about the store."""
        return refusal(error, self.directory)

    def make_room(self) -> None:
        """Give up the room that was kept for deletions and ends of runs, where the disk is full."""
        use_reserve(self.directory)

    def garbage(self) -> Garbage:
        """What was deleted from it."""
        from reprise.tracking.sqlite.maintenance.garbage import StoredGarbage

        return StoredGarbage(self, self._database, self.directory)

    def copy_database(self, target: Path) -> Snapshot:
        """Write a copy of the database, as it is at one moment, to the new file ``target``."""
        from reprise.tracking.sqlite.maintenance.snapshots import copy_database

        return copy_database(self.directory / DATABASE_NAME, target)

    def stop_waiting(self) -> None:
        """Writes that wait for another process fail from now on: a server that ends waits for none."""
        if self._opened is not None:
            self._opened.stop_waiting()

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

    def _selected(self, name: str, selector: str) -> ModelVersion:
        if selector.startswith("@"):
            return self.get_model_version_by_alias(name, selector[1:])
        if selector.lower() == "latest":
            return self.get_model_version_by_alias(name, "latest")
        if selector.lower() in {stage.lower() for stage in MODEL_STAGES}:
            for version in self.get_latest_versions(name, [selector]):
                return version
            raise missing(f"registered model {name!r} has no version in stage {selector!r}")
        return self.get_model_version(name, selector)

    def _drop_spans(self, location: str) -> None:
        """A trace without spans is none the less deleted."""
        try:
            at_location(location, self.artifacts).delete("")
        except RepriseError as error:
            log.debug("%s: %s", location, error)

    def _artifact_uri(self, owner: str) -> str:
        if owner.startswith("m-"):
            return self.get_logged_model(owner).artifact_uri
        return self.get_run(owner).artifact_uri


def _is_ours(name: str) -> bool:
    """Whether a store may hold it before its database is made, also one whose maker was killed."""
    return name in _OURS or name.startswith((f"{DATABASE_NAME}.", file_lock.ARRIVING))
