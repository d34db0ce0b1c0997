"""The part of the talk that is about what is too long, too many, odd or twice."""

from __future__ import annotations

from typing import Any

from tests.server.conversation import Step

GET, POST, PUT, DELETE, PATCH = "GET", "POST", "PUT", "DELETE", "PATCH"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
INTERVAL = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
RUN = {"run_id": "{odd}"}


def _post(what: str, path: str, **body: Any) -> Step:
    return Step(f"limits: {what}", POST, path, body)


def _metric(what: str, **given: Any) -> Step:
    return _post(what, "runs/log-metric", **{**RUN, "key": "k", "value": 1, "timestamp": 1, **given})


def _named(noun: str, path: str, **given: Any) -> list[Step]:
    """Names that are fine, and names that are not."""
    names = {
        "slashes": "a/b/c",
        "all that is allowed": "a_B-1. /x:y",
        "250 characters": "k" * 250,
        "251 characters": "k" * 251,
        "a leading slash": "/a",
        "dots": "a/../b",
        "only a dot": ".",
        "double slashes": "a//b",
        "a newline": "a\nb",
        "a question mark": "a?",
        "letters of everywhere": "größe",
        "an emoji": "😀",
        "a blank": " ",
        "a quote": "a'b",
    }
    return [
        Step(f"limits: {noun} named with {what}", POST, path, {**RUN, **given, "key": name})
        for what, name in names.items()
    ]


STEPS = [
    Step(
        "limits: experiment",
        POST,
        "experiments/create",
        {"name": "odd"},
        {"odd experiment": ["experiment_id"]},
    ),
    Step(
        "limits: run",
        POST,
        "runs/create",
        {"experiment_id": "{odd experiment}", "start_time": 1},
        {"odd": ["run", "info", "run_id"]},
    ),
    *_named("metric", "runs/log-metric", value=1, timestamp=1),
    *_named("param", "runs/log-parameter", value="1"),
    *_named("tag", "runs/set-tag", value="1"),
    _metric("step below zero", step=-5),
    _metric("largest step", step=2**63 - 1),
    _metric("step too large", step=2**63),
    _metric("broken step", step=1.5),
    _metric("step of text", step="first"),
    _metric("timestamp below zero", timestamp=-1),
    _metric("timestamp of text", timestamp="now"),
    _metric("tiny value", value=5e-324),
    _metric("large value", value=1.7e308),
    _metric("whole value", value=10**15),
    _metric("value of a truth", value=True),
    _metric("null for a value", value=None),
    _metric("key of a number", key=5),
    Step("limits: metrics came back", GET, "metrics/get-history?run_id={odd}&metric_key=k"),
    _post("tag of 8000", "runs/set-tag", **RUN, key="long", value="x" * 8000),
    _post("tag without a value", "runs/set-tag", **RUN, key="empty"),
    _post("tag that renames the run", "runs/set-tag", **RUN, key="mlflow.runName", value="renamed"),
    Step("limits: run has its new name", GET, "runs/get?run_id={odd}"),
    _post("batch of nothing", "runs/log-batch", **RUN),
    _post(
        "batch with the same tag twice",
        "runs/log-batch",
        **RUN,
        tags=[{"key": "t", "value": "1"}, {"key": "t", "value": "2"}],
    ),
    _post(
        "batch with the same metric twice",
        "runs/log-batch",
        **RUN,
        metrics=[{"key": "m", "value": 1, "timestamp": 1}] * 2,
    ),
    _post(
        "batch of 100 params",
        "runs/log-batch",
        **RUN,
        params=[{"key": f"p{i}", "value": "1"} for i in range(100)],
    ),
    _post(
        "batch of 101 tags",
        "runs/log-batch",
        **RUN,
        tags=[{"key": f"t{i}", "value": "1"} for i in range(101)],
    ),
    _post(
        "batch of 1000 and one more",
        "runs/log-batch",
        **RUN,
        metrics=[{"key": f"m{i}", "value": 1, "timestamp": 1} for i in range(1000)],
        tags=[{"key": "one more", "value": "1"}],
    ),
    _post("batch with a bad name", "runs/log-batch", **RUN, params=[{"key": "a?", "value": "1"}]),
    _post("batch of metrics that is no list", "runs/log-batch", **RUN, metrics={"key": "m"}),
    _post("batch of words", "runs/log-batch", **RUN, metrics=["m"]),
    _post("batch to an unknown run", "runs/log-batch", run_id="0" * 32),
    _post("status that is none", "runs/update", **RUN, status="GREAT"),
    _post("status of a number", "runs/update", **RUN, status=3),
    _post("end before the start", "runs/update", **RUN, status="FAILED", end_time=0),
    _post("experiment of 500", "experiments/create", name="e" * 500),
    _post("experiment of 501", "experiments/create", name="e" * 501),
    _post("experiment of a number", "experiments/create", name=5),
    _post("experiment of blanks", "experiments/create", name="   "),
    _post("experiment with slashes", "experiments/create", name="a/b?c#d"),
    _post(
        "experiment with the same tag twice",
        "experiments/create",
        name="twice",
        tags=[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}],
    ),
    _post(
        "experiment with an odd place", "experiments/create", name="place", artifact_location="s3://b/c#d"
    ),
    _post("run of no experiment", "runs/create", start_time=1),
    _post("run of an odd experiment", "runs/create", experiment_id="abc"),
    _post(
        "run with two names",
        "runs/create",
        experiment_id="{odd experiment}",
        run_name="a",
        tags=[{"key": "mlflow.runName", "value": "b"}],
    ),
    _post("dataset without a name", "runs/log-inputs", **RUN, datasets=[{"dataset": {"digest": "d"}}]),
    _post("dataset without a digest", "runs/log-inputs", **RUN, datasets=[{"dataset": {"name": "d"}}]),
    _post("dataset that is none", "runs/log-inputs", **RUN, datasets=[{"tags": []}]),
    _post(
        "dataset with a long digest",
        "runs/log-inputs",
        **RUN,
        datasets=[{"dataset": {"name": "d", "digest": "d" * 37, "source_type": "a", "source": "b"}}],
    ),
    Step("limits: interval", GET, f"{INTERVAL}?run_ids={{one}}&metric_key=acc"),
    Step(
        "limits: interval of steps",
        GET,
        f"{INTERVAL}?run_ids={{run}}&metric_key=acc&start_step=2&end_step=3",
    ),
    Step("limits: interval of two runs", GET, f"{INTERVAL}?run_ids={{one}}&run_ids={{two}}&metric_key=acc"),
    Step("limits: interval of no run", GET, f"{INTERVAL}?metric_key=acc"),
    Step("limits: interval of no metric", GET, f"{INTERVAL}?run_ids={{one}}"),
    Step("limits: interval without an end", GET, f"{INTERVAL}?run_ids={{one}}&metric_key=acc&start_step=1"),
    Step(
        "limits: interval that runs backwards",
        GET,
        f"{INTERVAL}?run_ids={{one}}&metric_key=acc&start_step=5&end_step=2",
    ),
    Step("limits: interval of no points", GET, f"{INTERVAL}?run_ids={{one}}&metric_key=acc&max_results=0"),
    Step(
        "limits: interval of too many", GET, f"{INTERVAL}?run_ids={{one}}&metric_key=acc&max_results=2501"
    ),
    Step("limits: interval of an unknown run", GET, f"{INTERVAL}?run_ids=none&metric_key=acc"),
    *(
        _post(f"registered model named {name!r}", "registered-models/create", name=name)
        for name in ("a/b", "a:b", "a b", "..", "größe", "n" * 257)
    ),
    *(
        _post(
            f"alias {alias[:9]!r}", "registered-models/alias", name="sought-model", alias=alias, version="1"
        )
        for alias in ("latest", "v1", "V12", "a b", "ok_1-x", "a" * 256, "1")
    ),
    _post(
        "alias of no version",
        "registered-models/alias",
        name="sought-model",
        alias="a",
        version="one",
    ),
    _post(
        "stage that archives the others",
        "model-versions/transition-stage",
        name="sought-model",
        version="1",
        stage="production",
        archive_existing_versions=True,
    ),
    _post(
        "stage of the other",
        "model-versions/transition-stage",
        name="sought-model",
        version="2",
        stage="Production",
        archive_existing_versions=True,
    ),
    Step("limits: stages are as they should be", GET, "registered-models/get?name=sought-model"),
    _post(
        "stage that archives but is no stage to do so",
        "model-versions/transition-stage",
        name="sought-model",
        version="1",
        stage="Archived",
        archive_existing_versions=True,
    ),
    _post(
        "latest of an odd stage", "registered-models/get-latest-versions", name="sought-model", stages=["x"]
    ),
    _post(
        "version of an unknown model", "model-versions/create", name="sought-model", source="models:/none/1"
    ),
    _post(
        "copy of a version", "model-versions/create", name="sought-other", source="models:/sought-model/1"
    ),
    Step(
        "limits: copy has its source's files",
        GET,
        "model-versions/get-download-uri?name=sought-other&version=1",
    ),
    _post(
        "rename to a taken name", "registered-models/rename", name="sought-other", new_name="sought-model"
    ),
    _post("rename of nothing", "registered-models/rename", name="none", new_name="other"),
    _post("rename", "registered-models/rename", name="sought-other", new_name="sought-renamed"),
    Step("limits: the renamed has its versions", GET, "model-versions/get?name=sought-renamed&version=1"),
    Step("limits: file", PUT, f"{ARTIFACTS}/{{odd experiment}}/{{odd}}/artifacts/f.txt", b"0123456789"),
    Step("limits: file of a run", GET, "/get-artifact?run_id={odd}&path=f.txt"),
    Step("limits: file of a run by its old name", GET, "/get-artifact?run_uuid={odd}&path=f.txt"),
    Step("limits: no file of a run", GET, "/get-artifact?run_id={odd}&path=none"),
    Step("limits: file outside a run", GET, "/get-artifact?run_id={odd}&path=../../x"),
    Step("limits: file that is not there", GET, f"{ARTIFACTS}/{{odd experiment}}/{{odd}}/artifacts/none"),
    Step("limits: delete no file", DELETE, f"{ARTIFACTS}/{{odd experiment}}/{{odd}}/artifacts/none"),
    Step("limits: list nothing", GET, f"{ARTIFACTS}?path=987654321/none"),
    Step("limits: presigned", GET, "/api/2.0/mlflow-artifacts/presigned/x"),
    Step("limits: server-info", GET, "/api/3.0/mlflow/server-info"),
]
