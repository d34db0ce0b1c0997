"""How requests are read: from bodies, from queries, from both with names in the path."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from reprise.errors import TrackingError
from reprise.server.api import metrics
from reprise.server.api.logged_models import FinalizeLoggedModel, GetLoggedModel
from reprise.server.api.metrics import GetMetricHistoryBulk
from reprise.server.api.run_data import LogBatch, LogMetric
from reprise.server.api.runs import SearchRuns
from reprise.server.api.wire import number, read_body, read_query
from reprise.server.routes import VERBS
from tests.server.steps import STEPS


def test_numbers_may_be_text() -> None:
    body = b'{"run_uuid": "r", "key": "k", "value": "-Infinity", "timestamp": "12", "step": 3.0}'
    message = read_body(body, LogMetric, {})
    assert (message.run_id, message.value, message.timestamp, message.step) == ("r", -math.inf, 12, 3)


def test_a_name_in_the_path_is_a_field_and_wins() -> None:
    body = b'{"model_id": "m-other", "status": "LOGGED_MODEL_READY"}'
    assert read_body(body, FinalizeLoggedModel, {"model_id": "m-1"}).model_id == "m-1"


def test_nulls_are_absent_at_any_depth() -> None:
    point = b'{"key": "k", "value": 1, "timestamp": 2, "step": null}'
    body = b'{"run_id": "r", "params": null, "metrics": [' + point + b"]}"
    message = read_body(body, LogBatch, {})
    assert message.params == () and message.metrics[0].step == 0
    body = b'{"status": "LOGGED_MODEL_READY", "x": null}'
    assert read_body(body, FinalizeLoggedModel, {"model_id": "m"}).status == "LOGGED_MODEL_READY"


def test_a_null_does_not_stand_for_a_required_field() -> None:
    with pytest.raises(TrackingError, match="Missing value for required parameter 'run_id'"):
        read_body(b'{"run_id": null, "tags": null}', LogBatch, {})


def test_a_repeated_name_of_a_query_is_a_list_where_a_list_is_due() -> None:
    query = [("run_id", "a"), ("run_id", "b"), ("metric_key", "acc"), ("max_results", "5")]
    message = read_query(query, GetMetricHistoryBulk)
    assert (message.run_id, message.metric_key, message.max_results) == (("a", "b"), "acc", 5)
    assert read_query([("max_results", "1"), ("max_results", "2")], SearchRuns).max_results == 2


@pytest.mark.parametrize(("text", "meant"), [("true", True), ("False", False), ("1", True)])
def test_a_truth_value_of_a_query(text: str, meant: bool) -> None:
    assert read_query([("model_id", "m"), ("allow_deleted", text)], GetLoggedModel).allow_deleted is meant


@pytest.mark.parametrize("query", [[("max_results", "many")], [("run_view_type", "SOME")]])
def test_a_bad_query_names_the_parameter(query: list[tuple[str, str]]) -> None:
    with pytest.raises(TrackingError, match=query[0][0]):
        read_query(query, SearchRuns)


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.1, 0.1), (math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")],
)
def test_a_float_is_written_as_json_can_hold_it(value: float, written: Any) -> None:
    assert number(value) == written


def test_every_verb_stands_in_the_table_once() -> None:
    rows = [(verb.method, verb.path, version) for verb in VERBS for version in verb.versions]
    assert len(rows) == len(set(rows))


def test_every_verb_is_compared_with_mlflows_own_server() -> None:
    def asks(method: str, path: str, step_method: str, step_path: str) -> bool:
        way = step_path.partition("?")[0]
        asked = re.sub(r"^/(ajax-)?api/[23]\.0/mlflow/", "", way).split("/")
        parts = path.split("/")
        return (
            method == step_method
            and len(asked) == len(parts)
            and all(part == had or part.startswith("{") for part, had in zip(parts, asked, strict=True))
        )

    for verb in VERBS:
        assert any(asks(verb.method, verb.path, step.method, step.path) for step in STEPS), verb.path


def test_a_question_about_nothing_is_refused_in_mlflows_words() -> None:
    for kind, said in ((metrics.GetMetricHistoryBulk, "one run_id"), (metrics.SearchDatasets, "one exp")):
        with pytest.raises(TrackingError, match=f"request must specify at least {said}"):
            read_body(b'{"metric_key": "acc"}', kind, {})


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ([("max_results", "0")], "'max_results' supplied: it is not an integer of at least 1"),
        ([("max_results", "many")], "'max_results' supplied: it is not an integer of at least 1"),
        ([("metric_key", "")], "GetMetricHistoryBulk request must specify a metric_key"),
        ([("run_id", "b")] * 100, "cannot specify more than 100 run_ids"),
    ],
)
def test_a_value_out_of_bounds_is_told_the_bounds(query: list[tuple[str, str]], fault: str) -> None:
    given = [("run_id", "a"), ("metric_key", "k"), *query]
    with pytest.raises(TrackingError, match=re.escape(fault)):
        read_query(given, GetMetricHistoryBulk)
