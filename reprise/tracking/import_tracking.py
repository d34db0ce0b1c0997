"""Any store that satisfies ``Tracking``, ours or a server, as the source of a copy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from reprise.errors import TrackingError
from reprise.schemas.entities import (
    Artifact,
    Experiment,
    LoggedModel,
    Metric,
    Page,
    RegisteredModel,
    Run,
    ViewType,
)
from reprise.tracking.base import Tracking
from reprise.tracking.copying import SourceVersion

_PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"
"""Servers list prompts, which are registered models underneath, only when they are asked for."""

T = TypeVar("T")


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

    @property
    def uri(self) -> str:
        return self._tracking.uri

    def experiments(self) -> Iterator[Experiment]:
        if self._runs is not None:
            for experiment_id in dict.fromkeys(run.experiment_id for run in self._runs):
                yield self._tracking.get_experiment(experiment_id)
        elif self._experiments is not None:
            yield from self._experiments
        else:
            yield from pages(
                lambda token: self._tracking.search_experiments(view_type=self._view, page_token=token)
            )

    def runs(self, experiment: Experiment) -> Iterator[Run]:
        if self._runs is not None:
            yield from (run for run in self._runs if run.experiment_id == experiment.experiment_id)
            return
        for run in pages(
            lambda token: self._tracking.search_runs(
                [experiment.experiment_id],
                order_by=["attributes.start_time ASC"],
                view_type=self._view,
                page_token=token,
            )
        ):
            yield self._tracking.get_run(run.run_id)  # a search does not tell which models it read

    def points(self, run: Run) -> Iterator[Metric]:
        for key in run.metrics:
            yield from self._tracking.metric_history(run.run_id, key)

    def logged_models(self, experiment: Experiment) -> Iterator[LoggedModel]:
        chosen = None if self._runs is None else {run.run_id for run in self._runs}
        for model in pages(
            lambda token: self._tracking.search_logged_models([experiment.experiment_id], page_token=token)
        ):
            if chosen is None or model.source_run_id in chosen:
                yield model

    def registered_models(self) -> Iterator[RegisteredModel]:
        for filter in ("", _PROMPTS):
            yield from pages(
                lambda token, filter=filter: self._tracking.search_registered_models(  # type: ignore[misc]
                    filter=filter, page_token=token
                )
            )

    def versions(self, model: RegisteredModel) -> Iterator[SourceVersion]:
        quoted = model.name.replace("'", "''")
        for version in pages(
            lambda token: self._tracking.search_model_versions(
                filter=f"name = '{quoted}'", max_results=1000, page_token=token
            )
        ):
            number = version.version
            aliases = tuple(alias for alias, pointed in model.aliases.items() if pointed == number)
            try:
                place = self._tracking.model_location(model.name, str(number))
            except TrackingError:
                place = None
            yield SourceVersion(version._replace(aliases=aliases), place)

    def files(self, owner: Run | LoggedModel, folder: str = "") -> Iterator[Artifact]:
        for artifact in self._tracking.list_artifacts(_id(owner), folder):
            if artifact.is_dir:
                yield from self.files(owner, artifact.path)
            else:
                yield artifact

    @contextmanager
    def file(self, owner: Run | LoggedModel, path: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="reprise-") as folder:
            file = Path(folder) / "artifact"
            self._tracking.download_artifact(_id(owner), path, file)
            yield file

    def close(self) -> None:
        self._tracking.close()


def pages(ask: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """What a search finds, of all pages; ``ask`` gets the token of each."""
    token: str | None = None
    while True:
        page = ask(token)
        yield from page.items
        if page.next_token is None or page.next_token == token:
            return
        token = page.next_token


def _id(owner: Run | LoggedModel) -> str:
    return owner.run_id if isinstance(owner, Run) else owner.model_id
