"""The part of the talk that is about evaluation datasets."""

from __future__ import annotations

from tests.server.conversation import Step

GET, POST, PATCH, DELETE = "GET", "POST", "PATCH", "DELETE"
V3 = "/api/3.0/mlflow/datasets"

STEPS = [
    Step("create dataset without a name", POST, f"{V3}/create", {}),
    Step("search no datasets", POST, f"{V3}/search", {"filter_string": "name = 'none'"}),
    Step("search no datasets by GET", GET, f"{V3}/search?filter_string=name%3D'none'"),
    Step("get unknown dataset", GET, f"{V3}/d-none"),
    Step("get records of unknown dataset", GET, f"{V3}/d-none/records"),
    Step("put records into unknown dataset", POST, f"{V3}/d-none/records", {"records": "[]"}),
    Step(
        "delete records of unknown dataset", DELETE, f"{V3}/d-none/records", {"dataset_record_ids": ["a"]}
    ),
    Step("tag unknown dataset", PATCH, f"{V3}/d-none/tags", {"tags": "{}"}),
    Step("delete tag of unknown dataset", DELETE, f"{V3}/d-none/tags/k"),
    Step("experiments of unknown dataset", GET, f"{V3}/d-none/experiment-ids"),
    Step("link unknown dataset", POST, f"{V3}/d-none/add-experiments", {"experiment_ids": ["0"]}),
    Step("unlink unknown dataset", POST, f"{V3}/d-none/remove-experiments", {"experiment_ids": ["0"]}),
    Step("delete unknown dataset", DELETE, f"{V3}/d-none"),
    Step(
        "link prompts to a trace",
        POST,
        "traces/link-prompts",
        {"trace_id": "tr-1", "prompt_versions": [{"name": "greeting", "version": "1"}]},
    ),
    Step(
        "correlate filters of nothing",
        POST,
        "/api/3.0/mlflow/traces/calculate-filter-correlation",
        {"experiment_ids": ["0"], "filter_string1": "status = 'OK'"},
    ),
    Step(
        "measure traces by what there is not",
        POST,
        "/api/3.0/mlflow/traces/metrics",
        {
            "experiment_ids": ["0"],
            "view_type": "TRACES",
            "metric_name": "speed",
            "aggregations": [{"aggregation_type": "COUNT"}],
        },
    ),
    Step("list experiments", GET, "experiments/list"),
    Step("list registered models", GET, "registered-models/list"),
    Step("link no prompts to a trace", POST, "traces/link-prompts", {"trace_id": "tr-1"}),
]
