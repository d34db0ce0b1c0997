"""The part of the talk that is about traces and what is said of them."""

from __future__ import annotations

from typing import Any

from tests.server.conversation import Step

GET, POST, PATCH, DELETE = "GET", "POST", "PATCH", "DELETE"
V3 = "/api/3.0/mlflow/traces"
TIME = "2025-01-02T03:04:05.678Z"


def _place(experiment: str = "{traced}") -> dict[str, Any]:
    return {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}


def _trace(trace_id: str, **info: Any) -> dict[str, Any]:
    given = {
        "trace_id": trace_id,
        "trace_location": _place(),
        "request_time": TIME,
        "execution_duration": "1.500s",
        "state": "OK",
        "tags": {"mlflow.traceName": "predict", "colour": "blue"},
        "trace_metadata": {"mlflow.trace_schema.version": "3", "mlflow.sourceRun": "r1"},
    }
    return {"trace": {"trace_info": {**given, **info}}}


def _said(name: str, **said: Any) -> dict[str, Any]:
    given = {
        "assessment_name": name,
        "trace_id": "tr-1",
        "source": {"source_type": "HUMAN", "source_id": "ada"},
        "create_time": TIME,
        "last_update_time": TIME,
    }
    return {"assessment": {**given, **said}}


ELSEWHERE = _place("{experiment}")

FILTERS = (
    "tags.colour = 'blue'",
    "tags.colour LIKE 'b%'",
    "tag.colour != 'blue'",
    "attributes.name = 'predict'",
    "trace.status = 'OK'",
    "status = 'ERROR'",
    "status != 'OK'",
    "timestamp_ms > 5",
    "attributes.timestamp < 5",
    "execution_time_ms = 1500",
    "execution_time > 9999",
    "request_metadata.`mlflow.sourceRun` = 'r1'",
    "metadata.`mlflow.sourceRun` != 'r1'",
    "run_id = 'r1'",
    "run_id = 'none'",
    "request_id = 'tr-1'",
    "attributes.request_id IN ('tr-1', 'tr-2')",
    "client_request_id = 'asked'",
    "name = 'predict' AND status = 'OK' AND tags.colour = 'blue'",
    "feedback.good = 'true'",
    "feedback.note = 'fine'",
    "expectation.answer = '42'",
    "bogus",
    "colour = 'red'",
    "timestamp_ms > 'soon'",
    "status >",
)


def _search(what: str, **asked: Any) -> Step:
    return Step(f"search traces: {what}", POST, f"{V3}/search", {"locations": [_place()], **asked})


STEPS = [
    Step(
        "traces: experiment", POST, "experiments/create", {"name": "traced"}, {"traced": ["experiment_id"]}
    ),
    Step("trace", POST, V3, _trace("tr-1", request_preview="{}", client_request_id="asked")),
    Step(
        "trace it again",
        POST,
        V3,
        _trace("tr-1", request_preview="{}", client_request_id="asked"),
    ),
    Step("trace of an error", POST, V3, _trace("tr-2", state="ERROR", tags={}, trace_metadata={"a": "b"})),
    Step("trace without a trace", POST, V3, {}),
    Step("trace nowhere", POST, V3, _trace("tr-3", trace_location=_place("987654321"))),
    Step("trace with a bad state", POST, V3, _trace("tr-4", state="GREAT", trace_location=ELSEWHERE)),
    Step(
        "trace with a bad time",
        POST,
        V3,
        _trace("tr-3", request_time="yesterday", trace_location=ELSEWHERE),
    ),
    Step(
        "trace with a bad duration",
        POST,
        V3,
        _trace("tr-3", execution_duration="long", trace_location=ELSEWHERE),
    ),
    Step("get trace", GET, f"{V3}/tr-1"),
    Step("get unknown trace", GET, f"{V3}/tr-0"),
    Step("get trace with spans that are not here", GET, f"{V3}/get?trace_id=tr-0"),
    Step("get several traces with spans", GET, f"{V3}/batchGet?trace_ids=tr-0"),
    Step("get trace the old way", GET, "traces/tr-1/info"),
    Step("get unknown trace the old way", GET, "traces/none/info"),
    Step("tag trace", PATCH, f"{V3}/tr-1/tags", {"key": "k", "value": "v"}),
    Step("tag trace the old way", PATCH, "traces/tr-1/tags", {"key": "k2", "value": "v"}),
    Step("tag trace without key", PATCH, "traces/tr-1/tags", {"value": "v"}),
    Step("delete trace tag", DELETE, "traces/tr-1/tags", {"key": "k"}),
    Step("delete trace tag again", DELETE, f"{V3}/tr-1/tags", {"key": "k"}),
    Step(
        "say it is good",
        POST,
        f"{V3}/tr-1/assessments",
        _said("good", feedback={"value": True}, rationale="because", metadata={"m": "n"}),
        {"good": ["assessment", "assessment_id"]},
    ),
    Step("say a text", POST, f"{V3}/tr-1/assessments", _said("note", feedback={"value": "fine"})),
    Step("expect a number", POST, f"{V3}/tr-1/assessments", _said("answer", expectation={"value": 42})),
    Step("say nothing", POST, f"{V3}/tr-1/assessments", _said("nothing")),
    Step("say it of an unknown trace", POST, f"{V3}/none/assessments", _said("x", feedback={"value": 1})),
    Step("get what was said", GET, f"{V3}/tr-1/assessments/{{good}}"),
    Step("get what was not said", GET, f"{V3}/tr-1/assessments/a-none"),
    *(_search(text, filter=text) for text in FILTERS),
    Step(
        "change what was said",
        PATCH,
        f"{V3}/tr-1/assessments/{{good}}",
        {
            "assessment": {"feedback": {"value": False}, "rationale": "x"},
            "update_mask": "feedback,rationale",
        },
    ),
    Step(
        "override it",
        POST,
        f"{V3}/tr-1/assessments",
        _said("good", feedback={"value": 0.5}, overrides="{good}"),
        {"better": ["assessment", "assessment_id"]},
    ),
    Step(
        "override nothing",
        POST,
        f"{V3}/tr-1/assessments",
        _said("good", feedback={"value": 0.5}, overrides="a-none"),
    ),
    Step("get trace with all that was said", GET, f"{V3}/tr-1"),
    Step("take it back", DELETE, f"{V3}/tr-1/assessments/{{better}}"),
    Step("get what is valid again", GET, f"{V3}/tr-1/assessments/{{good}}"),
    Step("take back what was not said", DELETE, f"{V3}/tr-1/assessments/a-none"),
    *(
        _search(f"by {order}", order_by=[order])
        for order in ("timestamp_ms ASC", "status DESC", "colour ASC")
    ),
    _search("one at a time", max_results=1),
    _search("too many", max_results=501),
    Step("search traces without a place", POST, f"{V3}/search", {}),
    Step("search traces the old way", GET, "traces?experiment_ids={traced}&max_results=5"),
    Step("search traces of nothing the old way", GET, "traces?max_results=5"),
    Step("get traces", POST, f"{V3}/batchGetInfos", {"trace_ids": ["tr-2", "none", "tr-1"]}),
    Step("link traces to a run", POST, "traces/link-to-run", {"trace_ids": ["tr-2"], "run_id": "{run}"}),
    _search("of the run", filter="run_id = '{run}'"),
    Step(
        "begin trace",
        POST,
        "traces",
        {
            "experiment_id": "{traced}",
            "timestamp_ms": 5,
            "request_metadata": [{"key": "a", "value": "b"}],
            "tags": [{"key": "c", "value": "d"}],
        },
        {"begun": ["trace_info", "request_id"]},
    ),
    Step("begin trace nowhere", POST, "traces", {"experiment_id": "987654321", "timestamp_ms": 5}),
    Step(
        "end trace",
        PATCH,
        "traces/{begun}",
        {"timestamp_ms": 15, "status": "OK", "tags": [{"key": "e", "value": "f"}]},
    ),
    Step("end unknown trace", PATCH, "traces/none", {"timestamp_ms": 15, "status": "OK"}),
    Step("delete traces of no time", POST, f"{V3}/delete-traces", {"experiment_id": "{traced}"}),
    Step(
        "delete traces in two ways",
        POST,
        "traces/delete-traces",
        {"experiment_id": "{traced}", "request_ids": ["tr-1"], "max_timestamp_millis": 5},
    ),
    Step(
        "delete trace", POST, "traces/delete-traces", {"experiment_id": "{traced}", "request_ids": ["tr-1"]}
    ),
    Step(
        "delete trace again",
        POST,
        "traces/delete-traces",
        {"experiment_id": "{traced}", "request_ids": ["tr-1"]},
    ),
    Step(
        "delete old traces",
        POST,
        "traces/delete-traces",
        {"experiment_id": "{traced}", "max_timestamp_millis": 9999999999999, "max_traces": 1},
    ),
    _search("that are left"),
]
