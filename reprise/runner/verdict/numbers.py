"""Numbers by tolerance, and values of JSON with numbers in them: their structure exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias

from reprise.runner.verdict.values import IDENTICAL, Agreement, Finding, diverged, within, worst
from reprise.schemas.tolerance import EXACT, Closeness

Number: TypeAlias = int | float | Decimal

TextComparison: TypeAlias = Callable[[str, str], Finding]


def agreement(a: Number, b: Number, closeness: Closeness = EXACT) -> Agreement:
    """NaN is NaN. Zeros of other signs, and an int beside a float, are the same but not identical."""
    if a != a and b != b:
        return Agreement.IDENTICAL
    if a == b:
        alike = isinstance(a, int) == isinstance(b, int)
        signs = a != 0 or math.copysign(1, a) == math.copysign(1, b)
        return Agreement.IDENTICAL if alike and signs else Agreement.WITHIN_TOLERANCE
    return Agreement.WITHIN_TOLERANCE if _is_close(a, b, closeness) else Agreement.DIVERGED


def _is_close(a: Number, b: Number, closeness: Closeness) -> bool:
    if closeness == EXACT:  # as floats, numbers that differ far behind the point would be equal
        return False
    try:
        return math.isclose(a, b, rel_tol=closeness.rel, abs_tol=closeness.abs)
    except OverflowError:  # an int beyond every float
        return False


def compare_numbers(
    a: Number, b: Number, closeness: Closeness, texts: TextComparison, where: str = ""
) -> Finding:
    """Two numbers, which as ``texts`` may be times of their runs."""
    word = agreement(a, b, closeness)
    if word is Agreement.IDENTICAL:
        return IDENTICAL
    if word is Agreement.DIVERGED and (found := texts(str(a), str(b))).agreement is not word:
        return found._replace(where=where)
    return Finding(word, where, f"{b}, was {a}")


def compare_values(a: Any, b: Any, closeness: Closeness, texts: TextComparison) -> Finding:
    """Values as JSON has them; objects are lists of pairs wrapped in :class:`Pairs`.

    Raises:
        RecursionError: they are nested too deeply.
    """
    return worst(_differences(a, b, closeness, texts, ""))


class Pairs(dict[str, Any]):
    """An object of JSON whose names are unique.

    Raises:
        ValueError: a name is there twice; which one counts depends on who reads it.
    """

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        if len(self) != len(pairs):
            raise ValueError("a name is twice in one object")


def _differences(
    a: Any, b: Any, closeness: Closeness, texts: TextComparison, path: str
) -> Iterator[Finding]:
    match a, b:
        case dict(), dict():
            for name in [*a, *(name for name in b if name not in a)]:
                inside = f"{path} -> {name}" if path else name
                if name not in a or name not in b:
                    yield diverged(inside, "is new" if name in b else "is missing")
                else:
                    yield from _differences(a[name], b[name], closeness, texts, inside)
        case list(), list():
            for number, (one, other) in enumerate(zip(a, b, strict=False)):
                yield from _differences(one, other, closeness, texts, f"{path}[{number}]")
            if len(a) != len(b):
                yield diverged(f"{path}[{min(len(a), len(b))}]", f"{len(b)} items, was {len(a)}")
        case str(), str():
            if a != b:
                yield texts(a, b)._replace(where=path)
        case (bool() | None, _) | (_, bool() | None):
            if a is not b:
                yield diverged(path, f"{_shown(b)}, was {_shown(a)}")
        case ((int() | float() | Decimal()), (int() | float() | Decimal())):
            yield compare_numbers(a, b, closeness, texts, path)
        case _:
            yield diverged(path, f"{_shown(b)}, was {_shown(a)}")


def _shown(value: Any) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case bool() | None:
            return str(value).lower() if value is not None else "null"
    return f'"{value}"' if isinstance(value, str) else str(value)


def all_within(finding: Finding, note: str) -> Finding:
    """What is equal in every value, but was not so in its bytes."""
    return within(finding.where, note) if finding.agreement is Agreement.IDENTICAL else finding
