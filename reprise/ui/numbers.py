"""Numbers in the texts of params and addresses, and natural sorting of names."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence


def finite(text: str) -> float | None:
    """Return ``text`` as a number; None for other text, NaN, infinity, and notations only Python has."""
    if len(text) > 40 or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def counting(text: str) -> int | None:
    """Return a non-negative integer from an address, or None."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def all_finite(texts: Sequence[str | None]) -> list[float | None] | None:
    """Return ``texts`` as numbers, None for a missing text; None if any text is not a number."""
    found = [None if text is None else finite(text) for text in texts]
    are_all = all((text is None) == (value is None) for text, value in zip(texts, found, strict=True))
    return found if are_all else None


def natural(name: str) -> list[str]:
    """Return a sort key that puts ``layer_2`` before ``layer_10``."""
    return [part.zfill(20) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
