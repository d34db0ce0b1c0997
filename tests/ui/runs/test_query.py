"""The query of a table's address, and the columns that it names."""

from __future__ import annotations

import pytest
from starlette.datastructures import QueryParams

from reprise.tracking.views import Keys
from reprise.ui.runs.columns import MOST_COLUMNS, at_first, quoted
from reprise.ui.runs.query import read


def test_an_address_says_what_a_table_shows() -> None:
    text = "filter=status+%3D+%27FAILED%27&sort=-metrics.acc&sort=name&columns=status&columns=params.lr"
    query = read("3", QueryParams(text))
    assert query.filter == "status = 'FAILED'"
    assert query.order_by == ("metrics.acc DESC", "run_name ASC")
    assert [column.title for column in query.columns] == ["Status", "lr"]
    assert query.sorted_by("metrics.acc") == (1, True)
    assert query.sorted_by("status") is None
    assert query.view_type == "ACTIVE_ONLY"


@pytest.mark.parametrize("id", ["", "modelled", "nothing", "metrics.", "secrets.x", "metrics." + "x" * 400])
def test_what_cannot_be_sorted_by_is_told(id: str) -> None:
    query = read("0", QueryParams([("sort", id)]))
    assert query.order_by == ()
    assert query.unsorted == (id,)


@pytest.mark.parametrize(
    ("words", "id"),
    [
        ("metrics.acc DESC", "-metrics.acc"),
        ("metrics.`max depth` asc", "metrics.max depth"),
        ("metrics.`max depth`", "metrics.max depth"),
        ('params."lr"', "params.lr"),
        ("attributes.created desc", "-created"),
        ("start_time ASC", "created"),
        ("tags.mlflow.user DESC", "-user"),
        ("params.lr", "params.lr"),
    ],
)
def test_the_words_of_the_search_language_sort_too(words: str, id: str) -> None:
    query = read("0", QueryParams([("sort", words)]))
    assert [sort.id for sort in query.sort] == [id]
    assert query.unsorted == ()


def test_a_column_is_shown_once_and_the_name_always() -> None:
    query = read("0", QueryParams("columns=name&columns=status&columns=status"))
    assert [column.id for column in query.columns] == ["status"]


def test_columns_beyond_those_that_a_table_has_are_counted() -> None:
    query = read("0", QueryParams([("columns", f"params.{n}") for n in range(MOST_COLUMNS + 3)]))
    assert (len(query.columns), query.left_out) == (MOST_COLUMNS, 3)
    assert read("0", QueryParams("columns=status")).left_out == 0


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("acc", "metrics.acc"),
        ("val/acc-2", "metrics.val/acc-2"),
        ("max depth", "metrics.`max depth`"),
        ("a`b", 'metrics."a`b"'),
        ("`\"'", ""),
    ],
)
def test_keys_are_quoted_as_the_search_language_reads_them(key: str, name: str) -> None:
    assert quoted("metrics", key) == name


def test_a_table_begins_with_what_was_logged_but_not_by_the_machine() -> None:
    metrics = ("acc", *(f"system/{n}" for n in range(9)))
    ids = [column.id for column in at_first(Keys(metrics, tuple("abcdefgh"), ("team",)))]
    assert ids[4:9] == ["metrics.acc", "params.a", "params.b", "params.c", "params.d"]
    assert ids[9:] == ["source", "commit", "models", "user"]
