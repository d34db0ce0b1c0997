"""Any filter text is answered or refused, and what is found does not depend on how it was looked for."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reprise.errors import TrackingError
from reprise.schemas.entities import Metric, ModelOrder
from reprise.tracking.sqlite.search import index, pages
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.tracking import filters
from tests.tracking.filters import lines

LONG = "p" * 99
"""One character less than an index holds of a text."""

TEXTS = ("a", "b", "B", "", "é", "%_", LONG, f"{LONG}1", f"{LONG}1x", f"{LONG}1y", f"{LONG}2")
FLOATS = (math.nan, math.inf, -math.inf, 0.0, -0.0, 0.5, 1, 1e-300)
_WORDS = r"""
metrics. params. tags. attributes. datasets. acc depth status start_time run_id ` " ' = != < > <= >= LIKE
ILIKE IN NOT IS NULL AND OR ( ) , 1 -1 0.5 1e999 9999999999999999999999 'a' '%' \ ; -- ü 🙂 * nan inf
"""
WORDS = st.sampled_from([*_WORDS.split(), "\n", "\0"])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("words") / "mlruns") as opened:
        run = opened.create_run("0", start_time=1, user_id="ada")
        opened.log_batch(run.run_id, metrics=[Metric("acc", 0.5, 1)], params={"depth": "a"})
        yield opened


def searches(store: EmbeddedStore) -> list[Callable[[str], object]]:
    return [
        lambda text: store.search_runs(["0"], filter=text),
        lambda text: store.search_runs(["0"], order_by=[text]),
        lambda text: store.search_experiments(filter=text),
        lambda text: store.search_experiments(order_by=[text]),
        lambda text: store.search_registered_models(filter=text),
        lambda text: store.search_model_versions(filter=text),
        lambda text: store.search_logged_models(["0"], filter=text),
        lambda text: store.search_logged_models(["0"], order_by=[ModelOrder(text)]),
    ]


def answered_or_refused(store: EmbeddedStore, text: str) -> None:
    for search in searches(store):
        try:
            search(text)
        except TrackingError as error:
            assert error.code == "INVALID_PARAMETER_VALUE", (text, error.message)


@settings(deadline=None, max_examples=150)
@given(st.lists(WORDS, max_size=12).map(" ".join) | st.lists(WORDS, max_size=12).map("".join))
def test_words_of_the_language_in_any_order_are_answered_or_refused(
    store: EmbeddedStore, text: str
) -> None:
    answered_or_refused(store, text)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=60))
def test_any_text_is_answered_or_refused(store: EmbeddedStore, text: str) -> None:
    answered_or_refused(store, text)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(lines(filters.RUN_FILTERS)), st.data())
def test_a_filter_with_a_wrong_character_is_answered_or_refused(
    store: EmbeddedStore, text: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(text)))
    inserted = data.draw(st.characters() | st.just(""))
    answered_or_refused(store, text[:at] + inserted + text[at + data.draw(st.integers(0, 2)) :])


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda value: value.decode("latin-1")))
def test_any_page_token_is_refused(store: EmbeddedStore, token: str) -> None:
    if token:
        with pytest.raises(TrackingError) as refused:
            store.search_runs(["0"], page_token=token)
        assert refused.value.code == "INVALID_PARAMETER_VALUE"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | st.integers() | st.floats() | st.text(max_size=5), min_size=5, max_size=5))
def test_a_page_token_with_other_values_is_answered_or_refused(
    store: EmbeddedStore, values: Sequence[Any]
) -> None:
    from reprise.tracking.search import paging

    order = ["metrics.acc"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paging, "_digest", lambda scope: 0)
        token = paging.encode(values, "")
        try:
            store.search_runs(["0"], order_by=order, page_token=token)
        except TrackingError as error:
            assert error.code == "INVALID_PARAMETER_VALUE"


class Known(NamedTuple):
    """A run as the test knows it."""

    run_id: str
    start_time: int
    values: Mapping[str, Any]

    def rank(self, key: str, ascending: bool) -> tuple[Any, ...]:
        """What it is sorted by: numbers and texts, then NaN, then what is missing."""
        value = self.values.get(key)
        if value is None:
            return (2, 0)
        if value != value:
            return (1, 0)
        return (0, value if ascending else _Reversed(value))


class _Reversed:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.value == other.value


CONDITIONS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "metrics.acc > 0": lambda run: run.get("metrics.acc", -1) > 0,
    "metrics.acc <= 0.5": lambda run: run.get("metrics.acc", 1) <= 0.5,
    "metrics.acc = 0.5": lambda run: run.get("metrics.acc") == 0.5,
    "metrics.acc != 0.5": lambda run: "metrics.acc" in run and run["metrics.acc"] != 0.5,
    "metrics.acc >= 0 AND metrics.acc < 1": lambda run: 0 <= run.get("metrics.acc", -1) < 1,
    "metrics.acc IS NULL": lambda run: "metrics.acc" not in run,
    "metrics.rare IS NOT NULL": lambda run: "metrics.rare" in run,
    "params.p = 'a'": lambda run: run.get("params.p") == "a",
    "params.p LIKE 'p%'": lambda run: run.get("params.p", "").startswith("p"),
    f"params.p LIKE '{LONG}1%'": lambda run: run.get("params.p", "").startswith(f"{LONG}1"),
    f"params.p LIKE '{LONG}1x%'": lambda run: run.get("params.p", "").startswith(f"{LONG}1x"),
    f"params.p = '{LONG}1x'": lambda run: run.get("params.p") == f"{LONG}1x",
    "params.p ILIKE 'b'": lambda run: run.get("params.p", "").lower() == "b",
    "params.p IN ('a', 'b')": lambda run: run.get("params.p") in {"a", "b"},
    "params.p NOT IN ('a', 'b')": lambda run: run.get("params.p", "a") not in {"a", "b"},
    "params.p IS NULL": lambda run: "params.p" not in run,
    "tags.t = 'b'": lambda run: run["tags.t"] == "b",
    "status = 'FAILED'": lambda run: run["status"] == "FAILED",
    "status LIKE 'F%'": lambda run: run["status"].startswith("F"),
    "end_time > 20": lambda run: run.get("end_time", 0) > 20,
    "end_time IS NULL": lambda run: "end_time" not in run,
    "start_time > 6 AND start_time < 90": lambda run: 6 < run["start_time"] < 90,
}
ORDERS = (
    *("metrics.acc", "metrics.rare", "metrics.none", "params.p", "tags.t", "status"),
    *("end_time", "start_time", "run_name", "run_id", "user_id"),
)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedStore, list[Known]]]:
    """250 runs with many equal values, some of them deleted or in another experiment."""
    draw = random.Random(7)
    with EmbeddedStore(tmp_path_factory.mktemp("many") / "mlruns") as opened:
        other = opened.create_experiment("other")
        yield opened, [run for run in (_made(opened, number, other, draw) for number in range(250)) if run]


def _made(store: EmbeddedStore, number: int, other: str, draw: random.Random) -> Known | None:
    experiment, start = draw.choice(["0", "0", "0", other]), draw.choice([5, 6, 7, number])
    values: dict[str, Any] = {"start_time": start, "user_id": draw.choice("ab"), "status": "RUNNING"}
    values |= {"run_name": draw.choice(["n", f"n{number}"]), "tags.t": draw.choice("abc")}
    run_id = store.create_run(
        experiment,
        start_time=start,
        user_id=values["user_id"],
        run_name=values["run_name"],
        tags={"t": values["tags.t"]},
    ).run_id
    values["run_id"] = run_id
    if draw.random() < 0.8:
        values["metrics.acc"] = draw.choice([*FLOATS, round(draw.random(), 2)])
    if draw.random() < 0.05:
        values["metrics.rare"] = draw.random()
    if draw.random() < 0.7:
        values["params.p"] = draw.choice(TEXTS)
    if draw.random() < 0.5:
        values |= {"status": draw.choice(["FINISHED", "FAILED"]), "end_time": draw.choice([9, number])}
        store.update_run(run_id, status=values["status"], end_time=values["end_time"])
    metrics = [
        Metric(key.partition(".")[2], value, 1)
        for key, value in values.items()
        if key.startswith("metrics.")
    ]
    params = {"p": values["params.p"]} if "params.p" in values else {}
    store.log_batch(run_id, metrics=metrics, params=params)
    if draw.random() < 0.1:
        store.delete_run(run_id)
        return None
    return Known(run_id, start, values) if experiment == "0" else None


@pytest.mark.slow
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    conditions=st.lists(st.sampled_from(sorted(CONDITIONS)), max_size=3, unique=True),
    order=st.lists(st.tuples(st.sampled_from(ORDERS), st.booleans()), max_size=2),
    size=st.sampled_from([1, 3, 20, 1000]),
    cost=st.sampled_from([0, 4, 1_000_000]),
)
def test_the_same_is_found_in_the_same_order_whichever_way(
    many: tuple[EmbeddedStore, list[Known]],
    conditions: list[str],
    order: list[tuple[str, bool]],
    size: int,
    cost: int,
) -> None:
    store, known = many
    expected = [run for run in known if all(CONDITIONS[text](run.values) for text in conditions)]
    expected.sort(key=lambda run: (-run.start_time, run.run_id))
    for key, ascending in reversed(order):
        expected.sort(key=lambda run: run.rank(key, ascending))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "SHORTEST", 4)
        patch.setattr(index, "LONGEST", 16)
        patch.setattr(pages, "_SORTING", cost)
        found = _all_pages(
            store,
            " AND ".join(conditions),
            [f"{key} {'ASC' if ascending else 'DESC'}" for key, ascending in order],
            size,
        )
    assert found == [run.run_id for run in expected]


def _all_pages(store: EmbeddedStore, filter: str, order_by: Sequence[str], size: int) -> list[str]:
    found: list[str] = []
    token = None
    while True:
        page = store.search_runs(
            ["0"], filter=filter, order_by=order_by, max_results=size, page_token=token
        )
        found += [run.run_id for run in page.items]
        if not (token := page.next_token):
            return found


def test_what_is_sorted_by_follows_every_change(tmp_path: Path) -> None:
    """Tables that triggers keep hold what the values say, also after a run has moved or gone."""
    with EmbeddedStore(tmp_path / "mlruns") as store:
        runs = [store.create_run("0", start_time=number, user_id="ada").run_id for number in range(4)]
        for number, run_id in enumerate(runs):
            store.log_batch(run_id, metrics=[Metric("m", number, 1)], params={"p": "x"}, tags={"t": "x"})
        store.log_metric(runs[0], Metric("m", math.nan, 2))
        store.log_metric(runs[1], Metric("m", 9.0, 0))
        store.set_tag(runs[2], "t", "y" * 200)
        store.delete_tag(runs[3], "t")
        with store._database.writing() as connection:
            connection.execute("UPDATE run SET start_time = 77 WHERE run_id = ?", (runs[1],))
            connection.execute("DELETE FROM run WHERE run_id = ?", (runs[0],))
        with store._database.reading() as connection:
            for table, owner in (("series", "run"), ("run_param", "owner"), ("run_tag", "owner")):
                values = connection.execute(
                    f"SELECT v.key, substr(v.value, 1, 100), r.start_time, r.id FROM {table} v"
                    f" JOIN run r ON r.id = v.{owner}"
                ).fetchall()
                kept = connection.execute(f"SELECT key, value, started, run FROM {table}_sorted").fetchall()
                assert {tuple(map(str, row)) for row in kept} == {tuple(map(str, row)) for row in values}
                assert len(values) >= 3
