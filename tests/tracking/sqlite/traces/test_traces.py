"""Traces in the embedded store: kept, searched, linked, judged, deleted."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.schemas.entities import Assessment, Trace
from reprise.schemas.traces.spans import Span
from reprise.tracking.sqlite.store import EmbeddedStore


def trace(trace_id: str, **given: object) -> Trace:
    return Trace(trace_id, "0", request_time=1000, state="OK", duration=5)._replace(**given)  # type: ignore[arg-type]


def feedback(trace_id: str, value: str, **given: object) -> Assessment:
    said = Assessment("", trace_id, "good", "feedback", f'{{"value": {value}}}', "HUMAN", "ada", 1, 1)
    return said._replace(**given)  # type: ignore[arg-type]


def found(store: EmbeddedStore, filter: str, *order: str) -> list[str]:
    return [item.trace_id for item in store.search_traces(["0"], filter=filter, order_by=order).items]


@pytest.fixture
def store(embedded_store: EmbeddedStore) -> Iterator[EmbeddedStore]:
    for number in range(5):
        given = trace(f"tr-{number}", request_time=1000 + number, tags={"n": str(number)})
        embedded_store.record_trace(given)
    yield embedded_store


def test_what_is_recorded_twice_is_there_once(store: EmbeddedStore) -> None:
    again = store.record_trace(trace("tr-1", state="ERROR", tags={"more": "1"}, request_preview="{}"))
    assert (again.state, again.request_preview) == ("ERROR", "{}")
    assert {"n", "more"} <= again.tags.keys()
    assert len(found(store, "")) == 5


def test_pages_are_whole(store: EmbeddedStore) -> None:
    seen: list[str] = []
    token = None
    while True:
        page = store.search_traces(["0"], max_results=2, page_token=token)
        seen += [item.trace_id for item in page.items]
        if (token := page.next_token) is None:
            break
    assert seen == ["tr-4", "tr-3", "tr-2", "tr-1", "tr-0"]


def test_a_run_finds_its_traces_and_those_that_are_linked(store: EmbeddedStore) -> None:
    run = store.create_run("0", start_time=1, user_id="ada").run_id
    store.record_trace(trace("tr-own", metadata={"mlflow.sourceRun": run}))
    store.link_traces(["tr-1"], run)
    assert sorted(found(store, f"run_id = '{run}'")) == ["tr-1", "tr-own"]


@pytest.mark.parametrize(
    ("value", "asked"), [("true", "true"), ("false", "false"), ("0.5", "0.5"), ('"fine"', "fine")]
)
def test_feedback_is_searched_by_its_value(store: EmbeddedStore, value: str, asked: str) -> None:
    store.create_assessment(feedback("tr-2", value))
    assert found(store, f"feedback.good = '{asked}'") == ["tr-2"]
    assert found(store, f"expectation.good = '{asked}'") == []


def test_feedback_that_is_overridden_counts_again_when_the_other_is_gone(store: EmbeddedStore) -> None:
    first = store.create_assessment(feedback("tr-2", "true"))
    second = store.create_assessment(feedback("tr-2", "false", overrides=first.assessment_id))
    assert found(store, "feedback.good = 'true'") == []
    store.delete_assessment("tr-2", second.assessment_id)
    assert found(store, "feedback.good = 'true'") == ["tr-2"]


def test_an_assessment_belongs_to_its_trace(store: EmbeddedStore) -> None:
    said = store.create_assessment(feedback("tr-2", "true"))
    with pytest.raises(TrackingError) as refused:
        store.get_assessment("tr-1", said.assessment_id)
    assert refused.value.code == "RESOURCE_DOES_NOT_EXIST"
    store.delete_assessment("tr-1", said.assessment_id)
    assert store.get_assessment("tr-2", said.assessment_id) == said
    stolen = trace("tr-3", assessments=(feedback("tr-3", "false", assessment_id=said.assessment_id),))
    store.record_trace(stolen)
    assert store.get_assessment("tr-2", said.assessment_id) == said


def test_the_oldest_are_deleted_first(store: EmbeddedStore) -> None:
    assert store.delete_traces("0", made_before=1003, max_traces=2) == 2
    assert found(store, "", "timestamp_ms ASC") == ["tr-2", "tr-3", "tr-4"]
    assert store.delete_traces("0", trace_ids=["tr-3", "none"]) == 1
    assert found(store, "") == ["tr-4", "tr-2"]


def test_the_spans_go_with_their_trace_and_nothing_else_does(store: EmbeddedStore, tmp_path: Path) -> None:
    for place in ("0/traces/tr-1/artifacts/traces.json", "0/traces/tr-2/artifacts/traces.json", "0/other"):
        with store.artifacts.writing(place) as stream:
            stream.write(b"{}")
    precious = tmp_path / "precious"
    precious.mkdir()
    store.set_trace_tag("tr-1", "mlflow.artifactLocation", (precious / "artifacts").as_uri())
    store.delete_traces("0", trace_ids=["tr-1"])
    assert precious.exists()
    assert [item.path for item in store.artifacts.list("0")] == ["0/other", "0/traces"]
    assert [item.path for item in store.artifacts.list("0/traces")] == ["0/traces/tr-2"]


@pytest.mark.parametrize("trace_id", ["", "..", "a/b", "a" * 101, "a b", "ä", "a\0"])
def test_an_id_that_could_be_a_path_is_refused(store: EmbeddedStore, trace_id: str) -> None:
    with pytest.raises(TrackingError) as refused:
        store.record_trace(trace(trace_id))
    assert refused.value.code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "filter",
    [
        "span.colour = 'x'",
        "span.attributes = 'x'",
        "span.name > 3",
        "metrics.a > 1",
        "feedback.good > 'x'",
        "timestamp_ms > 'x'",
    ],
)
def test_what_traces_cannot_be_asked_is_refused(store: EmbeddedStore, filter: str) -> None:
    with pytest.raises(TrackingError, match="search, character"):
        found(store, filter)


def span(trace_id: str, name: str, type: str, attributes: dict[str, object]) -> Span:
    kept = {key: json.dumps(value, ensure_ascii=False) for key, value in attributes.items()}
    content = json.dumps({"name": name, "attributes": kept}, ensure_ascii=False)
    return Span(trace_id, name, "root", name, type, "OK", 1_000_000, 2_000_000, content)


@pytest.fixture
def spans(store: EmbeddedStore) -> EmbeddedStore:
    sent = [
        span("tr-1", "chat", "LLM", {"colour": "blue", "a.b": 3}),
        span("tr-1", "look up", "TOOL", {"note": "größer als 100% 'zitiert'"}),
        span("tr-2", "chat", "TOOL", {"colour": "red"}),
    ]
    store.log_spans("0", [(item, {}) for item in sent])
    return store


@pytest.mark.parametrize(
    ("filter", "traces"),
    [
        ("span.name = 'chat'", ["tr-1", "tr-2"]),
        ("span.name LIKE 'look%'", ["tr-1"]),
        ("span.type IN ('TOOL')", ["tr-1", "tr-2"]),
        ("span.name = 'chat' AND span.type = 'TOOL'", ["tr-2"]),  # of one and the same span
        ("span.status != 'OK'", []),
        ("span.attributes.colour = 'blue'", ["tr-1"]),
        ("span.attributes.colour LIKE '%e%'", ["tr-1", "tr-2"]),
        ("span.attributes.a.b = '3'", ["tr-1"]),
        ("span.attributes.none = 'blue'", []),
        ("text LIKE '%größer%'", ["tr-1"]),
        ("trace.text ILIKE '%GET THE %'", ["tr-3"]),
        ("feedback.score > 0.5", ["tr-2"]),
        ("feedback.score <= 0.25 AND status = 'OK'", ["tr-1"]),
        ("feedback.score = 0.75", ["tr-2"]),
        ("feedback.score > 0", ["tr-1", "tr-2"]),
        ("prompt = 'greeting/1'", ["tr-3", "tr-4"]),
        ("prompt = 'greeting/2'", []),
    ],
)
def test_traces_are_found_by_what_is_in_them(spans: EmbeddedStore, filter: str, traces: list[str]) -> None:
    spans.create_assessment(feedback("tr-1", "0.25", name="score"))
    spans.create_assessment(feedback("tr-2", "0.75", name="score"))
    spans.create_assessment(feedback("tr-3", '"high"', name="score"))
    spans.record_trace(trace("tr-3", request_preview="get the answer"))
    spans.link_prompts("tr-3", ["greeting/1"])
    spans.set_trace_tag("tr-4", "mlflow.linkedPrompts", '[{"name": "greeting", "version": "1"}]')
    spans.set_trace_tag("tr-0", "mlflow.linkedPrompts", "not JSON")
    assert sorted(found(spans, filter)) == traces


@pytest.mark.parametrize(
    ("first", "second", "among", "counts", "npmi"),
    [
        ("span.type = 'LLM'", "status = 'OK'", "", (5, 1, 5, 1), 0.0),
        ("span.name = 'chat'", "span.type = 'TOOL'", "", (5, 2, 2, 2), 1.0),
        ("span.type = 'LLM'", "span.attributes.colour = 'red'", "", (5, 1, 1, 0), -1.0),
        ("span.type = 'LLM'", "span.name = 'chat'", "span.name = 'none'", (0, 0, 0, 0), None),
    ],
)
def test_two_filters_are_correlated(
    spans: EmbeddedStore, first: str, second: str, among: str, counts: tuple[int, ...], npmi: float | None
) -> None:
    """Both filters together may be about different spans of a trace."""
    found = spans.correlate_traces(["0"], first, second, among=among)
    assert tuple(found) == counts
    if npmi is None:
        assert math.isnan(found.npmi) and math.isnan(found.smoothed)
    else:
        assert found.npmi == pytest.approx(npmi)
        assert -1 <= found.smoothed <= 1


OF_2 = {
    "name": "chat",
    "context": {"span_id": "0xab", "trace_id": "0x1"},
    "parent_id": None,
    "start_time": 1_000_000,
    "end_time": 3_000_000,
    "status_code": "OK",
    "status_message": "",
    "attributes": {"mlflow.spanType": '"LLM"', "colour": '"blue"'},
    "events": [{"name": "e", "timestamp": 5, "attributes": {"a": 1}}],
}
OF_3 = {
    "trace_id": "AAAAAAAAAAAAAAAAAAAAAQ==",
    "span_id": "AAAAAAAAAAE=",
    "parent_span_id": "",
    "name": "chat",
    "start_time_unix_nano": 1_000_000,
    "end_time_unix_nano": 3_000_000,
    "events": [],
    "status": {"code": "STATUS_CODE_OK", "message": ""},
    "attributes": {"mlflow.spanType": '"LLM"', "colour": '"blue"'},
}


@pytest.mark.parametrize("span", [OF_2, OF_3])
def test_spans_of_a_file_are_searched_too(store: EmbeddedStore, span: dict[str, object]) -> None:
    """Clients before 3.4 write them to a file, and so do imports."""
    other = {**span, "name": "look up", "attributes": {}}
    broken = {**span, "span_id": 1, "context": {}}
    document = json.dumps({"spans": [span, {**other, **_other_id(other)}, broken, None]}).encode()
    with store.trace_artifacts("tr-1").writing("traces.json") as file:
        file.write(document)
    store.index_trace("tr-1")
    store.index_trace("tr-1")  # again is the same
    assert found(store, "span.type = 'LLM' AND span.attributes.colour = 'blue'") == ["tr-1"]
    assert found(store, "span.name = 'look up' AND span.status = 'OK'") == ["tr-1"]
    assert found(store, "text LIKE '%look up%'") == ["tr-1"]
    assert len(store.span_contents("tr-1")) == 2
    assert "mlflow.trace.spansLocation" not in store.get_trace("tr-1").tags


def _other_id(span: dict[str, object]) -> dict[str, object]:
    if "context" in span:
        return {"context": {"span_id": "0xcd", "trace_id": "0x1"}, "parent_id": "0xab"}
    return {"span_id": "AAAAAAAAAAI=", "parent_span_id": "AAAAAAAAAAE="}


@pytest.mark.parametrize("document", [b"", b"[]", b'{"spans": {}}', b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_spans_leaves_the_trace_as_it_is(store: EmbeddedStore, document: bytes) -> None:
    with store.trace_artifacts("tr-1").writing("traces.json") as file:
        file.write(document)
    store.index_trace("tr-1")
    store.index_trace("tr-2")  # it has no file
    store.index_trace("tr-none")
    assert not store.span_contents("tr-1")
