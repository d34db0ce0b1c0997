"""Webhooks: who hears of what, how it is signed, and where it is never sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from reprise.errors import TrackingError
from reprise.server.delivery.network import NotPublic, PublicNetwork, check_url
from reprise.server.delivery.post import signature
from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import eventually

API = "/api/2.0/mlflow"


class Receiver(NamedTuple):
    url: str
    received: list[tuple[dict[str, str], bytes]]
    answers: list[int]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A server that keeps what it is sent; it answers with the ``answers`` given, then with 200."""
    received: list[tuple[dict[str, str], bytes]] = []
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((dict(self.headers.items()), body))
            self.send_response(answers.pop(0) if answers else 200)
            self.end_headers()
            self.wfile.write(b"thanks")

        def log_message(self, *values: Any) -> None:
            pass

    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Receiver(f"http://127.0.0.1:{server.server_port}/hook", received, answers)
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        EmbeddedStore(tmp_path / "mlruns") as store,
        Loopback.start(store, "0" * 32) as loopback,
        httpx.Client(base_url=f"{loopback.uri}{API}", timeout=60) as client,
    ):
        client.headers["Authorization"] = f"Bearer {loopback.environ['MLFLOW_TRACKING_TOKEN']}"
        yield client


def hook(client: httpx.Client, url: str, *events: str, **more: str) -> dict[str, Any]:
    given = [dict(zip(("entity", "action"), event.upper().split("."), strict=True)) for event in events]
    reply = client.post("/webhooks", json={"name": "hook", "url": url, "events": given, **more})
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()["webhook"]
    return answer


def events(receiver: Receiver) -> list[tuple[str, Any]]:
    sent = [json.loads(body) for _, body in receiver.received]
    return [(f"{event['entity']}.{event['action']}", event["data"]) for event in sent]


def test_a_webhook_is_told_of_what_it_asked_for(client: httpx.Client, receiver: Receiver) -> None:
    hook(client, receiver.url, "registered_model.created", "model_version_tag.set")
    client.post("/registered-models/create", json={"name": "m", "tags": [{"key": "a", "value": "b"}]})
    client.post("/model-versions/create", json={"name": "m", "source": "/tmp/m"})
    client.post("/model-versions/set-tag", json={"name": "m", "version": "1", "key": "k", "value": "v"})
    assert eventually(lambda: len(receiver.received) == 2)
    assert sorted(events(receiver)) == [
        ("model_version_tag.set", {"name": "m", "version": "1", "key": "k", "value": "v"}),
        ("registered_model.created", {"name": "m", "tags": {"a": "b"}, "description": ""}),
    ]


def test_prompts_have_events_of_their_own(client: httpx.Client, receiver: Receiver) -> None:
    hook(
        client,
        receiver.url,
        *("prompt.created", "prompt_version.created", "prompt_tag.set", "prompt_alias.created"),
        *("registered_model.created", "model_version.created", "model_version_alias.created"),
    )
    prompt = {"key": "mlflow.prompt.is_prompt", "value": "true"}
    text = {"key": "mlflow.prompt.text", "value": "Hi {{name}}"}
    client.post("/registered-models/create", json={"name": "p", "tags": [prompt]})
    client.post("/model-versions/create", json={"name": "p", "source": "x", "tags": [prompt, text]})
    client.post("/registered-models/set-tag", json={"name": "p", "key": "k", "value": "v"})
    client.post("/registered-models/alias", json={"name": "p", "alias": "best", "version": "1"})
    assert eventually(lambda: len(receiver.received) == 4)
    assert dict(events(receiver)) == {
        "prompt.created": {"name": "p", "tags": {}, "description": ""},
        "prompt_version.created": {
            "name": "p",
            "version": "1",
            "template": "Hi {{name}}",
            "tags": {},
            "description": None,
        },
        "prompt_tag.set": {"name": "p", "key": "k", "value": "v"},
        "prompt_alias.created": {"name": "p", "alias": "best", "version": "1"},
    }


def test_what_is_sent_is_signed_and_the_secret_never_comes_back(
    client: httpx.Client, receiver: Receiver
) -> None:
    made = hook(client, receiver.url, "registered_model.created", secret="s3cret")
    client.post("/registered-models/create", json={"name": "m"})
    assert eventually(lambda: len(receiver.received) == 1)
    headers, body = receiver.received[0]
    said = headers["X-MLflow-Signature"]
    delivery, timestamp = headers["X-MLflow-Delivery-Id"], headers["X-MLflow-Timestamp"]
    assert said == signature("s3cret", delivery, timestamp, body.decode())
    seen = [
        client.get(f"/webhooks/{made['webhook_id']}").text,
        client.get("/webhooks").text,
        client.patch(f"/webhooks/{made['webhook_id']}", json={"name": "other"}).text,
        json.dumps(made),
    ]
    assert not [text for text in seen if "s3cret" in text]


def test_the_signature_is_mlflows() -> None:
    assert signature("key", "id", "1", "{}") == "v1,5PVmP2AfJGwnp9flV+flrzfukNWA9zyUdqvI+IQalVs="


@pytest.mark.slow
def test_a_receiver_that_breaks_down_is_asked_again(client: httpx.Client, receiver: Receiver) -> None:
    receiver.answers.extend([503])
    hook(client, receiver.url, "registered_model.created")
    client.post("/registered-models/create", json={"name": "m"})
    assert eventually(lambda: len(receiver.received) == 2)
    assert receiver.received[0][1] == receiver.received[1][1]


def test_neither_a_refusal_nor_a_failure_holds_a_request_up(
    client: httpx.Client, receiver: Receiver
) -> None:
    receiver.answers.extend([400])
    hook(client, receiver.url, "registered_model.created")
    hook(client, "http://127.0.0.1:1/nobody", "registered_model.created")
    assert client.post("/registered-models/create", json={"name": "m"}).status_code == 200
    assert client.post("/registered-models/create", json={"name": "m"}).status_code == 400  # no event
    assert eventually(lambda: len(receiver.received) == 1)


def test_a_disabled_or_deleted_webhook_is_told_nothing(client: httpx.Client, receiver: Receiver) -> None:
    off = hook(client, receiver.url, "registered_model.created", status="DISABLED")
    gone = hook(client, receiver.url, "registered_model.created")
    client.delete(f"/webhooks/{gone['webhook_id']}")
    client.post("/registered-models/create", json={"name": "m"})
    client.patch(f"/webhooks/{off['webhook_id']}", json={"status": "ACTIVE"})
    client.post("/registered-models/create", json={"name": "n"})
    assert eventually(lambda: len(receiver.received) == 1)
    assert events(receiver)[0][1]["name"] == "n"


def test_a_test_says_what_came_back(client: httpx.Client, receiver: Receiver) -> None:
    made = hook(client, receiver.url, "prompt_version.created")
    result = client.post(f"/webhooks/{made['webhook_id']}/test", json={}).json()["result"]
    assert result == {"success": True, "response_status": 200, "response_body": "thanks"}
    receiver.answers.append(418)
    result = client.post(
        f"/webhooks/{made['webhook_id']}/test",
        json={"event": {"entity": "MODEL_VERSION", "action": "CREATED"}},
    ).json()["result"]
    assert (result["success"], result["response_status"]) == (False, 418)
    assert [name for name, _ in events(receiver)] == ["prompt_version.created", "model_version.created"]


def test_webhooks_are_listed_in_pages(client: httpx.Client) -> None:
    for _ in range(5):
        hook(client, "https://example.com/x", "registered_model.created")
    seen, query = [], "max_results=2"
    while True:
        page = client.get(f"/webhooks?{query}").json()
        seen += [webhook["webhook_id"] for webhook in page["webhooks"]]
        if "next_page_token" not in page:
            break
        query = f"max_results=2&page_token={page['next_page_token']}"
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("  ", "Webhook URL cannot be empty"),
        ("ftp://example.com", "Invalid webhook URL scheme"),
        ("file:///etc/passwd", "Invalid webhook URL scheme"),
        ("http://[bad", "Invalid webhook URL"),
        ("https://user:secret@example.com/", "neither a user"),
        ("https:///path", "it names a host"),
        ("http://127.0.0.1/", "non-public"),
        ("http://localhost:8080/", "non-public"),
        ("http://a.localhost./", "non-public"),
        ("http://10.1.2.3/", "non-public"),
        ("http://169.254.169.254/latest", "non-public"),
        ("http://[::1]/", "non-public"),
        ("http://[::ffff:10.0.0.1]/", "non-public"),
        ("http://[64:ff9b::7f00:1]/", "non-public"),
        ("http://0.0.0.0/", "non-public"),
    ],
)
def test_a_url_that_no_webhook_can_have_is_refused(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.delenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", raising=False)
    event = {"entity": "PROMPT", "action": "CREATED"}
    reply = client.post("/webhooks", json={"name": "hook", "url": url, "events": [event]})
    assert reply.status_code == 400 and said in reply.json()["message"]


def test_a_name_that_leads_into_a_private_network_is_not_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other spellings of an address, and names, are looked at when the connection is made."""
    monkeypatch.delenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", raising=False)
    for host in ("127.1", "2130706433", "localhost"):
        with pytest.raises(NotPublic):
            PublicNetwork().connect_tcp(host, 80, timeout=1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "-x"}, "Webhook name '-x' is invalid"),
        ({"events": []}, "events"),
        ({"events": [{"entity": "PROMPT", "action": "SET"}]}, "Invalid action 'set' for entity 'prompt'"),
        ({"status": "ASLEEP"}, "Invalid value 'ASLEEP' for parameter 'status' supplied"),
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused(
    client: httpx.Client, given: dict[str, Any], said: str
) -> None:
    event = {"entity": "PROMPT", "action": "CREATED"}
    body = {"name": "hook", "url": "https://example.com/", "events": [event], **given}
    reply = client.post("/webhooks", json=body)
    assert reply.status_code == 400 and said in reply.json()["message"]


def test_a_public_url_is_taken() -> None:
    check_url("https://example.com:8443/a?b=c")
    with pytest.raises(TrackingError):
        check_url("https://example.com:port/")
