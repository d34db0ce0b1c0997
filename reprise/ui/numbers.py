"""Which texts of params and addresses are numbers, and names in the order of theirs."""

from __future__ import annotations

import math
import re
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


def counting(text: str) -> int | None:
    """The number of a line or of an entry that an address names; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def all_finite(texts: Sequence[str | None]) -> list[float | None] | None:
    """The numbers that ``texts`` are, without a text None; None where one of them is no number."""
    found = [None if text is None else finite(text) for text in texts]
    are_all = all((text is None) == (value is None) for text, value in zip(texts, found, strict=True))
    return found if are_all else None


def natural(name: str) -> list[str]:
    """A key to sort names by: ``layer_2`` stands before ``layer_10``."""
    return [part.zfill(20) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
