"""Spans over HTTP, as OpenTelemetry's exporters and the newest MLflow clients send them."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from reprise.schemas.traces.otlp import read_json_spans, read_protobuf_spans
from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.fakes import mlflow_server

TRACE, ROOT, CHILD = "ab" * 16, "01" * 8, "02" * 8
TRACE_ID = f"tr-{TRACE}"
V3 = "/api/3.0/mlflow/traces"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[EmbeddedStore, httpx.Client]]:
    with (
        EmbeddedStore(tmp_path / "mlruns") as store,
        Loopback.start(store, "0" * 32) as loopback,
        httpx.Client(base_url=loopback.uri, timeout=60) as client,
    ):
        client.headers["Authorization"] = f"Bearer {loopback.environ['MLFLOW_TRACKING_TOKEN']}"
        yield store, client


def span(
    span_id: str = ROOT,
    parent: str = "",
    end: int = 2_000_000_000,
    attributes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "traceId": TRACE,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": f"span {span_id[:2]}",
        "startTimeUnixNano": "1000000000",
        "endTimeUnixNano": str(end),
        "status": {"code": 1},
        "attributes": [
            {"key": key, "value": {"stringValue": text}} for key, text in (attributes or {}).items()
        ],
    }


def send(
    client: httpx.Client, *spans: dict[str, Any], experiment: str = "0", **headers: str
) -> httpx.Response:
    body = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                "scopeSpans": [{"spans": list(spans)}],
            }
        ]
    }
    content = json.dumps(body).encode()
    if encoding := headers.get("content-encoding"):
        content = gzip.compress(content) if encoding == "gzip" else zlib.compress(content)
    return client.post(
        "/v1/traces",
        content=content,
        headers={"Content-Type": "application/json", "x-mlflow-experiment-id": experiment, **headers},
    )


Served = tuple[EmbeddedStore, httpx.Client]


def test_a_trace_is_open_until_its_root_comes(served: Served) -> None:
    store, client = served
    assert send(client, span(CHILD, ROOT)).status_code == 200
    trace = store.get_trace(TRACE_ID)
    assert (trace.state, trace.request_time, trace.duration) == ("IN_PROGRESS", 1000, 1000)
    assert send(client, span(end=5_000_000_000)).status_code == 200
    trace = store.get_trace(TRACE_ID)
    assert (trace.state, trace.duration) == ("OK", 4000)
    assert trace.tags["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    assert trace.tags["service.name"] == "shop"
    assert trace.tags["mlflow.traceName"] == "span 01"
    got = client.get(f"{V3}/get?trace_id={TRACE_ID}").json()["trace"]
    assert [span["name"] for span in got["spans"]] == ["span 01", "span 02"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_spans_may_be_packed(served: Served, encoding: str) -> None:
    store, client = served
    assert send(client, span(), **{"content-encoding": encoding}).status_code == 200
    assert len(store.span_contents(TRACE_ID)) == 1


def test_a_span_that_is_sent_twice_is_there_once(served: Served) -> None:
    store, client = served
    assert send(client, span(), span()).status_code == 200
    assert send(client, span(attributes={"colour": "blue"})).status_code == 200
    (content,) = store.span_contents(TRACE_ID)
    assert json.loads(content)["attributes"]["colour"] == '"blue"'


def test_tokens_are_counted_once_over_the_tree(served: Served) -> None:
    usage = json.dumps({"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})
    store, client = served
    for sent in (span(CHILD, ROOT), span("03" * 8, ROOT)):
        sent["attributes"] = [{"key": "mlflow.chat.tokenUsage", "value": _object(json.loads(usage))}]
        assert send(client, sent).status_code == 200
    said = json.loads(store.get_trace(TRACE_ID).metadata["mlflow.trace.tokenUsage"])
    assert said == {"input_tokens": 6, "output_tokens": 8, "total_tokens": 14}
    root = span()
    root["attributes"] = [{"key": "mlflow.chat.tokenUsage", "value": _object(json.loads(usage))}]
    assert send(client, root).status_code == 200
    assert json.loads(store.get_trace(TRACE_ID).metadata["mlflow.trace.tokenUsage"]) == json.loads(usage)


def test_conventions_of_other_instrumentations_are_understood(served: Served) -> None:
    store, client = served
    given = {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": "3",
        "gen_ai.usage.output_tokens": "4",
        "input.value": '{"question": "why"}',
        "session.id": "s1",
    }
    assert send(client, span(attributes=given)).status_code == 200
    trace = store.get_trace(TRACE_ID)
    assert json.loads(trace.metadata["mlflow.trace.tokenUsage"])["total_tokens"] == 7
    assert trace.metadata["mlflow.trace.session"] == "s1"
    assert trace.request_preview == '{"question": "why"}'
    assert store.search_traces(["0"], filter="span.type = 'CHAT_MODEL'").items


def test_a_run_that_a_header_names_finds_its_trace(served: Served) -> None:
    store, client = served
    run = store.create_run("0", start_time=1, user_id="ada").run_id
    assert send(client, span(), **{"x-mlflow-run-id": run}).status_code == 200
    assert [found.trace_id for found in store.search_traces(["0"], filter=f"run_id = '{run}'").items] == [
        TRACE_ID
    ]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {}, 400),
        (b"not json", {}, 400),
        (b"[1]", {}, 400),
        (b'{"resourceSpans": 5}', {}, 400),
        (b"\xff\xff", {"Content-Type": "application/x-protobuf"}, 400),
        (b"", {"Content-Type": "application/x-protobuf"}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 400),
        (b"{}", {"content-encoding": "gzip"}, 400),
        (b"{}", {"content-encoding": "zstd"}, 400),
        (gzip.compress(b"x" * (65 << 20)), {"content-encoding": "gzip"}, 413),
        (b"{}", {"x-mlflow-experiment-id": ""}, 422),
    ],
)
def test_what_is_no_export_is_refused(
    served: Served, content: bytes, headers: dict[str, str], status: int
) -> None:
    _, client = served
    base = {"Content-Type": "application/json", "x-mlflow-experiment-id": "0"}
    reply = client.post("/v1/traces", content=content, headers={**base, **headers})
    assert reply.status_code == status and reply.json()["error_code"]


def test_spans_of_an_unknown_experiment_or_without_an_id_are_refused(served: Served) -> None:
    _, client = served
    assert send(client, span(), experiment="77").status_code == 404
    assert send(client, {**span(), "traceId": ""}).status_code == 422
    assert send(client, {**span(), "traceId": "ab" * 40}).status_code == 422


def test_protobuf_says_what_json_says() -> None:
    sent = read_json_spans(
        json.dumps(
            {"resourceSpans": [{"scopeSpans": [{"spans": [{**span(), "attributes": ATTRIBUTES}]}]}]}
        ).encode()
    )
    fields = [
        _bytes(1, bytes.fromhex(TRACE)),
        _bytes(2, bytes.fromhex(ROOT)),
        _bytes(5, b"span 01"),
        _fixed(7, 1_000_000_000),
        _fixed(8, 2_000_000_000),
        *(_bytes(9, _bytes(1, key) + _bytes(2, value)) for key, value in VALUES.items()),
        _bytes(15, b"\x18\x01"),
    ]
    request = _bytes(1, _bytes(2, _bytes(2, b"".join(fields))))
    assert read_protobuf_spans(request) == sent


ATTRIBUTES = [
    {"key": "text", "value": {"stringValue": "a"}},
    {"key": "truth", "value": {"boolValue": True}},
    {"key": "less", "value": {"intValue": "-1"}},
    {"key": "half", "value": {"doubleValue": 0.5}},
    {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "b"}]}}},
]


def _bytes(number: int, value: bytes) -> bytes:
    length, head = len(value), bytes([number << 3 | 2])
    while length > 0x7F:
        head += bytes([length & 0x7F | 0x80])
        length >>= 7
    return head + bytes([length]) + value


def _fixed(number: int, value: int) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<Q", value)


VALUES = {
    b"text": _bytes(1, b"a"),
    b"truth": b"\x10\x01",
    b"less": b"\x18" + b"\xff" * 9 + b"\x01",
    b"half": b"\x21" + struct.pack("<d", 0.5),
    b"list": _bytes(5, _bytes(1, _bytes(1, b"b"))),
}


@pytest.mark.parametrize("length", range(0, 60, 7))
def test_a_message_that_breaks_off_is_no_crash(length: int) -> None:
    whole = _bytes(
        1, _bytes(2, _bytes(2, _bytes(1, b"x" * 16) + _bytes(2, b"y" * 8) + _bytes(5, b"z" * 20)))
    )
    try:
        read_protobuf_spans(whole[:length])
    except ValueError:
        pass


def _object(values: dict[str, int]) -> dict[str, Any]:
    pairs = [{"key": key, "value": {"intValue": number}} for key, number in values.items()]
    return {"kvlistValue": {"values": pairs}}


DIES = """
import os, mlflow
with mlflow.start_span("outer"):
    with mlflow.start_span("step1") as step:
        step.set_inputs({"a": 1})
    mlflow.flush_trace_async_logging()
    os._exit(9)
"""
LIVES = """
import mlflow
with mlflow.start_span("outer") as outer:
    outer.set_inputs({"question": "why?"})
    with mlflow.start_span("inner", span_type="LLM") as inner:
        inner.set_outputs([1, 2.5, None, {"a": True}])
mlflow.flush_trace_async_logging()
trace = mlflow.get_trace(outer.trace_id)
print(trace.info.state.value, sorted(span.name for span in trace.data.spans))
print([span.outputs for span in trace.data.spans if span.name == "inner"])
found = mlflow.search_traces(return_type="list", filter_string="span.name = 'inner'")
print([len(trace.data.spans) for trace in found])
"""


@pytest.mark.mlflow
def test_the_client_sends_its_spans_while_it_works(served: Served) -> None:
    store, client = served

    def perform(script: str) -> subprocess.CompletedProcess[str]:
        environ = {
            **mlflow_server.client_environ(Path.cwd()),
            "MLFLOW_TRACKING_URI": str(client.base_url),
            "MLFLOW_TRACKING_TOKEN": client.headers["Authorization"].removeprefix("Bearer "),
            "MLFLOW_EXPERIMENT_ID": "0",
        }
        return subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True)

    assert perform(DIES).returncode == 9
    (trace,) = store.search_traces(["0"]).items
    assert trace.state == "IN_PROGRESS"
    assert [json.loads(content)["name"] for content in store.span_contents(trace.trace_id)] == ["step1"]
    done = perform(LIVES)
    assert done.stdout.splitlines() == [
        "OK ['inner', 'outer']",
        "[[1, 2.5, None, {'a': True}]]",
        "[2]",
    ], done.stderr


@pytest.mark.parametrize(
    ("service", "shown"), [("gemini-cli", "gemini-cli"), ("my-app", None), (["a"], None), (None, None)]
)
def test_the_root_span_names_the_agent_that_made_it(
    served: tuple[EmbeddedStore, httpx.Client], service: Any, shown: str | None
) -> None:
    store, client = served
    value = {"arrayValue": {"values": []}} if isinstance(service, list) else {"stringValue": service}
    resource = {"attributes": [{"key": "service.name", "value": value}] if service else []}
    spans = [span(), span(CHILD, ROOT)]
    sent = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
    answer = client.post("/v1/traces", json=sent, headers={"x-mlflow-experiment-id": "0"})
    assert answer.status_code == 200
    root, child = (json.loads(content)["attributes"] for content in store.span_contents(TRACE_ID))
    assert root.get("service.name") == (shown and json.dumps(shown))
    assert "service.name" not in child
