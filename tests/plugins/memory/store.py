"""The whole store: what pages ask, files in a folder, and refusals for what it leaves out."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Self

from reprise.errors import TrackingError, UsageError
from reprise.schemas import tags
from reprise.schemas.entities import Artifact, Metric, Run, ViewType
from reprise.tracking.artifacts.digests import Digest
from reprise.tracking.artifacts.files import ArtifactFolder, Artifacts, at_location
from reprise.tracking.artifacts.parts import PartialUploads
from reprise.tracking.protocols.assessments import AssessmentStore
from reprise.tracking.protocols.evaluation import EvaluationStore
from reprise.tracking.protocols.garbage import Garbage
from reprise.tracking.protocols.models import LoggedModelStore
from reprise.tracking.protocols.registry import ModelRegistry
from reprise.tracking.protocols.store import Snapshot
from reprise.tracking.protocols.subjects import Subject
from reprise.tracking.protocols.sweeps import SweepViews
from reprise.tracking.protocols.traces import TraceStore
from reprise.tracking.protocols.webhooks import WebhookStore
from reprise.tracking.validation import invalid
from reprise.tracking.views import Activity, Keys, MetricLine, RunOrder, StoreFigures
from tests.plugins.memory.runs import MemoryRuns
from tests.plugins.memory.searching import find_all


class MemoryStore(
    MemoryRuns,
    SweepViews,
    LoggedModelStore,
    ModelRegistry,
    TraceStore,
    AssessmentStore,
    EvaluationStore,
    WebhookStore,
):
    """Satisfies ``TrackingStore``; ``folder`` holds the artifacts. A run's row number counts from 1."""

    leaves_out: Collection[Subject] = frozenset(Subject)
    home: Path | None = None
    exists: bool = True
    longest_param: int | None = None

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.partial_uploads = PartialUploads(folder / "arriving")

    @property
    def uri(self) -> str:
        return f"memory:{self._folder}"

    @property
    def own_store(self) -> Self:
        return self

    def environ(self, run_id: str) -> None:
        return None

    # What pages ask of runs.

    def run_order(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view_type: ViewType = "ACTIVE_ONLY",
    ) -> RunOrder:
        found = find_all(self._runs_of(experiment_ids, view_type), filter, order_by)
        parents = {
            self.run_number(run.run_id): self.run_number(parent)
            for run in found
            if (parent := run.tags.get(tags.PARENT_RUN_ID)) in self._runs and parent is not None
        }
        return RunOrder([self.run_number(run.run_id) for run in found], parents)

    def run_number(self, run_id: str) -> int:
        return [*self._runs].index(self.get_run(run_id).run_id) + 1

    def runs_at(self, numbers: Iterable[int]) -> list[Run]:
        known = [*self._runs.values()]
        return [known[number - 1] for number in numbers if 0 < number <= len(known)]

    def ids_at(self, numbers: Sequence[int]) -> list[str]:
        return [run.run_id for run in self.runs_at(numbers)]

    def has_nested(self, experiment_ids: Sequence[str]) -> bool:
        return any(tags.PARENT_RUN_ID in run.tags for run in self._runs_of(experiment_ids, "ALL"))

    def data_keys(self, experiment_ids: Sequence[str]) -> Keys:
        runs = self._runs_of(experiment_ids, "ALL")
        kinds = ([run.metrics for run in runs], [run.params for run in runs], [run.tags for run in runs])
        return Keys(*(tuple(sorted({key for given in kind for key in given})) for kind in kinds))

    def frequent_tags(self, experiment_ids: Sequence[str], key: str, most: int) -> dict[str, int]:
        runs = self._runs_of(experiment_ids, "ACTIVE_ONLY")
        return dict(Counter(run.tags[key] for run in runs if key in run.tags).most_common(most))

    def known_values(
        self,
        experiment_ids: Sequence[str],
        kind: Literal["param", "tag"],
        key: str,
        beginning: str,
        most: int,
    ) -> list[str]:
        given = [
            run.params if kind == "param" else run.tags for run in self._runs_of(experiment_ids, "ALL")
        ]
        return sorted({each[key] for each in given if each.get(key, "").startswith(beginning)})[:most]

    def activity(self) -> dict[str, Activity]:
        found = {each: self._runs_of([each], "ACTIVE_ONLY") for each in self._experiments}
        return {each: _activity(runs) for each, runs in found.items() if runs}

    def ids_from(self, start: str, most: int = 2) -> list[str]:
        return sorted(run_id for run_id in self._runs if run_id.startswith(start))[:most]

    def child_numbers(self, run_id: str) -> Sequence[int]:
        return [self.run_number(run.run_id) for run in self.children(run_id)]

    def reproductions(self, run_id: str) -> list[Run]:
        everywhere = self._runs_of([*self._experiments], "ACTIVE_ONLY")
        return [run for run in everywhere if run.tags.get(tags.REPRODUCES) == run_id]

    def metric_extremes(self, run_ids: Sequence[str]) -> dict[str, dict[str, tuple[float, float]]]:
        return {run_id: dict(self._extremes(run_id)) for run_id in run_ids}

    def _extremes(self, run_id: str) -> Iterator[tuple[str, tuple[float, float]]]:
        for key in self.get_run(run_id).metrics:
            values = [point.value for point in self.metric_history(run_id, key)]
            if numbers := [value for value in values if not math.isnan(value)]:
                yield key, (min(numbers), max(numbers))

    def metric_figures(self, run_id: str) -> Mapping[str, StoreFigures]:
        return {key: _figures(self.metric_history(run_id, key)) for key in self.get_run(run_id).metrics}

    def metrics_with_lines(self, run_id: str) -> set[str]:
        return {key for key in self.get_run(run_id).metrics if len(self.metric_history(run_id, key)) > 1}

    def metric_lines(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        *,
        most: int,
        since: Mapping[str, int] = MappingProxyType({}),
    ) -> list[MetricLine]:
        return [
            MetricLine(
                run_id, key, _figures(points), [(p.step, p.timestamp, p.value) for p in points[-most:]]
            )
            for key in keys
            for run_id in run_ids
            if (points := [p for p in self.metric_history(run_id, key) if p.timestamp >= since.get(key, 0)])
        ]

    @contextmanager
    def watching(self) -> Iterator[Callable[[], int]]:
        yield lambda: self._changes

    # Files.

    @property
    def artifacts(self) -> Artifacts:
        return ArtifactFolder(self._folder / "artifacts")

    @property
    def artifact_root(self) -> str:
        return str(self._folder / "artifacts")

    def move_root(self, root: str) -> None:
        raise UsageError("a store in memory does not move")

    def artifacts_of(self, owner: str) -> Artifacts:
        return at_location(self.get_run(owner).artifact_uri, self.artifacts)

    def list_artifacts(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        return self.artifacts_of(run_id).list(path)

    def download_artifact(self, run_id: str, path: str, destination: Path) -> None:
        self.artifacts_of(run_id).copy_out(path, destination)

    def upload_artifact(self, run_id: str, source: Path, path: str) -> None:
        self.artifacts_of(run_id).copy_in(source, path)

    def artifact_digest(self, run_id: str, path: str) -> Digest:
        return self.artifacts_of(run_id).digest(path)

    def artifact_folder(self, run_id: str) -> Path | None:
        found = self.artifacts_of(run_id)
        return found.root if isinstance(found, ArtifactFolder) else None

    # The store as a whole.

    def explain(self, error: OSError) -> TrackingError:
        return TrackingError(f"the store {self.uri} cannot be used: {error.strerror}")

    def make_room(self) -> None: ...

    def sweep_artifacts(self) -> None: ...

    def stop_waiting(self) -> None: ...

    def garbage(self) -> Garbage:
        raise invalid("a store in memory forgets by itself")

    def copy_database(self, target: Path) -> Snapshot:
        raise invalid("a store in memory has no database")

    def close(self) -> None:
        shutil.rmtree(self._folder / "arriving", ignore_errors=True)


def _activity(runs: Sequence[Run]) -> Activity:
    last = max(max(run.start_time, run.end_time or 0) for run in runs)
    return Activity(Counter(run.status for run in runs), last)


def _figures(points: Sequence[Metric]) -> StoreFigures:
    values = [point.value for point in points]
    finite = [value for value in values if math.isfinite(value)]
    nans = sum(map(math.isnan, values))
    return StoreFigures(
        len(values),
        nans,
        len(values) - nans - len(finite),
        min(finite, default=None),
        max(finite, default=None),
    )
