"""The order of a table: kept while nothing changes, and folded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reprise.schemas import tags
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.tracking.views import RunOrder
from reprise.ui.events import News
from reprise.ui.runs.orders import Orders, TableLine, folded
from reprise.ui.runs.query import EVERY, RunQuery


@pytest.fixture
def orders(store: EmbeddedStore) -> Iterator[Orders]:
    news = News(store)
    yield Orders(store, news.version)
    news.close()


def test_a_run_that_comes_is_in_the_order_at_once(store: EmbeddedStore, orders: Orders) -> None:
    query = RunQuery("0")
    first = store.create_run("0", start_time=1, user_id="ada")
    before = orders.order(query)
    assert orders.order(query) is before
    second = store.create_run("0", start_time=2, user_id="ada")
    found = store.ids_at(orders.order(query).numbers)
    assert found == [second.run_id, first.run_id]


def test_orders_of_different_questions_are_not_mixed_up(store: EmbeddedStore, orders: Orders) -> None:
    kept = store.create_run("0", start_time=1, user_id="ada")
    gone = store.create_run("0", start_time=2, user_id="ada")
    store.delete_run(gone.run_id)
    for query, run in ((RunQuery("0"), kept), (RunQuery("0", deleted=True), gone)):
        assert store.ids_at(orders.order(query).numbers) == [run.run_id]
    assert not orders.order(RunQuery("0", "user_id = 'bob'")).numbers


def test_nested_runs_stand_below_their_parent_in_the_order_of_the_table() -> None:
    order = RunOrder([5, 1, 4, 2, 3], {4: 1, 2: 1, 3: 4})
    assert folded(order, ()) == [TableLine(5), TableLine(1, 0, 2)]
    assert folded(order, {1}) == [
        TableLine(5),
        TableLine(1, 0, 2, open=True),
        TableLine(4, 1, 1),
        TableLine(2, 1),
    ]
    everything = folded(order, {EVERY})
    assert [(line.number, line.depth) for line in everything if isinstance(line, TableLine)] == [
        (5, 0),
        (1, 0),
        (4, 1),
        (3, 2),
        (2, 1),
    ]


def test_a_run_whose_parent_is_not_found_stands_alone_with_a_mark() -> None:
    assert folded(RunOrder([7, 8], {8: 99}), ()) == [TableLine(7), TableLine(8, astray=True)]


@pytest.mark.parametrize(
    "parents", [{1: 1}, {1: 2, 2: 1}, {1: 2, 2: 3, 3: 1}], ids=["itself", "two", "three"]
)
def test_runs_that_are_nested_in_a_circle_are_not_lost(parents: dict[int, int]) -> None:
    order = RunOrder([1, 2, 3], parents)
    shown = folded(order, {EVERY})
    assert sorted(line.number for line in shown if isinstance(line, TableLine)) == [1, 2, 3]


def test_a_nested_run_of_the_store_is_known_as_one(store: EmbeddedStore, orders: Orders) -> None:
    parent = store.create_run("0", start_time=1, user_id="ada")
    assert not store.has_nested(["0"])
    store.create_run("0", start_time=2, user_id="ada", tags={tags.PARENT_RUN_ID: parent.run_id})
    assert store.has_nested(["0"])
    order, number = orders.order(RunQuery("0")), store.run_number(parent.run_id)
    assert list(orders.lines(order, frozenset())) == [TableLine(number, 0, 1)]
    assert len(orders.lines(order, frozenset({number}))) == 2
