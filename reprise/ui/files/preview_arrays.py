"""NumPy's ``.npy`` files, read without NumPy. An array of objects is a pickle and is never loaded."""

from __future__ import annotations

import ast
import struct
from collections.abc import Mapping, Sequence

from reprise.named_tuple import NamedTuple

READ_LIMIT = 64 * 1024
"""Bytes that are read."""

VALUES = 200
_HEADER_LIMIT = 8192
_LETTERS = {
    "f2": "e",
    "f4": "f",
    "f8": "d",
    "b1": "?",
    **dict(zip(("i1", "i2", "i4", "i8"), "bhiq", strict=True)),
    **dict(zip(("u1", "u2", "u4", "u8"), "BHIQ", strict=True)),
}
"""The letters of ``struct`` for the plain types of NumPy."""


class Array(NamedTuple):
    values: str
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str] = ()


def array(head: bytes) -> Array | None:
    """Return a preview from the first bytes of the file, or None if it is not an array."""
    if not head.startswith(b"\x93NUMPY") or len(head) < 12:
        return None
    wide = head[6] >= 2
    start = 12 if wide else 10
    (length,) = struct.unpack_from("<I" if wide else "<H", head, 8)
    if length > _HEADER_LIMIT or start + length > len(head):
        return None
    try:
        described = ast.literal_eval(head[start : start + length].decode("latin-1").strip())
        return _described(described, head[start + length :])
    except (ValueError, SyntaxError, TypeError, KeyError, OverflowError, MemoryError, RecursionError):
        return None  # not a NumPy header, or invalid numbers in it


def _described(header: Mapping[str, object], data: bytes) -> Array:
    dtype, shape = header["descr"], header["shape"]
    if not isinstance(shape, tuple) or not all(isinstance(length, int) for length in shape):
        raise TypeError(shape)
    facts = [("type", str(dtype)[:200]), ("shape", " x ".join(map(str, shape))[:200] or "one value")]
    facts.append(("order", "by columns (Fortran)" if header.get("fortran_order") else "by rows (C)"))
    if not isinstance(dtype, str) or dtype[1:] not in _LETTERS:
        return Array("", facts, ("There is no preview for values of this type.",))
    return _first_values(data, dtype, shape, facts)


def _first_values(data: bytes, dtype: str, shape: tuple[int, ...], facts: list[tuple[str, str]]) -> Array:
    total = 1
    for length in shape:
        total *= max(length, 0)
    count = min(total, VALUES, len(data) // int(dtype[2:]))
    order = ">" if dtype[0] == ">" else "<"
    values = struct.unpack_from(f"{order}{count}{_LETTERS[dtype[1:]]}", data)
    text = "  ".join(f"{value:.7g}" if isinstance(value, float) else str(value) for value in values)
    notes = (f"The first {count:,} of {total:,} values.",) if total > count else ()
    return Array(text, facts, notes)
