"""Every kind of store that satisfies ``Tracking``, each as a factory over an empty folder."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from reprise.tracking.base import Tracking
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.registry import open_tracking
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.plugins.memory.store import MemoryStore

Factory = Callable[[Path], AbstractContextManager[Tracking]]


@contextmanager
def embedded(folder: Path) -> Iterator[Tracking]:
    """As a run opens it: what no run needs comes with the first verb of it."""
    with closing(open_tracking(str(folder / "mlruns"), folder)) as store:
        yield store


@contextmanager
def memory(folder: Path) -> Iterator[Tracking]:
    """A store of another package, which leaves models, traces and the like out."""
    store = MemoryStore(folder)
    yield store
    store.close()


@contextmanager
def rest_memory(folder: Path) -> Iterator[Tracking]:
    """The same store behind our server."""
    with serving(MemoryStore(folder)) as served:
        yield served


@contextmanager
def mlflow_sqlite(folder: Path) -> Iterator[Tracking]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reprise.tracking.mlflow_library.adapter import MlflowTracking

        yield MlflowTracking(f"sqlite:///{folder}/mlflow.db")


@contextmanager
def rest_ours(folder: Path) -> Iterator[Tracking]:
    """Our own server, as a driver's nested runs see it."""
    with EmbeddedStore(folder / "mlruns") as store, serving(store) as served:
        yield served


@contextmanager
def serving(store: TrackingStore) -> Iterator[Tracking]:
    """``store`` behind a server of ours, over REST."""
    from reprise.server.loopback import Loopback
    from reprise.tracking.rest.store import RestTracking

    with Loopback.start(store, "0" * 32) as loopback, pytest.MonkeyPatch.context() as patch:
        for name, value in loopback.environ.items():
            patch.setenv(name, value)
        yield RestTracking(loopback.uri)


@contextmanager
def rest_mlflow(folder: Path) -> Iterator[Tracking]:
    """A real MLflow server."""
    from reprise.tracking.rest.store import RestTracking
    from tests.fakes import mlflow_server

    yield RestTracking(mlflow_server.tracking_uri())


FACTORIES: dict[str, Factory] = {
    "embedded": embedded,
    "memory": memory,
    "mlflow-sqlite": mlflow_sqlite,
    "rest-ours": rest_ours,
    "rest-memory": rest_memory,
    "rest-mlflow": rest_mlflow,
}
WITHOUT_MODELS = {"memory", "rest-memory"}
WITH_MLFLOW = {"mlflow-sqlite", "rest-mlflow"}
