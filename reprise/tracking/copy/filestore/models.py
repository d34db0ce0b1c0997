"""Logged models of an MLflow file store (MLflow 3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reprise.errors import TrackingError
from reprise.schemas.entities import ACTIVE, DELETED, MODEL_STATUSES, LoggedModel, ModelMetric
from reprise.tracking.copy.filestore.layout import META, Layout
from reprise.tracking.copy.filestore.meta import Meta, key_files, read_meta, read_texts
from reprise.tracking.copy.filestore.runs import modification_times, read_point
from reprise.tracking.protocols.copying import Fault, Note


def read_models(layout: Layout, experiment_id: str) -> Iterator[LoggedModel | Fault | Note]:
    """The logged models of an experiment."""
    home = layout.experiment_folder(experiment_id) / "models"
    for folder in layout.list_folders(home, "logged models", f"experiment {experiment_id}"):
        if isinstance(folder, Fault):
            yield folder
            continue
        owner = f"logged model {folder.name}"
        tags = read_texts(folder / "tags", "tags", owner)
        params = read_texts(folder / "params", "params", owner)
        yield from (*tags.faults, *params.faults)
        points = list(_read_points(folder, owner))
        yield from (point for point in points if isinstance(point, Fault))
        try:
            meta = read_meta(folder / META)
        except TrackingError as error:
            text = f"it {error.message}; the model's name and run are lost"
            yield Fault("logged models", owner, META, text, pieces=0)
            meta = _from_files(folder)
        model = _from_meta(meta, folder, experiment_id)
        yield from (Fault("logged models", owner, META, reason, pieces=0) for reason in meta.faults)
        yield model._replace(
            tags=tags.values,
            params=params.values,
            metrics=tuple(point for point in points if isinstance(point, ModelMetric)),
        )


def _from_meta(meta: Meta, folder: Path, experiment_id: str) -> LoggedModel:
    stage = meta.read_text("lifecycle_stage")
    return LoggedModel(
        model_id=folder.name,
        experiment_id=experiment_id,
        name=meta.read_text("name"),
        artifact_uri=meta.read_text("artifact_location") or str(folder / "artifacts"),
        status=meta.read_with("status", lambda number: MODEL_STATUSES[int(number) - 1], MODEL_STATUSES[0]),
        creation_time=meta.read_number("creation_timestamp") or 0,
        last_update_time=meta.read_number("last_updated_timestamp") or 0,
        model_type=meta.read_text("model_type") or None,
        source_run_id=meta.read_text("source_run_id") or None,
        status_message=meta.read_text("status_message") or None,
        lifecycle_stage=DELETED if stage == DELETED else ACTIVE,
    )


def _from_files(folder: Path) -> Meta:
    times = [round(time * 1000) for time in modification_times(folder)]
    return Meta(
        {
            "name": folder.name,
            "creation_timestamp": min(times),
            "last_updated_timestamp": max(times),
        }
    )


def _read_points(folder: Path, owner: str) -> Iterator[ModelMetric | Fault]:
    for found in key_files(folder / "metrics", "points", owner):
        if isinstance(found, Fault):
            yield found
            continue
        key, file = found
        try:
            lines = file.read_bytes().splitlines()
        except OSError as error:
            yield Fault("points", owner, f"metrics/{key}", f"it cannot be read: {error.strerror}")
            continue
        for number, line in enumerate(lines, 1):
            try:
                words = line.decode().split(" ")
                yield ModelMetric(folder.name, words.pop(3), read_point(key, words))
            except (ValueError, OverflowError, IndexError):
                yield Fault("points", owner, f"metrics/{key}", f"line {number} is not a point")
