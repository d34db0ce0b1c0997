"""JSON, YAML, TOML, CSV: their structure exactly, numbers by tolerance, durations by their names."""

from __future__ import annotations

import configparser
import csv
import io
import json
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.files.contents import compare_contents, compare_leaves
from reprise.runner.verdict.values import (
    IDENTICAL,
    Agreement,
    Finding,
    find_worst,
    make_diverged,
    make_within,
    set_aside,
)
from reprise.runner.verdict.words.clocks import is_of_another_time
from reprise.runner.verdict.words.tables import kind_of_row
from reprise.schemas.field_names import CLOCK

NOT_READABLE = (ValueError, ArithmeticError, csv.Error)
"""Compare a text that is not JSON or CSV."""

_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,6})?\s*")
_NAMES = frozenset(
    {"", "index", "key", "measure", "metric", "name", "param", "parameter", "stat", "statistic"}
)
_VALUES = frozenset({"", "0", "value", "values"})
"""The heads of the two columns of a table whose rows are named values."""


class Pairs(dict[str, Any]):
    """An object of JSON whose names are unique.

    Raises:
        ValueError: a name is there twice; which one counts depends on who reads it.
    """

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        if len(self) != len(pairs):
            raise ValueError("a name is twice in one object")


def compare_json(a: str, b: str, looking: Looking) -> Finding:
    """Compare two JSON documents; the order of names and white space do not count.

    Raises:
        ValueError: one is not JSON, or has a name twice in one object.
        RecursionError: one is nested too deeply.
    """
    found = compare_contents(_as_table(read_json(a)), _as_table(read_json(b)), looking)
    return found._replace(note="the same values") if found == IDENTICAL else found


def compare_json_lines(a: str, b: str, looking: Looking) -> Finding:
    """A JSON document on each line; raises as :func:`compare_json`."""
    lines_a, lines_b = a.splitlines(), b.splitlines()

    def compare_lines() -> Iterator[Finding]:
        for number, (one, other) in enumerate(zip(lines_a, lines_b, strict=False), start=1):
            found = compare_json(one, other, looking) if one != other else IDENTICAL
            yield found._replace(where=": ".join(filter(None, (f"line {number}", found.where))))
        if len(lines_a) != len(lines_b):
            where = f"line {min(len(lines_a), len(lines_b)) + 1}"
            yield make_diverged(where, f"{len(lines_b)} lines, was {len(lines_a)}")

    return find_worst(compare_lines())


def compare_yaml(a: str, b: str, looking: Looking) -> Finding:
    """Two YAML documents of plain values.

    Raises:
        ValueError: one is none, or holds objects.
    """
    import yaml

    try:
        one, other = yaml.safe_load(a), yaml.safe_load(b)
    except yaml.YAMLError as error:
        raise ValueError("it is not YAML") from error
    if isinstance(one, str) or isinstance(other, str):
        raise ValueError("it is a text")
    found = compare_contents(one, other, looking)
    return found._replace(note="the same values") if found == IDENTICAL else found


def compare_toml(a: str, b: str, looking: Looking) -> Finding:
    """Two TOML documents.

    Raises:
        ValueError: one is none.
    """
    found = compare_contents(tomllib.loads(a), tomllib.loads(b), looking)
    return found._replace(note="the same values") if found == IDENTICAL else found


def compare_ini(a: str, b: str, looking: Looking) -> Finding:
    """Compare two files of sections with ``name = value``; names may also precede the first section.

    Raises:
        ValueError: one is none.
    """
    found = compare_contents(_read_ini(a), _read_ini(b), looking)
    return found._replace(note="the same values") if found == IDENTICAL else found


def _read_ini(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(default_section="\0")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(f"[\1]\n{text}")
    except configparser.Error as error:
        raise ValueError("it has no sections with names and values") from error
    return {name: dict(parser[name]) for name in parser.sections()}


def compare_csv(a: str, b: str, delimiter: str, looking: Looking) -> Finding:
    """Two tables, cell by cell; cells that are the same number written otherwise are within tolerance.

    Where the first line of a table of commas has none, a semicolon, a tab or a bar in it is the delimiter.

    Raises:
        csv.Error: one cannot be read.
    """
    first = a.partition("\n")[0]
    if delimiter not in first:
        delimiter = next((other for other in ";\t|" if other in first), delimiter)
    rows_a, rows_b = _read_rows(a, delimiter), _read_rows(b, delimiter)
    head = rows_a[0] if rows_a else []

    def compare_rows() -> Iterator[Finding]:
        for number, (one, other) in enumerate(zip(rows_a, rows_b, strict=False), start=1):
            if len(one) != len(other):
                yield make_diverged(f"row {number}", f"{len(other)} cells, was {len(one)}")
            yield from _compare_rows(head, number, one, other, looking)
        if len(rows_a) != len(rows_b):
            where = f"row {min(len(rows_a), len(rows_b)) + 1}"
            yield make_diverged(where, f"{len(rows_b)} rows, was {len(rows_a)}")

    findings = compare_rows()
    found = find_worst(findings)
    for _ in findings:  # the rest, so that the largest difference of all numbers is known
        pass
    if found.agreement is Agreement.IDENTICAL and not found.set_aside and not found.note:
        return make_within(found.where, "the same cells, written otherwise")
    return found


def _compare_rows(
    head: list[str], number: int, one: list[str], other: list[str], looking: Looking
) -> Iterator[Finding]:
    is_named_value = [cell.strip().lower() for cell in head[:2]] if len(head) == 2 else ["?", "?"]
    for column, (cell_a, cell_b) in enumerate(zip(one, other, strict=False)):
        name = head[column] if column < len(head) and number > 1 else str(column + 1)
        if number > 1 and column == 1 and is_named_value[0] in _NAMES and is_named_value[1] in _VALUES:
            name = one[0]
        kind = looking.tolerance.kind_set_aside(name) if number > 1 else None
        if not kind and column and _NUMBER.fullmatch(cell_a) and _NUMBER.fullmatch(cell_b):
            kind = kind_of_row(one[0], looking.tolerance.kind_set_aside)
            name = one[0] if kind else name
        if kind and not (kind == CLOCK and _is_data(cell_a, cell_b, looking)):
            yield set_aside(kind, name)
        elif cell_a == cell_b:
            yield IDENTICAL
        else:
            found = _compare_cells(cell_a, cell_b, looking)
            yield found._replace(where=f"row {number}, column {name}")


def _is_data(a: str, b: str, looking: Looking) -> bool:
    """Return whether two clock readings are outside of both runs."""
    return is_of_another_time(a, looking.of_a) and is_of_another_time(b, looking.of_b)


def _compare_cells(a: str, b: str, looking: Looking) -> Finding:
    if _NUMBER.fullmatch(a) and _NUMBER.fullmatch(b):
        found = compare_leaves(Decimal(a.strip()), Decimal(b.strip()), looking)
        return make_within(note="the same number") if found == IDENTICAL else found
    return compare_leaves(a, b, looking)


def read_json(text: str) -> Any:
    """The document; numbers keep all their digits.

    Raises:
        ValueError: it is none.
    """
    return json.loads(text, parse_float=Decimal, object_pairs_hook=Pairs)


def _as_table(document: Any) -> Any:
    """``document``; cells of a table of columns and rows (pandas' and MLflow's form) by their names."""
    if not isinstance(document, dict) or not {"columns", "data"} <= document.keys() <= {
        "columns",
        "data",
        "index",
    }:
        return document
    columns, rows = document["columns"], document["data"]
    if (
        not isinstance(columns, list)
        or not isinstance(rows, list)
        or len({*map(str, columns)}) != len(columns)
    ):
        return document
    if not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        return document
    return {**document, "data": [dict(zip(map(str, columns), row, strict=True)) for row in rows]}


def _read_rows(text: str, delimiter: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
