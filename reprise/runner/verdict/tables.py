"""JSON and CSV: their structure exactly, their numbers by tolerance."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from reprise.runner.verdict.numbers import (
    Pairs,
    TextComparison,
    all_within,
    compare_numbers,
    compare_values,
)
from reprise.runner.verdict.values import Agreement, Finding, diverged, worst
from reprise.schemas.tolerance import Closeness

NOT_READABLE = (ValueError, ArithmeticError, csv.Error)
"""Of a text that is no JSON or CSV."""

_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,6})?\s*")


def compare_json(a: str, b: str, closeness: Closeness, texts: TextComparison) -> Finding:
    """Two JSON documents; what differs in order of names and in blanks alone is identical.

    Raises:
        ValueError: one is no JSON, or has a name twice in one object.
        RecursionError: one is nested too deeply.
    """
    found = compare_values(_loaded(a), _loaded(b), closeness, texts)
    return found if found.agreement is not Agreement.IDENTICAL else found._replace(note="the same values")


def compare_json_lines(a: str, b: str, closeness: Closeness, texts: TextComparison) -> Finding:
    """A JSON document on each line; raises as :func:`compare_json`."""
    lines_a, lines_b = a.splitlines(), b.splitlines()

    def differences() -> Iterator[Finding]:
        for number, (one, other) in enumerate(zip(lines_a, lines_b, strict=False), start=1):
            if one != other:
                found = compare_json(one, other, closeness, texts)
                yield found._replace(where=f"line {number}{': ' if found.where else ''}{found.where}")
        if len(lines_a) != len(lines_b):
            where = f"line {min(len(lines_a), len(lines_b)) + 1}"
            yield diverged(where, f"{len(lines_b)} lines, was {len(lines_a)}")

    return worst(differences())


def compare_csv(a: str, b: str, delimiter: str, closeness: Closeness, texts: TextComparison) -> Finding:
    """Two tables, cell by cell; cells that are the same number written otherwise are within tolerance.

    Raises:
        csv.Error: one cannot be read.
    """
    rows_a, rows_b = _rows(a, delimiter), _rows(b, delimiter)
    head = rows_a[0] if rows_a else []

    def differences() -> Iterator[Finding]:
        for number, (one, other) in enumerate(zip(rows_a, rows_b, strict=False), start=1):
            if len(one) != len(other):
                yield diverged(f"row {number}", f"{len(other)} cells, was {len(one)}")
            for column, (cell_a, cell_b) in enumerate(zip(one, other, strict=False)):
                if cell_a != cell_b:
                    name = head[column] if column < len(head) and number > 1 else str(column + 1)
                    found = _compare_cells(cell_a, cell_b, closeness, texts)
                    yield found._replace(where=f"row {number}, column {name}")
        if len(rows_a) != len(rows_b):
            where = f"row {min(len(rows_a), len(rows_b)) + 1}"
            yield diverged(where, f"{len(rows_b)} rows, was {len(rows_a)}")

    return all_within(worst(differences()), "the same cells, written otherwise")


def _compare_cells(a: str, b: str, closeness: Closeness, texts: TextComparison) -> Finding:
    if _NUMBER.fullmatch(a) and _NUMBER.fullmatch(b):
        found = compare_numbers(Decimal(a), Decimal(b), closeness, texts)
        return all_within(found, "the same number")
    return texts(a, b)


def _loaded(text: str) -> Any:
    """Numbers keep all their digits."""
    return json.loads(text, parse_float=Decimal, object_pairs_hook=Pairs)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
