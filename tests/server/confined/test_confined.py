"""A confined run reads the store, and changes nothing in it but its own runs, models, traces and files."""

from __future__ import annotations

import gzip
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reprise.schemas.entities import Trace
from reprise.server.confined.ledger import Ledger
from reprise.server.confined.loopback import ConfinedLoopback
from reprise.server.loopback import Loopback
from reprise.tracking.names import now
from reprise.tracking.rest.store import RestTracking
from reprise.tracking.sqlite.store import EmbeddedStore


class Client:
    """What a script would send; ``store`` is what lies behind the facade."""

    def __init__(
        self, loopback: ConfinedLoopback, store: EmbeddedStore, ledger: Ledger, run_id: str
    ) -> None:
        self._uri = loopback.uri
        self._token = loopback.environ["MLFLOW_TRACKING_TOKEN"]
        self.store = store
        self.ledger = ledger
        self.run_id = run_id

    def send(
        self, method: str, path: str, body: bytes | None, token: str | None = None, **more: str
    ) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token or self._token}", "Content-Type": "application/json"}
        headers.update({name.replace("_", "-"): value for name, value in more.items()})
        request = urllib.request.Request(self._uri + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def ask(self, method: str, verb: str, **fields: Any) -> Any:
        path, body = f"/api/2.0/mlflow/{verb}", None
        if method == "GET":
            path += f"?{urllib.parse.urlencode(fields)}"
        else:
            body = json.dumps(fields).encode()
        return json.loads(self.send(method, path, body)[1])

    def upload(self, path: str, content: bytes) -> int:
        return self.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", content)[0]


@pytest.fixture(params=["embedded", "server"])
def client(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """In a store with a run of somebody else's, and a registry of which version 2 came later."""
    with ExitStack() as stack:
        store = stack.enter_context(EmbeddedStore(tmp_path / "mlruns"))
        other = store.create_run("0", start_time=1, user_id="u", run_name="other")
        store.create_registered_model("iris")
        store.create_model_version("iris", f"{other.artifact_uri}/model", run_id=other.run_id)
        since = now()
        with pytest.MonkeyPatch.context() as later:
            later.setattr("reprise.tracking.sqlite.model_versions.now", lambda: since + 1000)
            store.create_model_version("iris", f"{other.artifact_uri}/later")
            store.set_registered_model_alias("iris", "champion", "2")
            store.set_registered_model_alias("iris", "newest", "2")
        store.create_registered_model("retired")
        run = store.create_run("0", start_time=2, user_id="u", run_name="again")
        tracking: EmbeddedStore | RestTracking = store
        if request.param == "server":
            server = stack.enter_context(Loopback.start(store, run.run_id))
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", server.environ["MLFLOW_TRACKING_TOKEN"])
            tracking = RestTracking(server.uri)
            stack.callback(tracking.close)
        ledger = Ledger(run.run_id, "0")
        facade = ConfinedLoopback(
            tracking,
            run.run_id,
            "127.0.0.1",
            ledger=ledger,
            registry=tracking,
            since=since,
            aliases={"models:/iris@stable": "1", "models:/iris@champion": "1"},
            folder=tmp_path / "registry",
        )
        yield Client(stack.enter_context(facade.serve()), store, ledger, run.run_id)


def other_run(client: Client) -> Any:
    (run,) = client.store.search_runs(["0"], filter="attributes.run_name = 'other'").items
    return run


def test_own_run_is_written(client: Client) -> None:
    client.ask("POST", "runs/log-batch", run_id=client.run_id, params=[{"key": "C", "value": "1"}])
    client.ask("POST", "runs/set-tag", run_uuid=client.run_id, key="t", value="v")
    run = client.store.get_run(client.run_id)
    path = run.artifact_uri.removeprefix("mlflow-artifacts:/")
    assert client.upload(f"{path}/a.txt", b"mine") == 200
    assert run.params == {"C": "1"} and run.tags["t"] == "v"
    assert [file.path for file in client.store.list_artifacts(client.run_id)] == ["a.txt"]
    assert not client.ledger.notes


def test_runs_and_models_that_it_makes_are_its_own(client: Client) -> None:
    made = client.ask("POST", "runs/create", experiment_id="0", start_time=3, run_name="child")
    child = made["run"]["info"]["run_id"]
    client.ask("POST", "runs/log-metric", run_id=child, key="acc", value=0.9, timestamp=4)
    model = client.ask("POST", "logged-models", experiment_id="0", name="m", source_run_id=client.run_id)
    model_id = model["model"]["info"]["model_id"]
    client.ask("PATCH", f"logged-models/{model_id}", model_id=model_id, status="LOGGED_MODEL_READY")
    root = model["model"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
    assert client.upload(f"{root}/MLmodel", b"flavors: {}") == 200
    assert client.store.get_run(child).metrics["acc"].value == 0.9
    assert client.store.get_logged_model(model_id).status == "LOGGED_MODEL_READY"
    client.ask("POST", "runs/delete", run_id=child)
    assert client.store.get_run(child).lifecycle_stage == "deleted"
    assert len(client.ledger.notes) == 0


def test_other_runs_experiments_and_files_stay_as_they_are(client: Client) -> None:
    other = other_run(client)
    root = other.artifact_uri.removeprefix("mlflow-artifacts:/")
    answers = [
        client.ask("POST", "runs/set-tag", run_id=other.run_id, key="best", value="yes"),
        client.ask("POST", "runs/log-metric", run_id=other.run_id, key="acc", value=1, timestamp=4),
        client.ask("POST", "runs/delete", run_id=other.run_id),
        client.ask("POST", "experiments/set-experiment-tag", experiment_id="0", key="k", value="v"),
        client.ask("POST", "experiments/update", experiment_id="0", new_name="mine"),
    ]
    assert answers == [{}] * 5
    assert client.upload(f"{root}/a.txt", b"not mine") == 200
    assert client.store.get_run(other.run_id) == other
    assert client.store.list_artifacts(other.run_id) == []
    experiment = client.store.get_experiment("0")
    assert (experiment.name, experiment.tags) == ("Default", {})
    assert f'tag "best" of run {other.run_id[:8]} was not set' in client.ledger.notes
    assert client.ask("GET", "runs/get", run_id=other.run_id)["run"]["info"]["run_name"] == "other"


def send_span(client: Client, trace: str, **headers: str) -> tuple[int, bytes]:
    times = {"startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    span = {"traceId": trace, "spanId": "01" * 8, "name": "s", **times}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    if "Content_Encoding" in headers:
        body = gzip.compress(body)
    return client.send("POST", "/v1/traces", body, **{"x_mlflow_experiment_id": "0", **headers})


def test_traces_that_it_sends_are_its_own_and_those_of_others_stay(client: Client) -> None:
    """However they are sent: as spans, as a trace, or as what is said of one."""
    others = f"tr-{'cd' * 16}"
    client.store.record_trace(Trace(others, "0", request_time=1, state="OK"))
    assert send_span(client, "ab" * 16, Content_Encoding="gzip") == (200, b"{}")
    assert send_span(client, "ab" * 16) == (200, b"{}")
    own = f"tr-{'ab' * 16}"
    client.send("PATCH", f"/api/3.0/mlflow/traces/{own}/tags", b'{"key": "k", "value": "v"}')
    prompts = [{"name": "p", "version": "1"}]
    client.ask("POST", "traces/link-prompts", trace_id=own, prompt_versions=prompts)
    assert client.store.get_trace(own).tags["k"] == "v"
    assert client.store.prompts_of_trace(own) == ("p/1",)
    assert not any(client.ledger.notes)
    assert send_span(client, "cd" * 16) == (200, b"{}")
    assert send_span(client, "ef" * 16, x_mlflow_run_id=other_run(client).run_id) == (200, b"{}")
    place = {"mlflow_experiment": {"experiment_id": "0"}}
    info = {"trace_id": others, "state": "ERROR", "trace_location": place}
    client.send("POST", "/api/3.0/mlflow/traces", json.dumps({"trace": {"trace_info": info}}).encode())
    assert client.store.get_trace(others).state == "OK"
    assert not client.store.span_contents(others)
    assert len(client.store.search_traces(["0"]).items) == 2
    assert ["trace" in note for note in client.ledger.notes] == [True] * 3
    assert send_span(client, "")[0] in (400, 422)


def test_an_experiment_that_is_missing_is_not_created(client: Client) -> None:
    made = client.ask("POST", "experiments/create", name="new")
    assert made == {"experiment_id": "0"}
    found = client.ask("GET", "experiments/get-by-name", experiment_name="new")
    assert found["experiment"]["experiment_id"] == "0"
    assert client.ask("GET", "experiments/get-by-name", experiment_name="newer")["error_code"]
    assert (
        client.ask("POST", "experiments/create", name="Default")["error_code"] == "RESOURCE_ALREADY_EXISTS"
    )
    assert [item.name for item in client.store.search_experiments().items] == ["Default"]


def test_the_registry_is_seen_as_it_was(client: Client) -> None:
    found = client.ask("GET", "model-versions/search", filter="name = 'iris'")
    assert [version["version"] for version in found["model_versions"]] == ["1"]
    assert client.ask("GET", "model-versions/get", name="iris", version="2")["error_code"]
    for alias in ("champion", "stable"):  # moved since, and removed since
        found = client.ask("GET", "registered-models/alias", name="iris", alias=alias)
        assert found["model_version"]["version"] == "1"
    assert client.ask("GET", "registered-models/alias", name="iris", alias="newest")["error_code"]
    place = client.ask("GET", "model-versions/get-download-uri", name="iris", version="1")
    assert place["artifact_uri"] == f"{other_run(client).artifact_uri}/model"


def test_what_it_registers_is_seen_by_it_alone(client: Client) -> None:
    before = client.store.get_registered_model("iris")
    model = client.ask("POST", "logged-models", experiment_id="0", name="m", source_run_id=client.run_id)
    info = model["model"]["info"]
    refused = client.ask("POST", "registered-models/create", name="iris")
    assert refused["error_code"] == "RESOURCE_ALREADY_EXISTS"
    version = client.ask(
        "POST",
        "model-versions/create",
        name="iris",
        source=f"models:/{info['model_id']}",
        run_id=client.run_id,
        model_id=info["model_id"],
    )["model_version"]
    assert (version["version"], version["status"]) == ("2", "READY")  # as the original got it
    client.ask("POST", "registered-models/alias", name="iris", alias="champion", version="2")
    champion = client.ask("GET", "registered-models/alias", name="iris", alias="champion")["model_version"]
    assert (champion["version"], champion["run_id"]) == ("2", client.run_id)
    place = client.ask("GET", "model-versions/get-download-uri", name="iris", version="2")
    assert place["artifact_uri"] == info["artifact_uri"]
    client.ask("DELETE", "registered-models/delete", name="iris")
    assert (
        client.ask("GET", "registered-models/get", name="iris")["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    )
    assert client.store.get_registered_model("iris") == before
    assert client.ledger.notes == (
        'a version of model "iris" was not registered',
        'alias "champion" of model "iris" was not set',
        'DELETE registered-models/delete was not done (name "iris")',
    )


def test_a_model_that_was_new_then_is_new_again(client: Client) -> None:
    assert (
        client.ask("POST", "registered-models/create", name="fresh")["registered_model"]["name"] == "fresh"
    )
    version = client.ask(
        "POST",
        "model-versions/create",
        name="fresh",
        source=f"runs:/{client.run_id}/model",
        run_id=client.run_id,
    )
    assert version["model_version"]["version"] == "1"
    place = client.ask("GET", "model-versions/get-download-uri", name="fresh", version="1")["artifact_uri"]
    assert place == f"{client.store.get_run(client.run_id).artifact_uri}/model"
    assert not [model for model in client.store.search_registered_models().items if model.name == "fresh"]


def test_only_the_run_is_answered(client: Client) -> None:
    for method, path in (
        ("GET", f"/api/2.0/mlflow/runs/get?run_id={client.run_id}"),
        ("POST", "/api/2.0/mlflow/experiments/create"),
        ("GET", "/api/2.0/mlflow/registered-models/search"),
    ):
        assert client.send(method, path, b"{}" if method == "POST" else None, token="wrong")[0] == 401


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"run_id": 3}', b'{"run_id": null}', b"\xff", b"[" * 5000]
)
def test_bad_requests_change_nothing(client: Client, body: bytes) -> None:
    for verb in (
        "runs/set-tag",
        "runs/create",
        "logged-models",
        "experiments/create",
        "model-versions/create",
    ):
        status, _ = client.send("POST", f"/api/2.0/mlflow/{verb}", body)
        assert status < 500
    assert len(client.store.search_runs(["0"]).items) == 2


def test_many_withheld_changes_are_counted() -> None:
    ledger = Ledger("r", "0")
    for number in range(60):
        ledger.withhold(f"change {number}")
    assert len(ledger.notes) == 51 and ledger.notes[-1] == "10 more changes were not made"
