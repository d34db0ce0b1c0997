"""The stores that the tests of this room are about: our own, and in turn every kind there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.tracking.base import Tracking
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.tracking.stores import FACTORIES, WITH_MLFLOW, WITHOUT_MODELS

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


@pytest.fixture
def models(store: Tracking) -> Tracking:
    """The store, one that keeps models."""
    return store


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of models are not for a store that leaves them out; ``tests/plugins`` has the refusals."""
    left_out = [item for item in items if isinstance(item, pytest.Function) and _lacks_models(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _lacks_models(item: pytest.Function) -> bool:
    call = getattr(item, "callspec", None)
    return "models" in item.fixturenames and call is not None and call.params.get("store") in WITHOUT_MODELS
