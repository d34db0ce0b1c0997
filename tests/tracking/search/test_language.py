"""The search language: what it reads, and where it points when it cannot."""

from __future__ import annotations

import pytest

from reprise.errors import TrackingError
from reprise.tracking.search.language import parse_filter, parse_order


@pytest.mark.parametrize(
    ("text", "entity", "key", "operator", "values"),
    [
        ("metrics.acc > 0.9", "metric", "acc", ">", (0.9,)),
        ("metric.acc>=-1e-3", "metric", "acc", ">=", (-0.001,)),
        ('metrics."val acc" != .5', "metric", "val acc", "!=", (0.5,)),
        ("metrics.val/acc-1 < 5", "metric", "val/acc-1", "<", (5,)),
        ("params.`max depth` = '3'", "param", "max depth", "=", ("3",)),
        ('parameters.x = "it\'s"', "param", "x", "=", ("it's",)),
        ("params.x = 'it''s'", "param", "x", "=", ("it's",)),
        ("tags.mlflow.source.name LIKE '%train%'", "tag", "mlflow.source.name", "LIKE", ("%train%",)),
        ("tag.a ilike 'B_'", "tag", "a", "ILIKE", ("B_",)),
        ("status in ('FAILED', 'KILLED')", "attribute", "status", "IN", ("FAILED", "KILLED")),
        ("attributes.run_id NOT IN ('a')", "attribute", "run_id", "NOT IN", ("a",)),
        ("attr.end_time is not null", "attribute", "end_time", "IS NOT NULL", ()),
        ("params.lr IS NULL", "param", "lr", "IS NULL", ()),
        ("dataset.name = 'iris'", "dataset", "name", "=", ("iris",)),
        ("`Run name` = 'x'", "attribute", "Run name", "=", ("x",)),
    ],
)
def test_a_comparison_is_read(
    text: str, entity: str, key: str, operator: str, values: tuple[object, ...]
) -> None:
    (comparison,) = parse_filter(text)
    assert (comparison.name.entity, comparison.name.key) == (entity, key)
    assert (comparison.operator, comparison.values) == (operator, values)


def test_comparisons_are_joined_and_a_blank_filter_asks_nothing() -> None:
    joined = parse_filter("metrics.a > 1\n  and params.b = ' AND ' AND tags.c IS NULL")
    assert [comparison.name.key for comparison in joined] == ["a", "b", "c"]
    assert parse_filter("  ") == parse_filter("") == []


@pytest.mark.parametrize(
    ("text", "character", "words"),
    [
        ("metrics.acc >", 14, "found the end"),
        ("metrics.acc is 5", 13, "expected a comparison"),
        ("metrics.acc == 5", 14, "expected a value"),
        ("params.x = abc", 12, "put it in quotes: 'abc'"),
        ("params.x = 'abc", 12, "quote is not closed"),
        ("params.x = '1' OR params.y = '2'", 16, "joined by AND only"),
        ("params.x = '1' params.y = '2'", 16, "expected AND"),
        ("params.x = '1' AND", 19, "found the end"),
        ("(params.x = '1')", 1, "expected a name"),
        ("foo.bar = '1'", 1, "Invalid entity type 'foo'"),
        ("metrics. = 1", 9, "expected a key"),
        ("metrics.(a) = 1", 9, "backticks or quotes"),
        ("status IN 'a'", 11, "expected ("),
        ("status IN ('a' 'b')", 16, "expected a comma"),
        ("status IN ()", 12, "must be quoted"),
        ("metrics.a > 1; DROP TABLE run", 14, "unexpected ';'"),
        ("metrics.a > 1 -- x", 15, "unexpected '-'"),
        ("metrics.a > 1x", 13, "unexpected '1'"),
        ("5 > metrics.a", 1, "expected a name"),
    ],
)
def test_a_fault_points_at_its_character(text: str, character: int, words: str) -> None:
    with pytest.raises(TrackingError) as refused:
        parse_filter(text)
    assert refused.value.code == "INVALID_PARAMETER_VALUE"
    message, line, arrow = refused.value.message.split("\n")
    assert message.startswith(f"search, character {character}: ") and words in message
    assert line.strip() == text.strip()
    assert arrow.index("^") == 4 + character - 1


def test_an_order_is_read() -> None:
    assert [
        parse_order(text).ascending for text in ("start_time", "start_time ASC", "metrics.`a b` desc")
    ] == [
        True,
        True,
        False,
    ]
    for text, character in (("start_time down", 12), ("start_time DESC NULLS", 17), ("", 1)):
        with pytest.raises(TrackingError, match=f"character {character}:"):
            parse_order(text)


@pytest.mark.parametrize("digits", ["9" * 5000, "-" + "1" * 5000, "1" * 5000 + ".5"])
def test_a_number_without_end_is_refused(digits: str) -> None:
    with pytest.raises(TrackingError, match="the number is too long"):
        parse_filter(f"metrics.a > {digits}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" AND ".join(["a = 1"] * 201), "character 2001: more than 200 comparisons"),
        (f"run_id IN ({', '.join(['1'] * 10_001)})", "more than 10000 values"),
        (f"params.a LIKE '{'%a' * 5_001}'", "character 10: a pattern has at most 10000 characters"),
    ],
)
def test_a_search_asks_only_so_much(text: str, words: str) -> None:
    with pytest.raises(TrackingError, match=words):
        parse_filter(text)
