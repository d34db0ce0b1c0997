"""Evaluation datasets over HTTP: their records, tags, experiments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        EmbeddedStore(tmp_path / "mlruns") as store,
        Loopback.start(store, "0" * 32) as loopback,
        httpx.Client(base_url=f"{loopback.uri}/api/3.0/mlflow/datasets", timeout=60) as client,
    ):
        client.headers["Authorization"] = f"Bearer {loopback.environ['MLFLOW_TRACKING_TOKEN']}"
        yield client


def create(client: httpx.Client, name: str, **more: Any) -> dict[str, Any]:
    reply = client.post("/create", json={"name": name, **more})
    assert reply.status_code == 200, reply.text
    made: dict[str, Any] = reply.json()["dataset"]
    return made


def put(client: httpx.Client, dataset_id: str, *records: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = client.post(
        f"/{dataset_id}/records", json={"records": json.dumps(records)}
    ).json()
    return answer


def read(client: httpx.Client, dataset_id: str, query: str = "") -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(
        client.get(f"/{dataset_id}/records{query}").json()["records"]
    )
    return records


def names(client: httpx.Client, **asked: Any) -> list[str]:
    return [found["name"] for found in client.post("/search", json=asked).json().get("datasets", ())]


def test_a_record_with_the_same_inputs_is_merged(client: httpx.Client) -> None:
    made = create(client, "qa", tags=json.dumps({"mlflow.user": "ada"}))
    assert (made["created_by"], json.loads(made["tags"])) == ("ada", {"mlflow.user": "ada"})
    dataset = made["dataset_id"]
    first = {"inputs": {"q": "1+1", "n": 1}, "expectations": {"answer": "2"}, "tags": {"kind": "sum"}}
    assert put(client, dataset, first) == {"inserted_count": 1, "updated_count": 0}
    again = {"inputs": {"n": 1, "q": "1+1"}, "expectations": {"why": "sums"}, "outputs": "two"}
    other = {"inputs": {"q": "2+2"}}
    assert put(client, dataset, again, other) == {"inserted_count": 1, "updated_count": 1}
    records = read(client, dataset)
    assert [record["inputs"] for record in records] == [{"n": 1, "q": "1+1"}, {"q": "2+2"}]
    assert records[0]["expectations"] == {"answer": "2", "why": "sums"}
    assert (records[0]["outputs"], records[0]["tags"]) == ("two", {"kind": "sum"})
    now = client.get(f"/{dataset}").json()["dataset"]
    assert json.loads(now["profile"]) == {"num_records": 2}
    assert json.loads(now["schema"])["inputs"] == {"q": "string", "n": "integer"}
    assert now["digest"] != made["digest"]


def test_records_come_in_pages_and_are_deleted(client: httpx.Client) -> None:
    dataset = create(client, "many")["dataset_id"]
    put(client, dataset, *({"inputs": {"n": number}} for number in range(5)))
    page = client.get(f"/{dataset}/records?max_results=3").json()
    rest = read(client, dataset, f"?page_token={page['next_page_token']}")
    ids = [record["dataset_record_id"] for record in (*json.loads(page["records"]), *rest)]
    assert len(set(ids)) == 5
    gone = client.request("DELETE", f"/{dataset}/records", json={"dataset_record_ids": ids[:2]})
    assert gone.json() == {"deleted_count": 2}
    assert [record["inputs"] for record in read(client, dataset)] == [{"n": 2}, {"n": 3}, {"n": 4}]


def test_datasets_are_found_by_experiment_name_and_tag(client: httpx.Client) -> None:
    one = create(client, "one", experiment_ids=["0"], tags=json.dumps({"stage": "test"}))["dataset_id"]
    create(client, "two")
    assert names(client, experiment_ids=["0"]) == ["one"]
    assert names(client, filter_string="name LIKE 't%'") == ["two"]
    assert names(client, filter_string="tags.stage = 'test'") == ["one"]
    assert names(client, order_by=["name ASC"]) == ["one", "two"]
    client.post(f"/{one}/remove-experiments", json={"experiment_ids": ["0"]})
    assert names(client, experiment_ids=["0"]) == []
    added = client.post(f"/{one}/add-experiments", json={"experiment_ids": ["0"]}).json()["dataset"]
    assert added["experiment_ids"] == ["0"]
    assert client.get(f"/{one}/experiment-ids").json() == {"experiment_ids": ["0"]}


def test_tags_are_set_and_removed(client: httpx.Client) -> None:
    dataset = create(client, "tagged", tags=json.dumps({"a": "1", "b": "2"}))["dataset_id"]
    client.patch(f"/{dataset}/tags", json={"tags": json.dumps({"a": None, "c": "3"})})
    client.delete(f"/{dataset}/tags/b")
    assert json.loads(client.get(f"/{dataset}").json()["dataset"]["tags"]) == {"c": "3"}


def test_what_is_wrong_is_refused(client: httpx.Client) -> None:
    dataset = create(client, "strict")["dataset_id"]
    assert client.get("/d-none").status_code == 404
    assert client.get("/d-none/records").status_code == 404
    assert client.post("/create", json={"name": "x", "experiment_ids": ["99"]}).status_code == 404
    assert client.post("/create", json={"name": "x", "tags": "[1]"}).status_code == 400
    for records in ("{}", "[1]", "no JSON", '[{"outputs": 1}]', '[{"inputs": 1}]'):
        assert client.post(f"/{dataset}/records", json={"records": records}).status_code == 400
    assert read(client, dataset) == []
    assert client.delete(f"/{dataset}").status_code == 200
    assert client.get(f"/{dataset}").status_code == 404
