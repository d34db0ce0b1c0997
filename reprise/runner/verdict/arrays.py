"""NumPy's arrays, value by value."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from reprise.runner.verdict.values import IDENTICAL, Finding, diverged, unknown, within
from reprise.schemas.tolerance import EXACT, Closeness

if TYPE_CHECKING:
    import numpy as np

_NUMBERS = "iufc"


def compare_npy(a: bytes, b: bytes, closeness: Closeness) -> Finding:
    """Shape and type exactly, numbers by tolerance; NaN is NaN. No object is unpickled.

    Raises:
        ValueError, EOFError: one is no array of NumPy, or one of objects.
    """
    try:
        import numpy as np
    except ImportError:
        return unknown("arrays are compared with NumPy, which is not installed beside reprise")
    one, other = (np.load(io.BytesIO(data), allow_pickle=False) for data in (a, b))
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return diverged(note=f"{_shown(other)}, was {_shown(one)}")
    if one.tobytes() == other.tobytes():
        return IDENTICAL._replace(note="the same values")
    if one.dtype.kind not in _NUMBERS:
        return diverged(note="other values")
    return _compare_numbers(one, other, closeness)


def _compare_numbers(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], closeness: Closeness) -> Finding:
    import numpy as np

    nan = (a != a) & (b != b)
    apart = ~((a == b) | nan)
    count = int(apart.sum())
    if count == 0:
        return within(note="zeros of another sign, or NaN with another payload")
    if closeness != EXACT:
        with np.errstate(all="ignore"):
            wide_a, wide_b = (array.astype(np.promote_types(array.dtype, np.float64)) for array in (a, b))
            limit = np.maximum(closeness.abs, closeness.rel * np.maximum(abs(wide_a), abs(wide_b)))
            finite = np.isfinite(wide_a) & np.isfinite(wide_b)
            apart &= ~(finite & (abs(wide_a - wide_b) <= limit))
        if not apart.any():
            return within(note=f"{count:,} of {a.size:,} values differ")
    first = tuple(int(index) for index in np.argwhere(apart)[0])
    where = f"[{', '.join(map(str, first))}]" if first else ""
    return diverged(where, f"{b[first]}, was {a[first]}; {int(apart.sum()):,} of {a.size:,} values")


def _shown(array: np.ndarray[Any, Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"
