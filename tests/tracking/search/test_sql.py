"""Searches over a store: what a filter finds, in which order, page by page."""

from __future__ import annotations

import math

import pytest

from reprise.errors import TrackingError
from reprise.schemas.entities import Dataset, DatasetInput, Metric, ModelOrder
from reprise.tracking.sqlite.store import EmbeddedStore


@pytest.fixture
def store(embedded_store: EmbeddedStore) -> EmbeddedStore:
    """Six runs of the default experiment: a..f."""
    values = {"a": 0.1, "b": 0.9, "c": math.nan, "d": math.inf, "e": -math.inf}
    for i, name in enumerate("abcdef"):
        tags = {"team": "Vision" if i % 2 else "vision", "odd one": "*[x]?"}
        run = embedded_store.create_run("0", start_time=10 + i, user_id="ada", run_name=name, tags=tags)
        params = {"depth": str(i)} if i < 3 else {}
        metrics = [Metric("acc", values[name], 1)] if name in values else []
        embedded_store.log_batch(run.run_id, params=params, metrics=metrics)
        if name == "f":
            dataset = Dataset("iris", "d1", "local", "{}")
            context = {"mlflow.data.context": "training"}
            embedded_store.log_inputs(run.run_id, datasets=[DatasetInput(dataset, context)])
            embedded_store.update_run(run.run_id, status="FINISHED", end_time=99)
    return embedded_store


def found(store: EmbeddedStore, filter: str = "", *order_by: str, size: int = 100) -> str:
    """The names of the runs in order, read page by page."""
    names, token = "", None
    while True:
        page = store.search_runs(
            ["0"], filter=filter, order_by=order_by, max_results=size, page_token=token
        )
        names += "".join(run.run_name for run in page.items)
        if not (token := page.next_token):
            return names


@pytest.mark.parametrize(
    ("filter", "names"),
    [
        ("metrics.acc > 0.1", "db"),
        ("metrics.acc >= 0.1", "dba"),
        ("metrics.acc < 0.5", "ea"),
        ("metrics.acc = 0.9", "b"),
        ("metrics.acc != 0.9", "edca"),
        ("metrics.acc IS NULL", "f"),
        ("metrics.acc IS NOT NULL and params.depth IS NOT NULL", "cba"),
        ("params.depth IN ('0', '2')", "ca"),
        ("params.depth NOT IN ('0', '2')", "b"),
        ("tags.team = 'vision'", "eca"),
        ("tags.team LIKE 'V%'", "fdb"),
        ("tags.team ILIKE 'V%n'", "fedcba"),
        ("tags.\"odd one\" LIKE '*[x]?'", "fedcba"),
        ("tags.`odd one` LIKE '*[y]_'", ""),
        ("run_name = 'a'", "a"),
        ("attributes.`Run name` != 'a' AND start_time <= 12", "cb"),
        ("end_time IS NULL", "edcba"),
        ("status = 'FINISHED'", "f"),
        ("user_id = 'bob'", ""),
        ("datasets.name = 'iris' AND datasets.context LIKE 'train%'", "f"),
        ("datasets.digest IN ('d2')", ""),
        ("params.depth = '0'' OR 1=1 --'", ""),
    ],
)
def test_a_filter_finds(store: EmbeddedStore, filter: str, names: str) -> None:
    assert found(store, filter) == names


@pytest.mark.parametrize("size", [1, 2, 4, 100])
@pytest.mark.parametrize(
    ("order_by", "names"),
    [
        ("metrics.acc", "eabdcf"),
        ("metrics.acc DESC", "dbaecf"),
        ("params.depth DESC", "cbafed"),
        ("attributes.end_time", "fedcba"),
        ("start_time ASC", "abcdef"),
        ("tags.team DESC", "ecafdb"),
    ],
)
def test_an_order_puts_nan_and_what_is_missing_last_on_pages_of_any_size(
    store: EmbeddedStore, order_by: str, names: str, size: int
) -> None:
    assert found(store, "", order_by, size=size) == names


def test_runs_that_arrive_between_two_pages_are_neither_repeated_nor_do_they_hide_one(
    store: EmbeddedStore,
) -> None:
    first = store.search_runs(["0"], max_results=3)
    store.create_run("0", start_time=1000, user_id="ada", run_name="new")
    rest = store.search_runs(["0"], max_results=10, page_token=first.next_token)
    assert [run.run_name for run in (*first.items, *rest.items)] == list("fedcba")


@pytest.mark.parametrize(
    ("filter", "words"),
    [
        ("metrics.acc = 'high'", "character 13: 'acc' is compared with a number"),
        ("metrics.acc LIKE '1'", "character 13: 'acc' is compared by ="),
        ("params.depth > '1'", "character 14: 'depth' is compared by ="),
        ("params.depth = 3", "character 14: 'depth' is compared with a quoted text, not 3"),
        (
            "status = 'x' AND strat_time > 3",
            "character 18: Invalid attribute key: runs have no attribute 'strat_time'; did you mean",
        ),
        ("datasets.colour = 'x'", "character 1: runs have no dataset field 'colour'"),
    ],
)
def test_what_a_run_cannot_be_asked_is_pointed_at(store: EmbeddedStore, filter: str, words: str) -> None:
    with pytest.raises(TrackingError) as refused:
        store.search_runs(["0"], filter=filter)
    assert words in refused.value.message
    assert refused.value.code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("token", ["x", "bm90IGpzb24=", "W10=", "e30=", "WzEsIFtdXQ==", "ü"])
def test_a_foreign_page_token_is_refused(store: EmbeddedStore, token: str) -> None:
    with pytest.raises(TrackingError, match="page_token"):
        store.search_runs(["0"], page_token=token)


def test_a_page_token_is_good_for_its_own_search_only(store: EmbeddedStore) -> None:
    token = store.search_runs(["0"], max_results=1).next_token
    with pytest.raises(TrackingError, match="another search"):
        store.search_runs(["0"], filter="status = 'RUNNING'", max_results=1, page_token=token)


@pytest.mark.parametrize("size", [0, -1, 50_001])
def test_a_page_has_a_sensible_size(store: EmbeddedStore, size: int) -> None:
    with pytest.raises(TrackingError, match="max_results"):
        store.search_runs(["0"], max_results=size)


def test_experiments_are_searched_by_the_same_language(embedded_store: EmbeddedStore) -> None:
    for name in ("iris a", "iris b", "digits"):
        embedded_store.create_experiment(name, tags={"kind": name.split()[0]})
    page = embedded_store.search_experiments(filter="name LIKE 'iris%'", order_by=["name ASC"])
    assert [item.name for item in page.items] == ["iris a", "iris b"]
    by_tag = embedded_store.search_experiments(filter="tags.kind = 'digits'")
    assert [item.name for item in by_tag.items] == ["digits"]
    with pytest.raises(TrackingError, match="experiments cannot be searched by metrics"):
        embedded_store.search_experiments(filter="metrics.a > 1")


def test_logged_models_are_searched_by_the_metrics_of_a_dataset(embedded_store: EmbeddedStore) -> None:
    run = embedded_store.create_run("0", start_time=1, user_id="ada")
    for name, value in (("good", 0.9), ("bad", 0.2)):
        model = embedded_store.create_logged_model("0", name=name, source_run_id=run.run_id)
        for dataset, shift in (("train", 0.05), ("test", 0.0)):
            point = Metric("acc", value + shift, 1, 0, model.model_id, dataset, "d")
            embedded_store.log_metric(run.run_id, point)
    embedded_store.create_logged_model("0", name="unmeasured")

    def names(**query: object) -> list[str]:
        return [model.name for model in embedded_store.search_logged_models(["0"], **query).items]  # type: ignore[arg-type]

    assert names(filter="metrics.acc > 0.92") == ["good"]
    assert names(filter="metrics.acc > 0.92", datasets=[("test", None)]) == []
    assert set(names(datasets=[("test", "d")])) == {"good", "bad"}
    assert names(order_by=[ModelOrder("metrics.acc", True, "test")]) == ["bad", "good", "unmeasured"]
    assert names(filter="name = 'good' AND status = 'PENDING'", order_by=[ModelOrder("creation_time")]) == [
        "good"
    ]
    with pytest.raises(TrackingError, match="character 1"):
        names(order_by=[ModelOrder("params.x")])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filter", "names"),
    [
        (" AND ".join(f"params.depth != 'x{i}'" for i in range(200)), "cba"),
        (" AND ".join(["params.depth = '1'"] * 200), "b"),
        (f"status IN ({', '.join(chr(39) + str(i) + chr(39) for i in range(9_999))}, 'FINISHED')", "f"),
        (f"tags.team ILIKE '{'%' * 9_999}n'", "fedcba"),
        (f"tags.`odd one` LIKE '{'[' * 9_999}'", ""),
    ],
)
def test_the_most_that_can_be_asked_is_answered(store: EmbeddedStore, filter: str, names: str) -> None:
    orders = [f"metrics.m{i}" for i in range(100)]
    assert found(store, filter) == names
    assert sorted(found(store, filter, *orders)) == sorted(names)
    with pytest.raises(TrackingError, match="at most 100 names"):
        store.search_runs(["0"], order_by=[*orders, "metrics.acc"])


@pytest.mark.slow
def test_many_conditions_that_few_of_many_runs_meet(embedded_store: EmbeddedStore) -> None:
    """Their shares, multiplied, are next to nothing."""
    for i in range(600):
        run = embedded_store.create_run("0", start_time=i, user_id="ada")
        embedded_store.log_batch(run.run_id, params={"n": str(i)})
    page = embedded_store.search_runs(["0"], filter=" AND ".join(["params.n = '7'"] * 200), max_results=1)
    assert [run.start_time for run in page.items] == [7]
