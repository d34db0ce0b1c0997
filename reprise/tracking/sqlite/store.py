"""The embedded store: a directory that holds ``reprise.db`` and ``artifacts/``.

Its verbs are in one file per entity (``experiments.py``, ``runs.py``, ``run_data.py``,
``logged_models.py``, ``registered_models.py``, ``model_versions.py``) and are put together here, those that
every run needs in ``run_store.py``. Each is one transaction, safe from any thread and any process, answered
after its commit. The REST server speaks these verbs.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from reprise.errors import RepriseError, TrackingError, missing
from reprise.schemas.entities import MODEL_STAGES, Artifact, ModelVersion
from reprise.schemas.traces.spans import LOCATION, SPANS_FILE
from reprise.tracking.artifacts.files import (
    Artifacts,
    at_location,
)
from reprise.tracking.artifacts.parts import PartialUploads
from reprise.tracking.sqlite.artifact_root import (
    change_root,
)
from reprise.tracking.sqlite.evaluation.datasets import EvaluationDatasets
from reprise.tracking.sqlite.evaluation.records import EvaluationRecords
from reprise.tracking.sqlite.listing.metric_lines import MetricLines
from reprise.tracking.sqlite.listing.runs import RunListing
from reprise.tracking.sqlite.listing.sweeps import SweepListing
from reprise.tracking.sqlite.logged_models import LoggedModels, model_row
from reprise.tracking.sqlite.model_versions import ModelVersions
from reprise.tracking.sqlite.registered_models import RegisteredModels
from reprise.tracking.sqlite.run_store import DATABASE_NAME, RunsOfStore
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

_LARGEST_SPANS = 64 << 20
"""Bytes of a file of spans that searches look into."""


class EmbeddedStore(
    RunsOfStore,
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

    @classmethod
    def of_runs(cls, store: RunsOfStore) -> Self:
        """The whole of ``store``: the two have one state, and are closed as one."""
        whole = cls.__new__(cls)
        whole.__dict__ = store.__dict__
        return whole

    def move_root(self, root: str) -> None:
        """Note that the artifacts are in ``root`` from now on; a server that runs has to be started again.

        Raises:
            UsageError: ``root`` cannot be used, or lacks files that the store has now.
        """
        change_root(self._database, root, self._folder, self._digests)
        self._opened_root = None

    @property
    def own_store(self) -> Self:
        return self

    @cached_property
    def partial_uploads(self) -> PartialUploads:
        return PartialUploads(self.directory / "arriving")

    def artifacts_of(self, owner: str) -> Artifacts:
        """The artifacts of a run or a logged model."""
        if not owner.startswith("m-"):
            return super().artifacts_of(owner)
        with self._database.reading() as connection:
            row = model_row(connection, owner)
        return at_location(row.artifact_uri, self.artifacts)

    def trace_artifacts(self, trace_id: str) -> Artifacts:
        """The files of a trace: its attachments, and its spans where a client wrote them to a file."""
        return at_location(self.get_trace(trace_id).tags[LOCATION], self.artifacts)

    def index_trace(self, trace_id: str) -> None:
        """Let searches find the trace by the spans of its file, where it has one."""
        for trace in self.get_traces([trace_id]):
            try:
                artifacts = at_location(trace.tags[LOCATION], self.artifacts)
                if artifacts.size(SPANS_FILE) > _LARGEST_SPANS:
                    return
                with artifacts.reading(SPANS_FILE) as file:
                    document = file.read(_LARGEST_SPANS)
            except TrackingError as error:
                log.info("the spans of trace %s are not searched: %s", trace_id, error)
                return
            self.keep_spans_of_file(trace_id, document)

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
