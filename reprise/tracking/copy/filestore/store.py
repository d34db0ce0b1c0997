"""An MLflow file store, the folder ``mlruns``, as the source of a copy. Nothing in it is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from reprise.schemas.entities import Experiment, LoggedModel, Metric, RegisteredModel, Run
from reprise.tracking.copy.artifacts.roots import Beside, Roots, artifact_uri
from reprise.tracking.copy.filestore.experiments import STRAY, read_experiments
from reprise.tracking.copy.filestore.layout import TRASH, Layout, StoreFolder
from reprise.tracking.copy.filestore.models import read_models
from reprise.tracking.copy.filestore.registry import read_registry, read_versions
from reprise.tracking.copy.filestore.runs import RunReading, read_points, read_run
from reprise.tracking.copy.filestore.traces import read_traces
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


class FileStore:
    """Satisfies ``Source``."""

    def __init__(self, folder: Path, artifacts: Path | None = None) -> None:
        self._layout = Layout(folder)
        others = [folder / TRASH, folder.parent, folder.parent / "mlartifacts"]
        self._roots = Roots(artifacts, Beside.of(folder.parent, [folder], others))

    @property
    def uri(self) -> str:
        return str(self._layout.root)

    def read_experiments(self) -> Iterator[Experiment | Fault | Note]:
        return read_experiments(self._layout)

    def read_runs(self, experiment: Experiment) -> Iterator[Run | Fault | Note]:
        readings: list[RunReading] = []
        for found in self._run_folders(experiment):
            if isinstance(found, StoreFolder):
                readings.append(read_run(self._layout, found, experiment.experiment_id))
            else:
                yield found
        for run, faults in sorted(readings, key=lambda reading: reading.run.start_time):
            yield from faults
            yield run

    def read_points(self, run: Run) -> Iterator[Metric | Fault | Note]:
        return read_points(self._run_folder(run), run.run_id)

    def logged_models(self, experiment: Experiment) -> Iterator[LoggedModel | Fault | Note]:
        return read_models(self._layout, experiment.experiment_id)

    def read_traces(self, experiment: Experiment) -> Iterator[SourceTrace | Fault | Note]:
        return read_traces(self._layout, experiment.experiment_id)

    def registered_models(self) -> Iterator[RegisteredModel | Fault | Note]:
        return read_registry(self._layout)

    def read_versions(self, model: RegisteredModel) -> Iterator[SourceVersion | Fault | Note]:
        return read_versions(self._layout, model)

    def find_others(self) -> Iterator[Fault | Note]:
        yield from ()

    def list_files(self, owner: Owner) -> Iterator[SourceFile | Fault | Unseen | UnreachableFile]:
        own = self._own_folder(owner)
        return self._roots.files(owner, artifact_uri(owner) or str(own), own)

    def open_file(self, owner: Owner, path: str) -> AbstractContextManager[Path]:
        own = self._own_folder(owner)
        return self._roots.file(owner, artifact_uri(owner) or str(own), path, own)

    def is_reached(self, root: str) -> bool:
        return self._roots.is_reached(root)

    def close(self) -> None:
        pass

    def _run_folders(self, experiment: Experiment) -> Iterator[StoreFolder | Fault | Note]:
        if experiment.experiment_id == STRAY:
            return self._layout.stray_runs()
        folder = self._layout.experiment_folder(experiment.experiment_id)
        return self._layout.list_runs(folder, is_deleted=folder.parent.name == TRASH)

    def _run_folder(self, run: Run) -> Path:
        home = self._layout.experiment_folder(run.experiment_id)
        folder = home / run.run_id
        return folder if folder.is_dir() else home / TRASH / run.run_id

    def _own_folder(self, owner: Owner) -> Path:
        """The folder in which the store itself would keep the artifacts."""
        if isinstance(owner, Run):
            return self._run_folder(owner) / "artifacts"
        home = self._layout.experiment_folder(owner.experiment_id)
        if isinstance(owner, LoggedModel):
            return home / "models" / owner.model_id / "artifacts"
        return home / "traces" / owner.trace_id / "artifacts"
