"""The part of the talk that is about the search language: the same filters, orders and pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.server.conversation import Step

POST, GET = "POST", "GET"

RUNS = [
    ("one", {"lr": "0.1", "opt": "adam"}, {"acc": 0.9, "loss": 0.3}, {"team": "Vision", "a b": "x"}),
    ("two", {"lr": "0.01", "opt": "sgd"}, {"acc": 0.8, "loss": 0.5}, {"team": "audio"}),
    ("three", {"lr": "1", "opt": "Adam"}, {"acc": 0.7}, {"team": "vision", "extra": "1"}),
    ("four", {"opt": "none"}, {"loss": 0.3}, {}),
]


def _pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _given() -> list[Step]:
    steps = [
        Step(
            "search: experiment",
            POST,
            "experiments/create",
            {"name": "sought", "tags": _pairs({"kind": "Search"})},
            {"sought": ["experiment_id"]},
        )
    ]
    for number, (name, params, metrics, tags) in enumerate(RUNS):
        body = {"experiment_id": "{sought}", "start_time": 1700000000000 + number, "run_name": name}
        steps.append(
            Step(f"search: run {name}", POST, "runs/create", body, {name: ["run", "info", "run_id"]})
        )
        points = [{"key": key, "value": value, "timestamp": 1} for key, value in metrics.items()]
        body = {
            "run_id": f"{{{name}}}",
            "params": _pairs(params),
            "metrics": points,
            "tags": _pairs(tags),
        }
        steps.append(Step(f"search: data of {name}", POST, "runs/log-batch", body))
    body = {"run_id": "{one}", "status": "FINISHED", "end_time": 1700000005000}
    return [*steps, Step("search: finish one", POST, "runs/update", body)]


RUN_FILTERS = (
    "metrics.acc > 0.75",
    "metrics.acc >= 0.8 and metrics.acc < 0.9",
    "metrics.acc != 0.9",
    "metrics.acc = 0.9",
    "metric.loss <= 0.3",
    "metrics.`acc` > 0.75",
    'metrics."acc" > 0.75',
    "metrics.none > 0",
    "metrics.acc = 'high'",
    "metrics.acc LIKE '0%'",
    "params.opt = 'adam'",
    "params.opt != 'adam'",
    "params.opt LIKE 'a%'",
    "params.opt ILIKE 'A%'",
    "param.lr = '0.1'",
    "parameters.lr = '1'",
    "params.lr = 0.1",
    "params.lr > '0'",
    "params.lr IS NULL",
    "params.lr IS NOT NULL",
    "tags.team = 'vision'",
    "tags.team ILIKE 'vision'",
    "tag.`a b` = 'x'",
    'tags."a b" = "x"',
    "tags.extra IS NULL",
    "tags.extra IS NOT NULL AND params.opt = 'Adam'",
    "attributes.status = 'FINISHED'",
    "attribute.status != 'FINISHED'",
    "status = 'RUNNING'",
    "attributes.run_name = 'two'",
    "run_name LIKE 't%'",
    "attributes.run_name IN ('one', 'two')",
    "run_name NOT IN ('one', 'two')",
    "run_id IN ('{one}')",
    "attributes.run_id = '{two}'",
    "attributes.start_time > 1700000000001",
    "start_time <= 1700000000001",
    "attributes.end_time = 1700000005000",
    "user_id = ''",
    "artifact_uri LIKE '%artifacts'",
    "metrics.acc > 0.75 AND params.opt = 'adam' AND tags.team = 'Vision'",
    "metrics.acc > 0.75 OR params.opt = 'adam'",
    "dataset.name = 'iris'",
    "datasets.digest = 'none'",
    "datasets.colour = 'red'",
    "colours.red = '1'",
    "attributes.colour = 'red'",
    "metrics.acc >",
    "metrics.acc",
    "> 3",
    "params.opt = adam",
    "params.opt = 'adam",
    "params.opt = 'adam' params.lr = '1'",
    "attributes.status IN ()",
    "params.opt IN ('adam')",
    "()",
    "attributes.start_time > 'soon'",
    "params.opt == 'adam'",
    "status LIKE 'FIN%'",
    "metrics.acc > 0.75;",
)
ORDERS = (
    ["metrics.acc DESC"],
    ["metrics.acc"],
    ["metrics.loss ASC", "params.opt DESC"],
    ["params.lr ASC"],
    ["tags.team DESC"],
    ["attributes.start_time DESC"],
    ["start_time"],
    ["run_name ASC"],
    ["attributes.end_time ASC"],
    ["metrics.acc SIDEWAYS"],
    ["colour ASC"],
    ["metrics.acc ASC DESC"],
    [""],
)


def _runs(what: str, **asked: Any) -> Step:
    return Step(f"search runs: {what}", POST, "runs/search", {"experiment_ids": ["{sought}"], **asked})


def _query(what: str, path: str, **asked: Any) -> Step:
    return Step(f"{path} {what}", GET, f"{path}?{urlencode(asked, doseq=True)}")


EXPERIMENT_FILTERS = (
    "name = 'sought'",
    "name LIKE 'sou%'",
    "name ILIKE 'SOU%'",
    "attributes.name != 'sought' AND name LIKE 'sou%'",
    "tags.kind = 'Search'",
    "tags.kind ILIKE 'search'",
    "creation_time > 0 AND name = 'sought'",
    "tags.kind > 'a'",
    "name > 'a'",
    "colour = 'red'",
    "metrics.acc > 1",
    "name IN ('sought')",
)
MODEL_FILTERS = (
    "name = 'sought-model'",
    "name LIKE 'sought%'",
    "name ILIKE 'SOUGHT%'",
    "name != 'sought-model' AND name LIKE 'sought%'",
    "tags.stage = 'gold'",
    "tags.`stage` = 'gold'",
    "tags.stage LIKE 'g%'",
    "name > 'a'",
    "colour = 'red'",
    "name = sought",
    "tags.none = 'x'",
)
VERSION_FILTERS = (
    "name = 'sought-model'",
    "name LIKE 'sought%'",
    "name = 'sought-model' AND version_number = 1",
    "name = 'sought-model' AND version_number > 1",
    "run_id = '{one}'",
    "run_id IN ('{one}', '{two}')",
    "source_path = 's3://bucket/one'",
    "source_path LIKE 's3://bucket/%'",
    "name = 'sought-model' AND tags.best = 'yes'",
    "colour = 'red'",
    "version_number = 'x'",
    "name LIKE 'sought%' OR version_number = 1",
)

REGISTRY = [
    Step(
        "search: model",
        POST,
        "registered-models/create",
        {"name": "sought-model", "tags": _pairs({"stage": "gold"})},
    ),
    Step("search: other model", POST, "registered-models/create", {"name": "sought-other"}),
    Step(
        "search: version one",
        POST,
        "model-versions/create",
        {"name": "sought-model", "source": "s3://bucket/one", "run_id": "{one}"},
    ),
    Step(
        "search: version two",
        POST,
        "model-versions/create",
        {
            "name": "sought-model",
            "source": "s3://bucket/two",
            "run_id": "{two}",
            "tags": _pairs({"best": "yes"}),
        },
    ),
]

STEPS = [
    *_given(),
    *(_runs(text, filter=text) for text in RUN_FILTERS),
    *(_runs(f"by {order}", order_by=order) for order in ORDERS),
    _runs("of no results", max_results=0),
    _runs("of less than none", max_results=-1),
    _runs("on a page that is none", page_token="bogus"),
    _runs("of all views", run_view_type="ALL"),
    Step(
        "search runs: two at a time",
        POST,
        "runs/search",
        {"experiment_ids": ["{sought}"], "max_results": 2},
    ),
    Step("search runs: nowhere", POST, "runs/search", {"experiment_ids": ["987654321"]}),
    Step("search runs: in two places", POST, "runs/search", {"experiment_ids": ["{sought}", "987654321"]}),
    *(
        Step(f"search experiments: {text}", POST, "experiments/search", {"filter": text, "max_results": 10})
        for text in EXPERIMENT_FILTERS
    ),
    *(
        Step(
            f"search experiments: by {order}",
            POST,
            "experiments/search",
            {"filter": "name = 'sought'", "order_by": order, "max_results": 10},
        )
        for order in (["name ASC"], ["creation_time DESC"], ["experiment_id"], ["tags.kind"], ["colour"])
    ),
    Step("search experiments: none", POST, "experiments/search", {"max_results": 0}),
    Step("search experiments: too many", POST, "experiments/search", {"max_results": 50001}),
    *REGISTRY,
    *(_query(text, "registered-models/search", filter=text) for text in MODEL_FILTERS),
    *(
        _query(f"by {order}", "registered-models/search", filter="name LIKE 'sought%'", order_by=order)
        for order in (
            "name DESC",
            "last_updated_timestamp ASC",
            "timestamp DESC",
            "colour",
            "name SIDEWAYS",
        )
    ),
    *(_query(text, "model-versions/search", filter=text, max_results=10) for text in VERSION_FILTERS),
    *(
        _query(f"by {order}", "model-versions/search", filter="name='sought-model'", order_by=order)
        for order in ("version_number ASC", "name ASC", "creation_timestamp DESC", "colour")
    ),
]
