"""The stores that the tests of this room are about: our own, and in turn every kind there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.errors import TrackingError
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
def models(request: pytest.FixtureRequest, store: Tracking) -> Tracking:
    """The store, where it keeps models; one that leaves them out refuses each verb in the same words."""
    if request.node.callspec.params["store"] in WITHOUT_MODELS:
        for ask in (lambda: store.get_registered_model("iris"), lambda: store.model_location("iris", "1")):
            with pytest.raises(TrackingError, match="This store keeps no models") as refused:
                ask()
            assert refused.value.code == "NOT_IMPLEMENTED"
        pytest.skip("a store without models")
    return store
