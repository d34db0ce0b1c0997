"""Numbers by tolerance."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TypeAlias

from reprise.runner.verdict.values import Agreement
from reprise.schemas.tolerance import EXACT, Closeness

Number: TypeAlias = int | float | Decimal


def compare_numbers(a: Number, b: Number, closeness: Closeness = EXACT) -> Agreement:
    """NaN is NaN, and zeros are equal. An int is the same as its float, but not identical."""
    if a != a and b != b:
        return Agreement.IDENTICAL
    if a == b:
        return (
            Agreement.IDENTICAL if isinstance(a, int) == isinstance(b, int) else Agreement.WITHIN_TOLERANCE
        )
    return Agreement.WITHIN_TOLERANCE if is_close(a, b, closeness) else Agreement.DIVERGED


def is_close(a: Number, b: Number, closeness: Closeness) -> bool:
    """Whether two numbers that are not equal differ by no more than ``closeness`` allows."""
    if closeness == EXACT:  # as floats, numbers that differ far behind the point would be equal
        return False
    try:
        return math.isclose(a, b, rel_tol=closeness.rel, abs_tol=closeness.abs)
    except OverflowError:  # an int beyond every float
        return False
