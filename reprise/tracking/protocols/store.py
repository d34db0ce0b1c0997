"""The protocol of a whole store, which the server and the pages are typed to.

A store without a subject inherits the protocol of this subject: each verb then raises ``NOT_IMPLEMENTED``,
and pages do not offer the subjects in ``leaves_out``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.tracking.protocols.artifacts import ArtifactStore
from reprise.tracking.protocols.assessments import AssessmentStore
from reprise.tracking.protocols.copying import Destination
from reprise.tracking.protocols.evaluation import EvaluationStore
from reprise.tracking.protocols.experiments import ExperimentStore
from reprise.tracking.protocols.garbage import Garbage
from reprise.tracking.protocols.models import LoggedModelStore
from reprise.tracking.protocols.registry import ModelRegistry
from reprise.tracking.protocols.run_data import RunDataStore
from reprise.tracking.protocols.run_views import RunViews
from reprise.tracking.protocols.runs import RunStore
from reprise.tracking.protocols.subjects import Subject
from reprise.tracking.protocols.sweeps import SweepViews
from reprise.tracking.protocols.traces import TraceStore
from reprise.tracking.protocols.webhooks import WebhookStore


class Snapshot(NamedTuple):
    """What a copy of a store's database holds; ``locations`` are the artifact roots of experiments."""

    experiments: int
    runs: int
    going_on: int
    locations: Sequence[str]


class TrackingStore(
    ExperimentStore,
    RunStore,
    RunDataStore,
    RunViews,
    SweepViews,
    LoggedModelStore,
    ModelRegistry,
    TraceStore,
    AssessmentStore,
    EvaluationStore,
    WebhookStore,
    ArtifactStore,
    Protocol,
):
    """A store whose data this process reads and writes itself; it can be served over HTTP.

    Each verb is one transaction, safe from any thread and any process, and is answered after its commit.
    """

    @property
    def leaves_out(self) -> Collection[Subject]:
        """The subjects whose verbs are refused."""
        ...

    @property
    def uri(self) -> str:
        """The tracking URI that a user would write; without userinfo."""
        ...

    @property
    def home(self) -> Path | None:
        """As :attr:`reprise.tracking.base.Tracking.home`."""
        ...

    @property
    def exists(self) -> bool:
        """As :attr:`reprise.tracking.base.Tracking.exists`."""
        ...

    @property
    def longest_param(self) -> int | None:
        """As :attr:`reprise.tracking.base.Tracking.longest_param`."""
        ...

    @property
    def own_store(self) -> TrackingStore:
        """Itself."""
        ...

    def environ(self, run_id: str) -> None:
        """None: the processes of a run need a facade."""

    def watching(self) -> AbstractContextManager[Callable[[], int]]:
        """A function whose answer changes when any process has written; for one thread at a time."""
        ...

    def explain(self, error: OSError) -> TrackingError:
        """What the system refused, as a sentence about the store."""
        ...

    def sweep_artifacts(self) -> None:
        """As :meth:`reprise.tracking.base.Tracking.sweep_artifacts`."""
        ...

    def make_room(self) -> None:
        """Give up the room that was kept for deletions and ends of runs, where the disk is full."""
        ...

    def stop_waiting(self) -> None:
        """Writes that wait for another process fail from now on: a server that ends waits for none."""
        ...

    def garbage(self) -> Garbage:
        """What was deleted from it."""
        ...

    def copy_database(self, target: Path) -> Snapshot:
        """Write a copy of the database, as it is at one moment, to the new file ``target``.

        Raises:
            TrackingError: the database is damaged.
        """
        ...

    def close(self) -> None:
        """Close every connection; a verb after that is a bug of the caller."""
        ...


class StoreDestination(TrackingStore, Destination, Protocol):
    """A store that takes a copy; what it holds is on the disk when it is closed."""

    def is_complete(self, run_id: str) -> bool:
        """Whether it has the run, and its copy was finished."""
        ...
