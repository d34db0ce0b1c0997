"""The talk itself: every verb that we speak, used well and used badly."""

from __future__ import annotations

from tests.server import steps_datasets, steps_limits, steps_search, steps_traces, steps_webhooks
from tests.server.conversation import Step

GET, POST, PATCH, DELETE, PUT = "GET", "POST", "PATCH", "DELETE", "PUT"

EXPERIMENTS = [
    Step(
        "create experiment",
        POST,
        "experiments/create",
        {"name": "talk", "tags": [{"key": "team", "value": "a"}]},
        {"experiment": ["experiment_id"]},
    ),
    Step("create it again", POST, "experiments/create", {"name": "talk"}),
    Step("create without name", POST, "experiments/create", {}),
    Step("create with empty name", POST, "experiments/create", {"name": ""}),
    Step("unknown fields are ignored", POST, "experiments/search", {"max_results": 1, "colour": "red"}),
    Step("get experiment", GET, "experiments/get?experiment_id={experiment}"),
    Step("get unknown experiment", GET, "experiments/get?experiment_id=987654321"),
    Step("get experiment without id", GET, "experiments/get"),
    Step("get by name", GET, "experiments/get-by-name?experiment_name=talk"),
    Step("get by unknown name", GET, "experiments/get-by-name?experiment_name=none"),
    Step("get by name without name", GET, "experiments/get-by-name"),
    Step("search experiments", POST, "experiments/search", {"filter": "name = 'talk'", "max_results": 5}),
    Step("search experiments by GET", GET, "experiments/search?max_results=5&filter=name%3D'talk'"),
    Step("search with a bad filter", POST, "experiments/search", {"filter": "name ~ 3", "max_results": 5}),
    Step("search with a bad view", POST, "experiments/search", {"view_type": "SOME", "max_results": 5}),
    Step(
        "tag experiment",
        POST,
        "experiments/set-experiment-tag",
        {"experiment_id": "{experiment}", "key": "k", "value": "v"},
    ),
    Step(
        "tag experiment without key",
        POST,
        "experiments/set-experiment-tag",
        {"experiment_id": "{experiment}", "value": "v"},
    ),
    Step(
        "delete experiment tag",
        POST,
        "experiments/delete-experiment-tag",
        {"experiment_id": "{experiment}", "key": "k"},
    ),
    Step(
        "delete missing experiment tag",
        POST,
        "experiments/delete-experiment-tag",
        {"experiment_id": "{experiment}", "key": "k"},
    ),
    Step(
        "rename experiment",
        POST,
        "experiments/update",
        {"experiment_id": "{experiment}", "new_name": "talk2"},
    ),
    Step("rename without name", POST, "experiments/update", {"experiment_id": "{experiment}"}),
    Step("delete experiment", POST, "experiments/delete", {"experiment_id": "{experiment}"}),
    Step("delete it again", POST, "experiments/delete", {"experiment_id": "{experiment}"}),
    Step("get deleted experiment", GET, "experiments/get?experiment_id={experiment}"),
    Step("create run in deleted experiment", POST, "runs/create", {"experiment_id": "{experiment}"}),
    Step("restore experiment", POST, "experiments/restore", {"experiment_id": "{experiment}"}),
    Step("restore it again", POST, "experiments/restore", {"experiment_id": "{experiment}"}),
]

RUNS = [
    Step(
        "create run",
        POST,
        "runs/create",
        {
            "experiment_id": "{experiment}",
            "user_id": "me",
            "start_time": 1700000000000,
            "run_name": "first",
            "tags": [{"key": "mlflow.user", "value": "me"}],
        },
        {"run": ["run", "info", "run_id"]},
    ),
    Step(
        "create run with time as text",
        POST,
        "runs/create",
        {"experiment_id": "{experiment}", "start_time": "1700000000001"},
        {"other": ["run", "info", "run_id"]},
    ),
    Step("create run in unknown experiment", POST, "runs/create", {"experiment_id": "987654321"}),
    Step("get run", GET, "runs/get?run_id={run}"),
    Step("get run by its old name", GET, "runs/get?run_uuid={run}&run_id={run}"),
    Step("get unknown run", GET, "runs/get?run_id=0123456789abcdef0123456789abcdef"),
    Step("get run without id", GET, "runs/get"),
    Step(
        "log metric",
        POST,
        "runs/log-metric",
        {"run_id": "{run}", "key": "acc", "value": 0.5, "timestamp": 1700000000000, "step": 1},
    ),
    Step(
        "log metric with text for numbers",
        POST,
        "runs/log-metric",
        {"run_id": "{run}", "key": "acc", "value": "0.75", "timestamp": "1700000000001", "step": "2"},
    ),
    Step(
        "log NaN",
        POST,
        "runs/log-metric",
        {"run_id": "{run}", "key": "nan", "value": "NaN", "timestamp": 1700000000000},
    ),
    Step(
        "log infinity",
        POST,
        "runs/log-metric",
        {"run_id": "{run}", "key": "inf", "value": "-Infinity", "timestamp": 1700000000000},
    ),
    Step(
        "log metric without value", POST, "runs/log-metric", {"run_id": "{run}", "key": "x", "timestamp": 1}
    ),
    Step(
        "log metric without key", POST, "runs/log-metric", {"run_id": "{run}", "value": 1, "timestamp": 1}
    ),
    Step(
        "log metric of no number",
        POST,
        "runs/log-metric",
        {"run_id": "{run}", "key": "x", "value": "high", "timestamp": 1},
    ),
    Step(
        "log metric to unknown run",
        POST,
        "runs/log-metric",
        {"run_id": "0123456789abcdef0123456789abcdef", "key": "x", "value": 1, "timestamp": 1},
    ),
    Step(
        "log metric with a bad name",
        POST,
        "runs/log-metric",
        {"run_id": "{run}", "key": "a\nb", "value": 1, "timestamp": 1},
    ),
    Step("log param", POST, "runs/log-parameter", {"run_id": "{run}", "key": "C", "value": "0.05"}),
    Step("log it again", POST, "runs/log-parameter", {"run_id": "{run}", "key": "C", "value": "0.05"}),
    Step("change it", POST, "runs/log-parameter", {"run_id": "{run}", "key": "C", "value": "0.06"}),
    Step("log empty param", POST, "runs/log-parameter", {"run_id": "{run}", "key": "empty", "value": ""}),
    Step("log param without key", POST, "runs/log-parameter", {"run_id": "{run}", "value": "1"}),
    Step(
        "log long param",
        POST,
        "runs/log-parameter",
        {"run_id": "{run}", "key": "long", "value": "x" * 6001},
    ),
    Step(
        "log batch",
        POST,
        "runs/log-batch",
        {
            "run_id": "{run}",
            "metrics": [{"key": "loss", "value": 1.5, "timestamp": 1700000000000, "step": 0}],
            "params": [{"key": "p", "value": "1"}, {"key": "q", "value": "2"}],
            "tags": [{"key": "t", "value": "1"}],
        },
    ),
    Step(
        "log batch with the same param twice",
        POST,
        "runs/log-batch",
        {"run_id": "{run}", "params": [{"key": "z", "value": "1"}, {"key": "z", "value": "2"}]},
    ),
    Step(
        "log batch that changes a param",
        POST,
        "runs/log-batch",
        {"run_id": "{run}", "params": [{"key": "p", "value": "7"}, {"key": "new", "value": "2"}]},
    ),
    Step(
        "log batch without a metric's key",
        POST,
        "runs/log-batch",
        {"run_id": "{run}", "metrics": [{"value": 1, "timestamp": 1}]},
    ),
    Step(
        "log batch of too many params",
        POST,
        "runs/log-batch",
        {"run_id": "{run}", "params": [{"key": f"p{i}", "value": "1"} for i in range(101)]},
    ),
    Step(
        "log batch of too many metrics",
        POST,
        "runs/log-batch",
        {"run_id": "{run}", "metrics": [{"key": f"m{i}", "value": 1, "timestamp": 1} for i in range(1001)]},
    ),
    Step("log batch to no run", POST, "runs/log-batch", {}),
    Step("set tag", POST, "runs/set-tag", {"run_id": "{run}", "key": "colour", "value": "blue"}),
    Step(
        "set tag by the run's old name",
        POST,
        "runs/set-tag",
        {"run_uuid": "{run}", "key": "k", "value": "v"},
    ),
    Step("set tag without key", POST, "runs/set-tag", {"run_id": "{run}", "value": "blue"}),
    Step("delete tag", POST, "runs/delete-tag", {"run_id": "{run}", "key": "k"}),
    Step("delete missing tag", POST, "runs/delete-tag", {"run_id": "{run}", "key": "k"}),
    Step(
        "log inputs",
        POST,
        "runs/log-inputs",
        {
            "run_id": "{run}",
            "datasets": [
                {
                    "tags": [{"key": "mlflow.data.context", "value": "train"}],
                    "dataset": {
                        "name": "iris",
                        "digest": "abc",
                        "source_type": "local",
                        "source": "{}",
                        "schema": "{}",
                        "profile": "{}",
                    },
                }
            ],
        },
    ),
    Step("log inputs without a run", POST, "runs/log-inputs", {"datasets": []}),
    Step("get run with data", GET, "runs/get?run_id={run}"),
    Step(
        "finish run",
        POST,
        "runs/update",
        {"run_id": "{run}", "status": "FINISHED", "end_time": 1700000009000},
    ),
    Step("rename run", POST, "runs/update", {"run_id": "{run}", "run_name": "second"}),
    Step("update unknown run", POST, "runs/update", {"run_id": "0123456789abcdef0123456789abcdef"}),
    Step("get history", GET, "metrics/get-history?run_id={run}&metric_key=acc"),
    Step("get history in pages", GET, "metrics/get-history?run_id={run}&metric_key=acc&max_results=1"),
    Step("get history of NaN", GET, "metrics/get-history?run_id={run}&metric_key=nan"),
    Step("get empty history", GET, "metrics/get-history?run_id={run}&metric_key=none"),
    Step("get history without key", GET, "metrics/get-history?run_id={run}"),
    Step("get history of no points", GET, "metrics/get-history?run_id={run}&metric_key=acc&max_results=0"),
    Step(
        "get bulk history",
        GET,
        "/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={run}&run_id={other}&metric_key=acc",
    ),
    Step("get bulk history of no run", GET, "/ajax-api/2.0/mlflow/metrics/get-history-bulk?metric_key=acc"),
    Step(
        "search datasets",
        POST,
        "/ajax-api/2.0/mlflow/experiments/search-datasets",
        {"experiment_ids": ["{experiment}"]},
    ),
    Step(
        "search runs",
        POST,
        "runs/search",
        {"experiment_ids": ["{experiment}"], "filter": "metrics.acc > 0.7 and params.C = '0.05'"},
    ),
    Step(
        "search runs in pages",
        POST,
        "runs/search",
        {"experiment_ids": ["{experiment}"], "max_results": 1, "order_by": ["attributes.start_time ASC"]},
    ),
    Step("search no runs", POST, "runs/search", {"experiment_ids": []}),
    Step("search runs badly", POST, "runs/search", {"experiment_ids": ["{experiment}"], "filter": "acc >"}),
    Step(
        "search too many", POST, "runs/search", {"experiment_ids": ["{experiment}"], "max_results": 50001}
    ),
    Step("delete run", POST, "runs/delete", {"run_id": "{other}"}),
    Step("get deleted run", GET, "runs/get?run_id={other}"),
    Step(
        "log to deleted run",
        POST,
        "runs/log-metric",
        {"run_id": "{other}", "key": "acc", "value": 0.5, "timestamp": 1},
    ),
    Step(
        "search deleted runs",
        POST,
        "runs/search",
        {"experiment_ids": ["{experiment}"], "run_view_type": "DELETED_ONLY"},
    ),
    Step("restore run", POST, "runs/restore", {"run_id": "{other}"}),
    Step("delete unknown run", POST, "runs/delete", {"run_id": "0123456789abcdef0123456789abcdef"}),
    Step(
        "log model",
        POST,
        "runs/log-model",
        {
            "run_id": "{run}",
            "model_json": (
                '{"artifact_path": "model", "flavors": {}, "run_id": "x",'
                ' "utc_time_created": "2024-01-01 00:00:00.000000"}'
            ),
        },
    ),
    Step("log model that is no JSON", POST, "runs/log-model", {"run_id": "{run}", "model_json": "{"}),
    Step("log model without fields", POST, "runs/log-model", {"run_id": "{run}", "model_json": "{}"}),
]

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"

FILES = [
    Step("put file", PUT, f"{ARTIFACTS}/{{experiment}}/{{run}}/artifacts/a/b.txt", b"hello"),
    Step("get file", GET, f"{ARTIFACTS}/{{experiment}}/{{run}}/artifacts/a/b.txt"),
    Step("list files", GET, f"{ARTIFACTS}?path={{experiment}}/{{run}}/artifacts"),
    Step("list files of a run", GET, "artifacts/list?run_id={run}"),
    Step("list files of a folder", GET, "artifacts/list?run_id={run}&path=a"),
    Step("list no files", GET, "artifacts/list?run_id={run}&path=none"),
    Step("list outside", GET, "artifacts/list?run_id={run}&path=../.."),
    Step("list the proxy's outside", GET, f"{ARTIFACTS}?path=../.."),
    Step("get outside", GET, f"{ARTIFACTS}/..%2f..%2fmlflow.db"),
    Step("put outside", PUT, f"{ARTIFACTS}/..%2f..%2fevil", b"x"),
    Step("begin multipart", POST, "/api/2.0/mlflow-artifacts/mpu/create/x", {"path": "x", "num_parts": 2}),
    Step("delete file", DELETE, f"{ARTIFACTS}/{{experiment}}/{{run}}/artifacts/a/b.txt"),
]

LOGGED_MODELS = [
    Step(
        "create model",
        POST,
        "logged-models",
        {
            "experiment_id": "{experiment}",
            "name": "m",
            "model_type": "agent",
            "source_run_id": "{run}",
            "params": [{"key": "depth", "value": "3"}],
            "tags": [{"key": "a", "value": "b"}],
        },
        {"model": ["model", "info", "model_id"]},
    ),
    Step("create model nowhere", POST, "logged-models", {"experiment_id": "987654321", "name": "m"}),
    Step("create model without experiment", POST, "logged-models", {"name": "m"}),
    Step("get model", GET, "logged-models/{model}"),
    Step("get unknown model", GET, "logged-models/m-unknown"),
    Step(
        "finish model",
        PATCH,
        "logged-models/{model}",
        {"model_id": "{model}", "status": "LOGGED_MODEL_READY"},
    ),
    Step("finish model without status", PATCH, "logged-models/{model}", {"model_id": "{model}"}),
    Step("tag model", PATCH, "logged-models/{model}/tags", {"tags": [{"key": "c", "value": "d"}]}),
    Step("delete model tag", DELETE, "logged-models/{model}/tags/c"),
    Step("delete missing model tag", DELETE, "logged-models/{model}/tags/c"),
    Step(
        "log model params",
        POST,
        "logged-models/{model}/params",
        {"model_id": "{model}", "params": [{"key": "width", "value": "4"}]},
    ),
    Step(
        "log metric of model",
        POST,
        "runs/log-metric",
        {"run_id": "{run}", "key": "f1", "value": 0.5, "timestamp": 1, "model_id": "{model}"},
    ),
    Step(
        "log outputs",
        POST,
        "runs/outputs",
        {"run_id": "{run}", "models": [{"model_id": "{model}", "step": 1}]},
    ),
    Step("log outputs without models", POST, "runs/outputs", {"run_id": "{run}"}),
    Step(
        "log model input", POST, "runs/log-inputs", {"run_id": "{run}", "models": [{"model_id": "{model}"}]}
    ),
    Step("get run with models", GET, "runs/get?run_id={run}"),
    Step(
        "put model file",
        PUT,
        f"{ARTIFACTS}/{{experiment}}/models/{{model}}/artifacts/MLmodel",
        b"flavors: {}",
    ),
    Step("list model files", GET, "logged-models/{model}/artifacts/directories"),
    Step("search models", POST, "logged-models/search", {"experiment_ids": ["{experiment}"]}),
    Step(
        "search models by metric",
        POST,
        "logged-models/search",
        {
            "experiment_ids": ["{experiment}"],
            "filter": "metrics.f1 > 0.4",
            "order_by": [{"field_name": "metrics.f1", "ascending": False}],
            "max_results": 5,
        },
    ),
    Step("search models nowhere", POST, "logged-models/search", {}),
]

REGISTRY = [
    Step(
        "register model",
        POST,
        "registered-models/create",
        {"name": "talk-model", "description": "d", "tags": [{"key": "a", "value": "b"}]},
    ),
    Step("register it again", POST, "registered-models/create", {"name": "talk-model"}),
    Step("register without name", POST, "registered-models/create", {}),
    Step("register bare model", POST, "registered-models/create", {"name": "bare"}),
    Step("get registered model", GET, "registered-models/get?name=talk-model"),
    Step("get bare model", GET, "registered-models/get?name=bare"),
    Step("get unknown registered model", GET, "registered-models/get?name=none"),
    Step(
        "create version",
        POST,
        "model-versions/create",
        {
            "name": "talk-model",
            "source": "models:/{model}",
            "run_id": "{run}",
            "model_id": "{model}",
            "description": "v",
            "tags": [{"key": "x", "value": "y"}],
        },
    ),
    Step(
        "create version of run",
        POST,
        "model-versions/create",
        {"name": "talk-model", "source": "runs:/{run}/model", "run_id": "{run}"},
    ),
    Step("create version of nothing", POST, "model-versions/create", {"name": "talk-model"}),
    Step(
        "create version of unknown model",
        POST,
        "model-versions/create",
        {"name": "none", "source": "s3://a/b"},
    ),
    Step("get version", GET, "model-versions/get?name=talk-model&version=1"),
    Step("get unknown version", GET, "model-versions/get?name=talk-model&version=99"),
    Step("get version of no number", GET, "model-versions/get?name=talk-model&version=one"),
    Step("model knows its version", GET, "logged-models/{model}"),
    Step(
        "describe version",
        PATCH,
        "model-versions/update",
        {"name": "talk-model", "version": "1", "description": "better"},
    ),
    Step("get download uri", GET, "model-versions/get-download-uri?name=talk-model&version=1"),
    Step("search versions", GET, "model-versions/search?filter=name%3D'talk-model'&max_results=10"),
    Step("search versions badly", GET, "model-versions/search?filter=oops"),
    Step(
        "tag version",
        POST,
        "model-versions/set-tag",
        {"name": "talk-model", "version": "1", "key": "k", "value": "v"},
    ),
    Step(
        "delete version tag",
        DELETE,
        "model-versions/delete-tag",
        {"name": "talk-model", "version": "1", "key": "k"},
    ),
    Step(
        "promote version",
        POST,
        "model-versions/transition-stage",
        {"name": "talk-model", "version": "1", "stage": "Production", "archive_existing_versions": False},
    ),
    Step(
        "promote to nowhere",
        POST,
        "model-versions/transition-stage",
        {"name": "talk-model", "version": "1", "stage": "Moon", "archive_existing_versions": False},
    ),
    Step(
        "set alias",
        POST,
        "registered-models/alias",
        {"name": "talk-model", "alias": "champ", "version": "1"},
    ),
    Step(
        "set alias of unknown version",
        POST,
        "registered-models/alias",
        {"name": "talk-model", "alias": "champ", "version": "42"},
    ),
    Step("get by alias", GET, "registered-models/alias?name=talk-model&alias=champ"),
    Step("get by unknown alias", GET, "registered-models/alias?name=talk-model&alias=none"),
    Step("get registered model with alias", GET, "registered-models/get?name=talk-model"),
    Step("delete alias", DELETE, "registered-models/alias", {"name": "talk-model", "alias": "champ"}),
    Step("get latest versions", POST, "registered-models/get-latest-versions", {"name": "talk-model"}),
    Step(
        "get latest production",
        GET,
        "registered-models/get-latest-versions?name=talk-model&stages=Production",
    ),
    Step(
        "tag registered model",
        POST,
        "registered-models/set-tag",
        {"name": "talk-model", "key": "k", "value": "v"},
    ),
    Step(
        "delete registered model tag",
        DELETE,
        "registered-models/delete-tag",
        {"name": "talk-model", "key": "k"},
    ),
    Step(
        "describe registered model",
        PATCH,
        "registered-models/update",
        {"name": "talk-model", "description": "new"},
    ),
    Step("search registered models", GET, "registered-models/search?filter=name%20LIKE%20'talk%25'"),
    Step("search too many registered models", GET, "registered-models/search?max_results=1001"),
    Step(
        "rename registered model", POST, "registered-models/rename", {"name": "bare", "new_name": "clothed"}
    ),
    Step("rename to nothing", POST, "registered-models/rename", {"name": "clothed"}),
    Step("delete version", DELETE, "model-versions/delete", {"name": "talk-model", "version": "2"}),
    Step("delete version again", DELETE, "model-versions/delete", {"name": "talk-model", "version": "2"}),
    Step("delete registered model", DELETE, "registered-models/delete", {"name": "clothed"}),
    Step("delete model", DELETE, "logged-models/{model}"),
    Step("get deleted model", GET, "logged-models/{model}"),
    Step("get deleted model all the same", GET, "logged-models/{model}?allow_deleted=true"),
]

ODDITIES = [
    Step("no JSON", POST, "runs/log-metric", b"{oops"),
    Step("no object", POST, "runs/get", b"[1]"),
    Step("a list where an object is due", POST, "runs/set-tag", b"[1]"),
    Step("a null is an absent field", POST, "runs/set-tag", b'{"run_id": null, "key": "k"}'),
    Step("nothing at all", POST, "runs/create", b""),
    Step("no such endpoint", GET, "runs/dance"),
    Step("health", GET, "/health"),
]

STEPS = [
    *steps_webhooks.STEPS,
    *steps_datasets.STEPS,
    *(*EXPERIMENTS, *RUNS, *FILES, *LOGGED_MODELS, *REGISTRY, *ODDITIES),
    *(*steps_search.STEPS, *steps_traces.STEPS, *steps_limits.STEPS),
]
