"""Any store that satisfies ``Tracking``, ours or a server, as the source of a copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
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
    ViewType,
)
from reprise.schemas.tags import COPY_INCOMPLETE
from reprise.tracking.base import Tracking
from reprise.tracking.copy.tracked_others import find_tracked_others
from reprise.tracking.copy.tracked_traces import TraceReader, trace_reader
from reprise.tracking.protocols.copying import (
    Fault,
    Note,
    Owner,
    SourceFile,
    SourceTrace,
    SourceVersion,
    UnreachableFile,
    Unseen,
    identity_of,
)
from reprise.tracking.protocols.subjects import Subject
from reprise.tracking.search.paging import pages

_PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"
"""Servers list prompts, which are registered models underneath, only when they are asked for."""


class TrackingSource:
    """Satisfies ``Source``; all of ``tracking`` that ``view_type`` names, or the given runs alone."""

    def __init__(
        self,
        tracking: Tracking,
        *,
        view_type: ViewType = "ALL",
        experiments: Sequence[Experiment] | None = None,
        runs: Sequence[Run] | None = None,
    ) -> None:
        self._tracking = tracking
        self._view: ViewType = view_type
        self._experiments = experiments
        self._runs = runs
        self._traces: TraceReader = trace_reader(tracking)

    @property
    def uri(self) -> str:
        return self._tracking.uri

    def read_experiments(self) -> Iterator[Experiment | Fault | Note]:
        if self._runs is not None:
            for experiment_id in dict.fromkeys(run.experiment_id for run in self._runs):
                yield self._tracking.get_experiment(experiment_id)
        elif self._experiments is not None:
            yield from self._experiments
        else:
            yield from pages(
                lambda token: self._tracking.search_experiments(view_type=self._view, page_token=token)
            )

    def read_runs(self, experiment: Experiment) -> Iterator[Run | Fault | Note]:
        for run in self._list_runs(experiment):
            try:
                # a search does not return the models that a run read
                found = self._tracking.get_run(run.run_id)
            except TrackingError as error:
                if error.code == "TEMPORARILY_UNAVAILABLE":
                    raise
                yield Fault("runs", f"run {run.run_id}", "", f"it cannot be read: {error.message}")
            else:
                yield found._replace(tags=_without_mark(found.tags))

    def read_points(self, run: Run) -> Iterator[Metric | Fault | Note]:
        for key in run.metrics:
            yield from self._tracking.metric_history(run.run_id, key)

    def logged_models(self, experiment: Experiment) -> Iterator[LoggedModel | Fault | Note]:
        chosen = None if self._runs is None else {run.run_id for run in self._runs}
        for model in pages(
            lambda token: self._tracking.search_logged_models([experiment.experiment_id], page_token=token)
        ):
            if chosen is None or model.source_run_id in chosen:
                yield model._replace(tags=_without_mark(model.tags))
        store = self._tracking.own_store if self._view == "ALL" else None
        if store is not None and Subject.MODELS not in store.leaves_out:
            yield from store.deleted_logged_models(experiment.experiment_id)

    def read_traces(self, experiment: Experiment) -> Iterator[SourceTrace | Fault | Note]:
        chosen = None if self._runs is None else {run.run_id for run in self._runs}
        for given in self._traces.read_traces(experiment.experiment_id):
            if chosen is None or not isinstance(given, SourceTrace) or chosen & set(given.runs):
                yield given

    def registered_models(self) -> Iterator[RegisteredModel | Fault | Note]:
        """With the whole store only."""
        if self._runs is not None or self._experiments is not None:
            return
        for words in ("", _PROMPTS):
            search = partial(self._tracking.search_registered_models, filter=words)
            yield from pages(lambda token, search=search: search(page_token=token))  # type: ignore[misc]

    def read_versions(self, model: RegisteredModel) -> Iterator[SourceVersion | Fault | Note]:
        quoted = model.name.replace("'", "''")
        listed = pages(
            lambda token: self._tracking.search_model_versions(
                filter=f"name = '{quoted}'", max_results=1000, page_token=token
            )
        )
        for version in sorted(listed, key=lambda one: one.version):  # a server counts upwards
            number = version.version
            aliases = tuple(alias for alias, pointed in model.aliases.items() if pointed == number)
            try:
                place = self._tracking.model_location(model.name, str(number))
            except TrackingError:
                place = None
            yield SourceVersion(version._replace(aliases=aliases), place)

    def find_others(self) -> Iterator[Fault | Note]:
        yield from find_tracked_others(self._tracking)

    def list_files(self, owner: Owner) -> Iterator[SourceFile | Fault | Unseen | UnreachableFile]:
        if isinstance(owner, Trace):
            yield from self._traces.list_files(owner)
        else:
            yield from self._list_files(identity_of(owner), "")

    @contextmanager
    def open_file(self, owner: Owner, path: str) -> Iterator[Path]:
        with scratch() as folder:
            file = Path(folder) / "artifact"
            if isinstance(owner, Trace):
                self._traces.download_file(owner, path, file)
            else:
                self._tracking.download_artifact(identity_of(owner), path, file)
            yield file

    def is_reached(self, root: str) -> bool:
        return False

    def close(self) -> None:
        self._tracking.close()

    def _list_runs(self, experiment: Experiment) -> Iterator[Run]:
        if self._runs is not None:
            yield from (run for run in self._runs if run.experiment_id == experiment.experiment_id)
            return
        yield from pages(
            lambda token: self._tracking.search_runs(
                [experiment.experiment_id],
                order_by=["attributes.start_time ASC"],
                view_type=self._view,
                page_token=token,
            )
        )

    def _list_files(self, owner: str, folder: str) -> Iterator[SourceFile]:
        for artifact in self._tracking.list_artifacts(owner, folder):
            if artifact.is_dir:
                yield from self._list_files(owner, artifact.path)
            else:
                yield SourceFile(artifact.path, artifact.size)


def _without_mark(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key != COPY_INCOMPLETE}
