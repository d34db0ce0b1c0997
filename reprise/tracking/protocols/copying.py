"""The two ends of a copy: what a ``CopySource`` yields and what a ``Destination`` takes.

A source yields what it holds as the values of ``schemas/entities.py``. What it cannot read it yields
as a ``Fault``, in between: one bad piece never ends the reading of its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Protocol

from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import (
    Experiment,
    LoggedModel,
    Metric,
    ModelVersion,
    RegisteredModel,
    Run,
    Trace,
)

TOMBSTONE = "Deleted_Internal"
"""The stage that MLflow gives to a version that was deleted; it keeps no more of it than the number."""

Owner = Run | LoggedModel | Trace
"""What has artifacts."""


class Fault(NamedTuple):
    """A piece that was not copied, and why.

    ``kind`` is the line of the census that it belongs to, ``owner`` the thing that has the piece, ``name``
    which of its pieces. ``pieces`` is how many they are, 0 where something was copied, but not as it was.
    """

    kind: str
    owner: str
    name: str
    reason: str
    pieces: int = 1
    hint: str | None = None


class Note(NamedTuple):
    """What a user should know of the copy, although nothing is missing."""

    text: str


class SourceFile(NamedTuple):
    """A file, by its path below the artifact root; ``modified`` in seconds since the epoch, where known."""

    path: str
    size: int | None = None
    modified: float | None = None


class Unseen(NamedTuple):
    """The folder of an owner's artifacts does not exist. Whether it had any is decided at the end:

    if files of others were found below the same ``root``, it had none.
    """

    root: str
    reason: str = "is not here"
    hint: str | None = None


class UnreachableFile(NamedTuple):
    """The artifacts of an owner are below ``root``, which cannot be read."""

    root: str
    reason: str
    hint: str | None = None


class SourceVersion(NamedTuple):
    """A model version, and the place of its files: (run or model id, artifact path); None: elsewhere."""

    version: ModelVersion
    place: tuple[str, str] | None


class SourceTrace(NamedTuple):
    """A trace, and the runs that it was linked to."""

    trace: Trace
    runs: tuple[str, ...] = ()


class CopyPlace(NamedTuple):
    """An owner of artifacts in a destination."""

    kind: Literal["run", "model", "trace"]
    id: str


class KeptAsItWas(NamedTuple):
    """A piece that the destination has otherwise than the source, and why it was left so."""

    kind: str
    name: str
    reason: str


class Home(NamedTuple):
    """An experiment of a destination; ``is_shared`` where it holds what is of other stores as well."""

    id: str
    is_shared: bool = False


class Put(NamedTuple):
    """A thing as it is in a destination now; ``id`` is empty where nothing was written.

    ``is_new`` also while an earlier copy of it is incomplete. ``saw_files``: an earlier copy had reached
    its artifacts. ``refused`` says why it could not be written.
    """

    id: str
    is_new: bool = False
    saw_files: bool = False
    kept: Sequence[KeptAsItWas] = ()
    notes: Sequence[str] = ()
    refused: str | None = None

    @property
    def is_made(self) -> bool:
        return bool(self.id)


class CopySource(Protocol):
    """Yield deleted items too, if the source still has them."""

    @property
    def uri(self) -> str: ...

    def read_experiments(self) -> Iterator[Experiment | Fault | Note]: ...

    def read_runs(self, experiment: Experiment) -> Iterator[Run | Fault | Note]:
        """Parents before their children."""
        ...

    def read_points(self, run: Run) -> Iterator[Metric | Fault | Note]:
        """Every point of every metric."""
        ...

    def logged_models(self, experiment: Experiment) -> Iterator[LoggedModel | Fault | Note]: ...

    def read_traces(self, experiment: Experiment) -> Iterator[SourceTrace | Fault | Note]: ...

    def registered_models(self) -> Iterator[RegisteredModel | Fault | Note]: ...

    def read_versions(self, model: RegisteredModel) -> Iterator[SourceVersion | Fault | Note]:
        """Each with the aliases that point at it; deleted ones in the stage ``TOMBSTONE``, if known."""
        ...

    def find_others(self) -> Iterator[Fault | Note]:
        """What the store holds besides, which is not copied."""
        ...

    def list_files(self, owner: Owner) -> Iterator[SourceFile | Fault | Unseen | UnreachableFile]: ...

    def open_file(self, owner: Owner, path: str) -> AbstractContextManager[Path]:
        """A local file with the content of the artifact; for remote ones it goes with the block."""
        ...

    def is_reached(self, root: str) -> bool:
        """Whether files were found below a root that was ``Unseen``."""
        ...

    def close(self) -> None: ...


class Destination(Protocol):
    """Every verb may be repeated with the same values. Names that are ``find_`` write nothing."""

    @property
    def uri(self) -> str: ...

    def put_experiment(self, experiment: Experiment) -> Put: ...

    def find_experiment(self, experiment: Experiment) -> Home | None:
        """Where what is in it goes."""
        ...

    def read_experiment(self, experiment_id: str) -> Experiment: ...

    def put_run(self, run: Run, experiment_id: str) -> Put: ...

    def find_run(self, run: Run, experiment_id: str) -> Run | None: ...

    def put_points(self, run_id: str, points: Sequence[Metric]) -> None: ...

    def read_points(self, run: Run) -> Iterator[Metric]: ...

    def end_run(self, run: Run, run_id: str, experiment_id: str) -> None:
        """After its models, points and files: what can only be written last."""
        ...

    def put_model(self, model: LoggedModel, experiment_id: str, run_id: str | None) -> Put:
        """``run_id`` is the id here of the run that made it."""
        ...

    def find_model(self, model: LoggedModel, experiment_id: str) -> LoggedModel | None: ...

    def put_trace(self, trace: SourceTrace, experiment_id: str) -> Put: ...

    def find_trace(self, trace: Trace, experiment_id: str) -> SourceTrace | None: ...

    def put_registered_model(self, model: RegisteredModel) -> Put: ...

    def find_registered_model(self, model: RegisteredModel) -> RegisteredModel | None: ...

    def put_aliases(self, model: RegisteredModel) -> Sequence[KeptAsItWas]:
        """After its versions."""
        ...

    def put_version(self, given: SourceVersion) -> Put: ...

    def drop_version(self, version: ModelVersion) -> Put:
        """Remove what an earlier copy brought of a version that the source deleted since."""
        ...

    def find_version(self, version: ModelVersion) -> ModelVersion | None: ...

    def list_files(self, place: CopyPlace) -> Mapping[str, SourceFile]:
        """All that is there already, by path."""
        ...

    def put_file(self, place: CopyPlace, source: Path, path: str) -> None: ...

    def digest_file(self, place: CopyPlace, path: str) -> str:
        """The SHA-256 of a file that is there, in hex."""
        ...

    def finish_copy(self, place: CopyPlace, *, saw_files: bool) -> None:
        """Note that a copy is complete."""
        ...


def identity_of(owner: Owner) -> str:
    if isinstance(owner, Run):
        return owner.run_id
    return owner.model_id if isinstance(owner, LoggedModel) else owner.trace_id


def title_of(owner: Owner) -> str:
    """How messages name it."""
    if isinstance(owner, Run):
        return f"run {owner.run_id}"
    if isinstance(owner, LoggedModel):
        return f"logged model {owner.model_id}"
    return f"trace {owner.trace_id}"
