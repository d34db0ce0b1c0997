"""The stores that the tests of this room are about: our own, and in turn every kind there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.tracking.base import Tracking
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.tracking.stores import FACTORIES, WITH_MLFLOW

_STORES = [
    pytest.param(name, marks=pytest.mark.mlflow if name in WITH_MLFLOW else (), id=name)
    for name in FACTORIES
]


@pytest.fixture
def embedded_store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "mlruns") as opened:
        yield opened


@pytest.fixture(scope="module", params=_STORES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    """Each kind of store in turn; the tests of a module share it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("store")
        patch.chdir(folder)
        patch.setenv("DO_NOT_TRACK", "true")
        with FACTORIES[request.param](folder) as opened:
            yield opened
            opened.close()
