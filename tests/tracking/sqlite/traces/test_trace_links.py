"""Links to traces that have not arrived when they are made."""

from __future__ import annotations

import pytest

from reprise.errors import TrackingError
from reprise.schemas.entities import Assessment, Trace
from reprise.tracking.sqlite.store import EmbeddedStore


@pytest.fixture
def run(embedded_store: EmbeddedStore) -> str:
    return embedded_store.create_run("0", start_time=1, user_id="ada").run_id


def trace(trace_id: str, **given: object) -> Trace:
    return Trace(trace_id, "0", request_time=1000, state="OK")._replace(**given)  # type: ignore[arg-type]


def found(store: EmbeddedStore, filter: str) -> list[str]:
    return sorted(item.trace_id for item in store.search_traces(["0"], filter=filter).items)


def test_a_link_waits_for_its_trace(embedded_store: EmbeddedStore, run: str) -> None:
    other = embedded_store.create_run("0", start_time=1, user_id="ada").run_id
    embedded_store.record_trace(trace("tr-here"))
    embedded_store.link_traces(["tr-here", "tr-later"], run)
    embedded_store.link_traces(["tr-later"], other)
    embedded_store.link_prompts("tr-later", ["greeting/1"])
    assert found(embedded_store, f"run_id = '{run}'") == ["tr-here"]
    embedded_store.record_trace(trace("tr-later"))
    assert found(embedded_store, f"run_id = '{run}'") == ["tr-here", "tr-later"]
    assert found(embedded_store, f"run_id = '{other}'") == ["tr-later"]
    assert embedded_store.prompts_of_trace("tr-later") == ("greeting/1",)


def test_a_link_that_was_made_does_not_come_back(embedded_store: EmbeddedStore, run: str) -> None:
    embedded_store.link_traces(["tr-1"], run)
    embedded_store.record_trace(trace("tr-1"))
    embedded_store.delete_traces("0", trace_ids=["tr-1"])
    embedded_store.record_trace(trace("tr-1"))
    assert found(embedded_store, f"run_id = '{run}'") == []


def test_a_link_to_what_can_be_no_trace_is_refused(embedded_store: EmbeddedStore, run: str) -> None:
    with pytest.raises(TrackingError, match="Invalid value 'a b' for parameter 'trace_id'"):
        embedded_store.link_traces(["a b"], run)
    with pytest.raises(TrackingError, match="more than 100"):
        embedded_store.link_traces([f"tr-{number}" for number in range(101)], run)


def test_assessments_of_a_trace_may_come_in_any_order(embedded_store: EmbeddedStore) -> None:
    first = Assessment("a-1", "tr-1", "good", "feedback", '{"value": true}', "HUMAN", "ada", 1, 1)
    second = first._replace(assessment_id="a-2", value='{"value": false}', overrides="a-1")
    kept = embedded_store.record_trace(trace("tr-1", assessments=(second, first._replace(valid=False))))
    assert {said.assessment_id: said.valid for said in kept.assessments} == {"a-2": True, "a-1": False}
