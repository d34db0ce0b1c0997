"""What a tracking store says of a run, as the file ``tracking.json``, and as the source of a copy."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reprise.errors import SourceError
from reprise.named_tuple import NamedTuple
from reprise.runner.bundle import layout
from reprise.schemas.entities import (
    Experiment,
    LoggedModel,
    Metric,
    ModelMetric,
    RegisteredModel,
    Run,
)
from reprise.schemas.json_text import read_json
from reprise.schemas.record.run_record import to_plain, value_of
from reprise.tracking.base import Tracking
from reprise.tracking.protocols.copying import Note, Owner, SourceFile, SourceTrace, SourceVersion


class TrackedRun(NamedTuple):
    """``run`` is without its last points, which are in ``read_points`` with all others."""

    experiment: Experiment
    run: Run
    points: tuple[Metric, ...] = ()
    models: tuple[LoggedModel, ...] = ()


def read_tracked(tracking: Tracking, run: Run) -> TrackedRun:
    """All that the store has of ``run`` beside its files."""
    points = (point for key in sorted(run.metrics) for point in tracking.metric_history(run.run_id, key))
    models = (tracking.get_logged_model(link.model_id) for link in run.model_outputs)
    return TrackedRun(
        tracking.get_experiment(run.experiment_id), run._replace(metrics={}), tuple(points), tuple(models)
    )


def to_json(tracked: TrackedRun) -> str:
    data = to_plain(tracked)
    for point in _read_points(data):
        point["value"] = _as_json(point["value"])
    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: bytes) -> TrackedRun:
    """Raises SourceError for what :func:`to_json` did not write."""
    try:
        data = read_json(text)
        for point in _read_points(data):
            point["value"] = float(point["value"])
        found = value_of(TrackedRun, data)
        assert isinstance(found, TrackedRun)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SourceError(f"cannot read {layout.TRACKING} of the bundle: {error}") from error
    return found


def _read_points(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from data["points"]
    for model in data["models"]:
        for found in model["metrics"]:
            yield found[_MEASURED]


_MEASURED = ModelMetric._fields[2]


def _as_json(value: float) -> float | str:
    """JSON has no NaN and no infinities; they are written as text."""
    return value if math.isfinite(value) else str(value)


class BundleSource:
    """Implements ``copy.base.Source``: the run of a bundle, with its logged models."""

    def __init__(self, folder: Path, tracked: TrackedRun) -> None:
        self._folder = folder
        self._tracked = tracked

    @property
    def uri(self) -> str:
        return str(self._folder)

    def read_experiments(self) -> Iterator[Experiment]:
        yield self._tracked.experiment

    def read_runs(self, experiment: Experiment) -> Iterator[Run]:
        yield self._tracked.run

    def read_points(self, run: Run) -> Iterator[Metric]:
        yield from self._tracked.points

    def logged_models(self, experiment: Experiment) -> Iterator[LoggedModel]:
        yield from self._tracked.models

    def read_traces(self, experiment: Experiment) -> Iterator[SourceTrace]:
        yield from ()

    def registered_models(self) -> Iterator[RegisteredModel]:
        yield from ()

    def read_versions(self, model: RegisteredModel) -> Iterator[SourceVersion]:
        yield from ()

    def find_others(self) -> Iterator[Note]:
        yield from ()

    def list_files(self, owner: Owner) -> Iterator[SourceFile]:
        root = self._root_of(owner)
        for path in layout.list_files(root):
            yield SourceFile(path.relative_to(root).as_posix(), path.stat().st_size)

    @contextmanager
    def open_file(self, owner: Owner, path: str) -> Iterator[Path]:
        yield self._root_of(owner) / path

    def is_reached(self, root: str) -> bool:
        return True

    def close(self) -> None:
        return

    def _root_of(self, owner: Owner) -> Path:
        if isinstance(owner, LoggedModel):
            return self._folder / layout.MODELS / owner.model_id
        return self._folder / layout.ARTIFACTS
