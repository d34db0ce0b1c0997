"""The database of an MLflow server as the source of a copy. Nothing in it is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprise.errors import TrackingError
from reprise.file_lock import scratch
from reprise.schemas.entities import (
    Experiment,
    LoggedModel,
    Metric,
    RegisteredModel,
    Run,
    Trace,
)
from reprise.schemas.traces.spans import SPANS_FILE
from reprise.tracking.copy.artifacts.roots import Beside, Roots, artifact_uri
from reprise.tracking.copy.database import models, others, runs, traces
from reprise.tracking.copy.database.tables import Tables
from reprise.tracking.protocols.copying import (
    Fault,
    Note,
    Owner,
    SourceFile,
    SourceTrace,
    SourceVersion,
    UnreachableFile,
    Unseen,
)

_OWN = ("mlartifacts", "mlruns", "artifacts")
"""Folders beside a database in which MLflow keeps artifacts, by default or as its documentation shows."""


class MlflowDatabase:
    """Satisfies ``Source``."""

    def __init__(self, tables: Tables, start: Path, artifacts: Path | None = None) -> None:
        """``start`` is the folder that its relative artifact roots are seen from.

        Raises:
            TrackingError: it is a database of something else.
        """
        if not {"experiments", "runs", "alembic_version"} <= tables.table_names():
            tables.close()
            raise TrackingError(f"{tables.uri} is a database, but not one of MLflow")
        self._tables = tables
        beside = Beside.of(start, [start / name for name in _OWN], [start])
        self._roots = Roots(artifacts, beside)

    @property
    def uri(self) -> str:
        return self._tables.uri

    def read_experiments(self) -> Iterator[Experiment | Fault | Note]:
        return runs.read_experiments(self._tables)

    def read_runs(self, experiment: Experiment) -> Iterator[Run | Fault | Note]:
        return runs.read_runs(self._tables, experiment.experiment_id)

    def read_points(self, run: Run) -> Iterator[Metric | Fault | Note]:
        return runs.read_points(self._tables, run.run_id)

    def logged_models(self, experiment: Experiment) -> Iterator[LoggedModel | Fault | Note]:
        return models.read_models(self._tables, experiment.experiment_id)

    def read_traces(self, experiment: Experiment) -> Iterator[SourceTrace | Fault | Note]:
        return traces.read_traces(self._tables, experiment.experiment_id)

    def registered_models(self) -> Iterator[RegisteredModel | Fault | Note]:
        return models.read_registry(self._tables)

    def read_versions(self, model: RegisteredModel) -> Iterator[SourceVersion | Fault | Note]:
        return models.read_versions(self._tables, model)

    def find_others(self) -> Iterator[Fault | Note]:
        return others.read_others(self._tables)

    def list_files(self, owner: Owner) -> Iterator[SourceFile | Fault | Unseen | UnreachableFile]:
        spans = self._read_spans(owner)
        if spans is not None:
            yield SourceFile(SPANS_FILE, len(spans))
        if not artifact_uri(owner):
            return
        for found in self._roots.files(owner, artifact_uri(owner)):
            is_replaced = isinstance(found, SourceFile) and found.path == SPANS_FILE
            if spans is None or not (is_replaced or isinstance(found, Unseen)):
                yield found

    @contextmanager
    def open_file(self, owner: Owner, path: str) -> Iterator[Path]:
        spans = self._read_spans(owner) if path == SPANS_FILE else None
        if spans is None:
            with self._roots.file(owner, artifact_uri(owner), path) as file:
                yield file
            return
        with scratch() as folder:
            file = Path(folder) / "artifact"
            file.write_bytes(spans)
            yield file

    def is_reached(self, root: str) -> bool:
        return self._roots.is_reached(root)

    def close(self) -> None:
        self._tables.close()

    def _read_spans(self, owner: Owner) -> bytes | None:
        return traces.read_spans(self._tables, owner.trace_id) if isinstance(owner, Trace) else None
