"""Experiments of an MLflow file store."""

from __future__ import annotations

from collections.abc import Iterator

from reprise.errors import TrackingError
from reprise.schemas.entities import ACTIVE, DELETED, Experiment
from reprise.tracking.copy.filestore.layout import META, Layout, StoreFolder
from reprise.tracking.copy.filestore.meta import Meta, read_meta, read_texts
from reprise.tracking.copy.filestore.runs import modification_times
from reprise.tracking.protocols.copying import Fault, Note


def read_experiments(layout: Layout) -> Iterator[Experiment | Fault | Note]:
    """Yield all experiments; those in the trash are deleted, whatever their meta.yaml says."""
    for folder in layout.list_experiments():
        if not isinstance(folder, StoreFolder):
            yield folder
            continue
        owner = f"experiment {folder.id}"
        tags = read_texts(folder.path / "tags", "tags", owner)
        yield from tags.faults
        try:
            meta = read_meta(folder.path / META)
        except TrackingError as error:
            text = f"it {error.message}; the name is lost, the times are those of the files"
            yield Fault("experiments", owner, META, text, pieces=0)
            experiment = _from_files(folder)
        else:
            experiment = _from_meta(meta, folder)
            yield from (Fault("experiments", owner, META, reason, pieces=0) for reason in meta.faults)
        yield experiment._replace(tags=tags.values)
    if any(layout.stray_runs()):
        yield Experiment(STRAY, "runs from the trash", "", DELETED)


STRAY = ".trash"
"""Return the id of the experiment for runs in the trash without theirs."""


def _from_meta(meta: Meta, folder: StoreFolder) -> Experiment:
    stage = meta.read_text("lifecycle_stage")
    return Experiment(
        experiment_id=folder.id,
        name=meta.read_text("name"),
        artifact_location=meta.read_text("artifact_location"),
        lifecycle_stage=DELETED if folder.is_deleted or stage == DELETED else ACTIVE,
        creation_time=meta.read_number("creation_time") or 0,
        last_update_time=meta.read_number("last_update_time") or _deletion_time(folder),
    )


def _deletion_time(folder: StoreFolder) -> int:
    """Old versions of MLflow noted no times; they wrote the meta.yaml when they deleted, or before."""
    return round((folder.path / META).stat().st_mtime * 1000) if folder.is_deleted else 0


def _from_files(folder: StoreFolder) -> Experiment:
    times = [round(time * 1000) for time in modification_times(folder.path)]
    return Experiment(
        experiment_id=folder.id,
        name=f"recovered {folder.path.name}",
        artifact_location="",
        lifecycle_stage=DELETED if folder.is_deleted else ACTIVE,
        creation_time=min(times),
        last_update_time=max(times),
    )
