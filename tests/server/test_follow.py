"""Which experiment a run is moved to, from what its client looked up before it fetched the run."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reprise.schemas.tags import MOVED_FROM
from reprise.server.follow import Follow
from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore


def test_a_client_that_looks_nothing_up_leaves_the_run_where_it_is() -> None:
    assert Follow().fetched() is None


def test_the_experiment_looked_up_last_is_the_chosen_one() -> None:
    follow = Follow()
    follow.looked_up("1")
    follow.looked_up("2")
    follow.looked_up("1")
    assert follow.fetched() == "1"


def test_only_the_first_fetch_asks() -> None:
    follow = Follow()
    follow.fetched()
    follow.looked_up("1")
    assert follow.fetched() is None


def test_a_run_that_is_written_without_a_fetch_stays() -> None:
    follow = Follow()
    follow.looked_up("1")
    follow.written()
    assert follow.fetched() is None


def test_an_experiment_that_is_searched_was_looked_up_for_that() -> None:
    follow = Follow()
    follow.looked_up("chosen")
    follow.looked_up("compared")
    follow.searched(["compared"])
    assert follow.fetched() == "chosen"


def test_the_only_experiment_is_chosen_even_when_its_runs_are_searched() -> None:
    follow = Follow()
    follow.looked_up("chosen")
    follow.searched(["chosen", "never looked up"])
    assert follow.fetched() == "chosen"


class Client:
    """Speaks the few verbs of a client that was given a run."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._uri = environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/"
        self._headers = {
            "Authorization": f"Bearer {environ['MLFLOW_TRACKING_TOKEN']}",
            "Content-Type": "application/json",
        }

    def get(self, verb: str, **query: str) -> Any:
        return self._send(f"{verb}?{urllib.parse.urlencode(query)}", None)

    def post(self, verb: str, **body: Any) -> Any:
        return self._send(verb, json.dumps(body).encode())

    def _send(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self._uri + path, body, self._headers)
        with urllib.request.urlopen(request) as response:
            return json.load(response)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        yield store


@pytest.fixture
def run_id(store: EmbeddedStore) -> str:
    home = store.create_experiment("home")
    return store.create_run(home, start_time=1, user_id="me").run_id


def experiment_of(store: EmbeddedStore, run_id: str) -> str:
    return store.get_experiment(store.get_run(run_id).experiment_id).name


def test_the_run_moves_to_an_experiment_found_by_name(store: EmbeddedStore, run_id: str) -> None:
    home = store.get_run(run_id).experiment_id
    store.create_experiment("chosen")
    with Loopback.start(store, run_id) as loopback:
        client = Client(loopback.environ)
        chosen = client.get("experiments/get-by-name", experiment_name="chosen")["experiment"]
        run = client.get("runs/get", run_id=run_id)["run"]
    assert run["info"]["experiment_id"] == chosen["experiment_id"]
    assert store.get_run(run_id).tags[MOVED_FROM] == home


def test_the_run_moves_to_an_experiment_made_by_the_script(store: EmbeddedStore, run_id: str) -> None:
    with Loopback.start(store, run_id) as loopback:
        client = Client(loopback.environ)
        made = client.post("experiments/create", name="made")["experiment_id"]
        client.get("experiments/get", experiment_id=made)
        client.get("runs/get", run_id=run_id)
    assert experiment_of(store, run_id) == "made"


def test_the_run_stays_when_its_own_experiment_is_chosen(store: EmbeddedStore, run_id: str) -> None:
    with Loopback.start(store, run_id) as loopback:
        client = Client(loopback.environ)
        client.get("experiments/get-by-name", experiment_name="home")
        client.get("runs/get", run_id=run_id)
    assert experiment_of(store, run_id) == "home"
    assert MOVED_FROM not in store.get_run(run_id).tags


def test_the_run_does_not_follow_into_a_deleted_experiment(store: EmbeddedStore, run_id: str) -> None:
    store.delete_experiment(store.create_experiment("gone"))
    with Loopback.start(store, run_id) as loopback:
        client = Client(loopback.environ)
        client.get("experiments/get-by-name", experiment_name="gone")
        client.get("runs/get", run_id=run_id)
    assert experiment_of(store, run_id) == "home"


def test_other_runs_are_not_moved(store: EmbeddedStore, run_id: str) -> None:
    other = store.create_run("0", start_time=1, user_id="me").run_id
    with Loopback.start(store, run_id) as loopback:
        client = Client(loopback.environ)
        client.post("experiments/create", name="made")
        client.get("runs/get", run_id=other)
    assert store.get_run(other).experiment_id == "0"
    assert experiment_of(store, run_id) == "home"


def test_a_nested_run_is_followed_by_the_name_in_its_token(store: EmbeddedStore, run_id: str) -> None:
    nested = store.create_run("0", start_time=1, user_id="me").run_id
    with Loopback.start(store, run_id) as loopback:
        secret = loopback.environ["MLFLOW_TRACKING_TOKEN"].partition(".")[0]
        child = Client({**loopback.environ, "MLFLOW_TRACKING_TOKEN": f"{secret}.{nested}"})
        child.post("experiments/create", name="made")
        Client(loopback.environ).get("runs/get", run_id=run_id)
        child.get("runs/get", run_id=nested)
    assert experiment_of(store, run_id) == "home"
    assert experiment_of(store, nested) == "made"


def test_the_first_version_of_an_alias_is_noted(store: EmbeddedStore) -> None:
    run_id = store.create_run("0", start_time=1, user_id="u").run_id
    store.create_registered_model("iris")
    for _ in range(2):
        store.create_model_version("iris", "mlflow-artifacts:/0/m")
    with Loopback.start(store, run_id) as loopback:
        for version in ("1", "2"):
            store.set_registered_model_alias("iris", "best", version)
            token = loopback.environ["MLFLOW_TRACKING_TOKEN"]
            url = f"{loopback.uri}/api/2.0/mlflow/registered-models/alias?name=iris&alias=best"
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request) as answer:
                assert json.load(answer)["model_version"]["version"] == version
    assert loopback.aliases == {"models:/iris@best": "1"}
