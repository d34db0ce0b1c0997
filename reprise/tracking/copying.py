"""How experiments, runs and models are copied from one tracking store to another.

A ``Source`` yields what it holds as the values of ``schemas/entities.py``; a ``Destination`` takes them.
A run is copied in steps, each of which may be done again: it is begun, carrying the tag
``reprise.copy.incomplete``; its models, points and files follow; at last the tag goes. What was
interrupted is continued by doing the whole again; a run that is whole is not looked at twice, unless it
had not ended when it was copied.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from reprise.errors import RepriseError, TrackingError
from reprise.schemas.entities import (
    Artifact,
    Experiment,
    LoggedModel,
    Metric,
    ModelVersion,
    RegisteredModel,
    Run,
)

log = logging.getLogger(__name__)

POINTS_AT_ONCE = 10_000

TOMBSTONE = "Deleted_Internal"
"""The stage that MLflow gives to a version that was deleted; it keeps no more of it than the number."""

_HOPELESS = {"TEMPORARILY_UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED"}
"""What befalls everything that is still to be copied as well."""

T = TypeVar("T")


class Unreadable(NamedTuple):
    """Something in a source that cannot be copied, and why."""

    what: str
    reason: str


class SourceVersion(NamedTuple):
    """A model version, and where its files lie: (run or model id, artifact path); None: elsewhere."""

    version: ModelVersion
    place: tuple[str, str] | None


class Begun(NamedTuple):
    """A run or a logged model in a destination: its id there, and what is left to do.

    ``is_new`` also while an earlier copy of it is incomplete; neither new nor whole is what had not
    ended when it was copied.
    """

    id: str
    is_new: bool
    is_whole: bool


class Source(Protocol):
    """What is deleted is yielded as well, where the source still tells of it."""

    @property
    def uri(self) -> str: ...

    def experiments(self) -> Iterator[Experiment | Unreadable]: ...

    def runs(self, experiment: Experiment) -> Iterator[Run | Unreadable]:
        """Parents before their children."""
        ...

    def points(self, run: Run) -> Iterator[Metric]:
        """Every point of every metric."""
        ...

    def logged_models(self, experiment: Experiment) -> Iterator[LoggedModel | Unreadable]: ...

    def registered_models(self) -> Iterator[RegisteredModel | Unreadable]: ...

    def versions(self, model: RegisteredModel) -> Iterator[SourceVersion | Unreadable]:
        """Each with the aliases that point at it."""
        ...

    def files(self, owner: Run | LoggedModel) -> Iterator[Artifact]:
        """Every file, with its path below the owner's artifact root."""
        ...

    def file(self, owner: Run | LoggedModel, path: str) -> AbstractContextManager[Path]:
        """A local file with the content of the artifact; for remote ones it goes with the block."""
        ...

    def close(self) -> None: ...


class Destination(Protocol):
    """Every verb may be repeated with the same values."""

    @property
    def uri(self) -> str: ...

    def put_experiment(self, experiment: Experiment) -> tuple[str, bool]:
        """The id of the experiment of this name here, and whether it was made now."""
        ...

    def begin_run(self, run: Run, experiment_id: str) -> Begun: ...

    def put_points(self, run_id: str, points: Sequence[Metric]) -> None: ...

    def finish_run(self, run_id: str, run: Run) -> None: ...

    def begin_model(self, model: LoggedModel, experiment_id: str, run_id: str | None) -> Begun:
        """``run_id`` is the id here of the run that made it."""
        ...

    def finish_model(self, model_id: str, model: LoggedModel) -> None: ...

    def file_sizes(self, owner: str, folder: str) -> dict[str, int | None]:
        """The files that are in ``folder`` of a run or a logged model already, by path, in bytes."""
        ...

    def put_file(self, owner: str, source: Path, path: str) -> None: ...


class RegistryDestination(Destination, Protocol):
    def put_registered_model(self, model: RegisteredModel) -> bool:
        """Whether it was made now."""
        ...

    def put_version(self, given: SourceVersion) -> bool:
        """Whether it was made now. Raises ``RESOURCE_ALREADY_EXISTS`` when another has its number."""
        ...


class Count(NamedTuple):
    copied: int = 0
    there: int = 0  # already, before this copy


class Report(NamedTuple):
    """What was copied; ``size`` is bytes of files."""

    experiments: Count
    runs: Count
    logged_models: Count
    registered_models: Count
    model_versions: Count
    points: int
    files: int
    size: int
    problems: Sequence[str]


class Copying:
    """One copy from ``source`` to ``destination``; ``say`` hears what is being done.

    What cannot be copied is a warning and one of the report's problems, and the rest goes on.
    """

    def __init__(
        self,
        source: Source,
        destination: Destination,
        *,
        artifacts: bool = True,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._destination = destination
        self._artifacts = artifacts
        self._say = say
        self._copied: Counter[str] = Counter()
        self._there: Counter[str] = Counter()
        self._problems: list[str] = []
        self._hinted: set[str | None] = set()

    @property
    def report(self) -> Report:
        return Report(
            experiments=self._counted("experiment"),
            runs=self._counted("run"),
            logged_models=self._counted("logged model"),
            registered_models=self._counted("registered model"),
            model_versions=self._counted("model version"),
            points=self._copied["point"],
            files=self._copied["file"],
            size=self._copied["byte"],
            problems=tuple(self._problems),
        )

    def experiments(self) -> None:
        """Copy every experiment of the source with its runs and logged models."""
        for experiment in self._readable(self._source.experiments()):
            self._attempt(f"experiment {experiment.name!r}", self._experiment, experiment)

    def registry(self, destination: RegistryDestination) -> None:
        """Copy every registered model with its versions; after the runs that those come from."""
        for model in self._readable(self._source.registered_models()):
            self._attempt(f"registered model {model.name!r}", self._registered, destination, model)

    def _experiment(self, experiment: Experiment) -> None:
        here, made = self._destination.put_experiment(experiment)
        self._count("experiment", made)
        models: dict[str | None, list[LoggedModel]] = {}
        for model in self._readable(self._source.logged_models(experiment)):
            models.setdefault(model.source_run_id, []).append(model)
        for number, run in enumerate(self._readable(self._source.runs(experiment)), 1):
            self._say(f"{experiment.name}: run {number}, {run.run_name}")
            self._attempt(f"run {run.run_id}", self._run, run, here, models.pop(run.run_id, []))
        for orphan in (model for rest in models.values() for model in rest):
            self._attempt(f"logged model {orphan.model_id}", self._model, orphan, here, None)

    def _run(self, run: Run, experiment_id: str, models: Iterable[LoggedModel]) -> None:
        begun = self._destination.begin_run(run, experiment_id)
        for model in models:
            self._attempt(f"logged model {model.model_id}", self._model, model, experiment_id, begun.id)
        self._count("run", begun.is_new)
        if begun.is_whole:
            return
        for points in _pieces(self._source.points(run), POINTS_AT_ONCE):
            self._destination.put_points(begun.id, points)
            self._copied["point"] += len(points) if begun.is_new else 0
        self._files(run, begun.id)
        self._destination.finish_run(begun.id, run)

    def _model(self, model: LoggedModel, experiment_id: str, run_id: str | None) -> None:
        begun = self._destination.begin_model(model, experiment_id, run_id)
        self._count("logged model", begun.is_new)
        if not begun.is_whole:
            self._files(model, begun.id)
            self._destination.finish_model(begun.id, model)

    def _files(self, owner: Run | LoggedModel, here: str) -> None:
        if not self._artifacts:
            return
        known: dict[str, dict[str, int | None]] = {}
        for artifact in self._source.files(owner):
            folder = artifact.path.rpartition("/")[0]
            if folder not in known:
                known[folder] = self._destination.file_sizes(here, folder)
            if artifact.size is not None and known[folder].get(artifact.path) == artifact.size:
                continue
            with self._source.file(owner, artifact.path) as file:
                self._destination.put_file(here, file, artifact.path)
                self._copied["byte"] += file.stat().st_size
            self._copied["file"] += 1

    def _registered(self, destination: RegistryDestination, model: RegisteredModel) -> None:
        self._say(f"registered model {model.name}")
        self._count("registered model", destination.put_registered_model(model))
        for given in self._readable(self._source.versions(model)):
            what = f"version {given.version.version} of {model.name!r}"
            self._attempt(what, self._version, destination, given)

    def _version(self, destination: RegistryDestination, given: SourceVersion) -> None:
        self._count("model version", destination.put_version(given))

    def _readable(self, found: Iterable[T | Unreadable]) -> Iterator[T]:
        for item in found:
            if isinstance(item, Unreadable):
                self._problem(item.what, item.reason)
            else:
                yield item

    def _attempt(self, what: str, step: Callable[..., None], *values: object) -> None:
        try:
            step(*values)
        except RepriseError as error:
            if isinstance(error, TrackingError) and error.code in _HOPELESS:
                raise
            hint = f" ({error.hint})" if error.hint and error.hint not in self._hinted else ""
            self._hinted.add(error.hint)
            self._problem(what, f"{error.message}{hint}")
        except (OSError, ValueError) as error:
            self._problem(what, str(error))

    def _problem(self, what: str, reason: str) -> None:
        self._problems.append(f"{what}: {reason}")
        log.warning("%s: %s", what, reason)

    def _count(self, kind: str, copied: bool) -> None:
        (self._copied if copied else self._there)[kind] += 1

    def _counted(self, kind: str) -> Count:
        return Count(self._copied[kind], self._there[kind])


def read(what: str, reader: Callable[..., T], *values: object) -> T | Unreadable:
    """What ``reader`` makes of files or rows that anybody may have written."""
    try:
        return reader(*values)
    except RepriseError as error:
        return Unreadable(what, error.message)
    except (OSError, ValueError, LookupError, TypeError) as error:
        return Unreadable(what, f"cannot be read: {type(error).__name__}: {error}")


def _pieces(items: Iterator[T], most: int) -> Iterator[Sequence[T]]:
    while piece := list(islice(items, most)):
        yield piece
