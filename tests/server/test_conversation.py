"""The same requests to a real MLflow server and to ours get the same answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.fakes import mlflow_server
from tests.server.conversation import Reply, hold
from tests.server.steps import STEPS

ACCEPTED = {
    "get run with data": "MLflow stores infinity as the largest float and cuts long params; we keep both",
    "search runs": "as above",
    "search runs in pages": "as above",
    "get run with models": "as above; and the last point of a metric says which model it was measured on",
    "put file": "MLflow answers nothing, we an empty object",
    "put model file": "as above",
    "limits: file": "as above",
    "no object": "MLflow answers HTML where it has no endpoint",
    "no such endpoint": "as above",
    "a list where an object is due": "MLflow breaks down",
    "limits: batch of words": "as above",
    "limits: stage that archives but is no stage to do so": "as above",
    "nothing at all": "the experiment is missing: MLflow calls that a bad request, elsewhere a bad value",
    "limits: run of no experiment": "as above",
    "begin multipart": "MLflow takes uploads in parts only for cloud storage, we for any",
    "search runs: attributes.run_name IN ('one', 'two')": "MLflow knows IN for run_id only",
    "search runs: run_name NOT IN ('one', 'two')": "as above",
    "search runs: params.opt IN ('adam')": "as above",
    "search experiments: name IN ('sought')": "as above",
    "search experiments: attributes.name != 'sought' AND name LIKE 'sou%'": "MLflow reads no 'attributes.'",
    "search experiments: by ['tags.kind']": "MLflow sorts experiments by attributes only",
    "search traces: expectation.answer = '42'": "MLflow compares the JSON of what was expected",
    "limits: metrics came back": "a consequence of the refusals below",
    "limits: experiment with the same tag twice": "MLflow says the experiment exists",
    "limits: delete no file": "MLflow does not say that there was none",
    "get records of unknown dataset": "MLflow answers for a dataset that is not there",
    "put records into unknown dataset": "as above",
    "delete records of unknown dataset": "as above",
    "delete tag of unknown dataset": "as above",
    "experiments of unknown dataset": "as above",
    "link prompts to a trace": "the trace may be on its way, so the link waits for it",
    "list experiments": "of 1.x clients, which MLflow's server answers no longer",
    "list registered models": "as above",
    "limits: server-info": "what it names is not ours: presigned URLs, a gateway",
}
"""Where our answer is another one, and why."""

REFUSED = {
    "search with a bad view": "MLflow ignores a word that it does not know; we name it",
    "trace with a bad state": "as above",
    "limits: status that is none": "as above",
    "limits: status of a number": "MLflow takes the numbers of protobuf's words too; no client sends them",
    "search runs: params.opt = 'adam' params.lr = '1'": "MLflow ignores what it does not understand",
    "search traces: timestamp_ms > 'soon'": "MLflow compares numbers with any text",
    "trace with a bad time": "MLflow takes it for 1970",
    "trace with a bad duration": "MLflow takes it for 0",
    "limits: step too large": "MLflow cuts numbers to what it can store",
    "limits: broken step": "as above",
    "limits: value of a truth": "MLflow takes true for 1",
    "limits: experiment of blanks": "nobody could name it",
    "limits: dataset without a name": "MLflow stores it under an empty name",
    "limits: dataset without a digest": "as above",
    "limits: dataset that is none": "as above",
}
"""What MLflow takes silently, and we refuse as a bad value."""


@pytest.fixture(scope="module")
def theirs() -> dict[str, Reply]:
    return hold(mlflow_server.tracking_uri(), STEPS)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reply]:
    folder: Path = tmp_path_factory.mktemp("ours")
    with EmbeddedStore(folder / "mlruns") as store, Loopback.start(store, "0" * 32) as loopback:
        return hold(loopback.uri, STEPS, loopback.environ["MLFLOW_TRACKING_TOKEN"])


DIFFERENT = {**ACCEPTED, **REFUSED}


@pytest.mark.mlflow
@pytest.mark.parametrize("what", [step.what for step in STEPS if step.what not in DIFFERENT])
def test_the_answer_is_mlflows(what: str, theirs: dict[str, Reply], ours: dict[str, Reply]) -> None:
    assert ours[what] == theirs[what]


@pytest.mark.mlflow
@pytest.mark.parametrize("what", ACCEPTED)
def test_an_accepted_difference_is_one(what: str, theirs: dict[str, Reply], ours: dict[str, Reply]) -> None:
    assert ours[what] != theirs[what]


@pytest.mark.mlflow
@pytest.mark.parametrize("what", REFUSED)
def test_what_mlflow_takes_silently_is_refused(
    what: str, theirs: dict[str, Reply], ours: dict[str, Reply]
) -> None:
    assert theirs[what].status == 200
    assert (ours[what].status, ours[what].body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.mlflow
def test_nothing_in_the_talk_is_an_error_of_ours(ours: dict[str, Reply]) -> None:
    assert {what: reply for what, reply in ours.items() if reply.status >= 500} == PRESIGNED


PRESIGNED = {"limits: presigned": Reply(501, {"error_code": "NOT_IMPLEMENTED", "message": "str"})}
