"""Which texts of params are numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence


def finite(text: str) -> float | None:
    """The number that ``text`` is; None for words, NaN, infinity, and what Python alone takes for one."""
    if len(text) > 40 or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def all_finite(texts: Sequence[str | None]) -> list[float | None] | None:
    """The numbers that ``texts`` are, without a text None; None where one of them is no number."""
    found = [None if text is None else finite(text) for text in texts]
    are_all = all((text is None) == (value is None) for text, value in zip(texts, found, strict=True))
    return found if are_all else None
