"""The same requests to a real MLflow server and to ours get the same answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.server.loopback import Loopback
from reprise.tracking.embedded import EmbeddedStore
from tests.fakes import mlflow_server
from tests.server.conversation import Reply, hold
from tests.server.steps import STEPS

ACCEPTED = {
    "search with a bad view": "MLflow ignores a word that it does not know; we name it",
    "get run with data": "MLflow stores infinity as the largest float and cuts long params; we keep both",
    "search runs": "as above",
    "search runs in pages": "as above",
    "get run with models": "as above; and the last point of a metric says which model it was measured on",
    "put file": "MLflow answers nothing, we an empty object",
    "put model file": "as above",
    "no object": "MLflow answers HTML where it has no endpoint",
    "no such endpoint": "as above",
    "a list where an object is due": "MLflow breaks down",
    "nothing at all": "the experiment is missing: MLflow calls that a bad request, elsewhere a bad value",
}


@pytest.fixture(scope="module")
def theirs() -> dict[str, Reply]:
    return hold(mlflow_server.tracking_uri(), STEPS)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reply]:
    folder: Path = tmp_path_factory.mktemp("ours")
    with EmbeddedStore(folder / "mlruns") as store, Loopback.start(store, "0" * 32) as loopback:
        return hold(loopback.uri, STEPS, loopback.environ["MLFLOW_TRACKING_TOKEN"])


@pytest.mark.mlflow
@pytest.mark.parametrize("what", [step.what for step in STEPS if step.what not in ACCEPTED])
def test_the_answer_is_mlflows(what: str, theirs: dict[str, Reply], ours: dict[str, Reply]) -> None:
    assert ours[what] == theirs[what]


@pytest.mark.mlflow
@pytest.mark.parametrize("what", ACCEPTED)
def test_an_accepted_difference_is_one(what: str, theirs: dict[str, Reply], ours: dict[str, Reply]) -> None:
    assert ours[what] != theirs[what]
    assert (ours[what].status == 200) is (theirs[what].status == 200) or what == "search with a bad view"
