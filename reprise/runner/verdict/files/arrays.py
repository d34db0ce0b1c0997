"""Arrays of one type of item, as files of many kinds hold them: read and compared without NumPy."""

from __future__ import annotations

import math
import re
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.files.spread import Spread
from reprise.runner.verdict.numbers import Number, is_close
from reprise.runner.verdict.values import IDENTICAL, Finding, make_diverged, make_unknown, make_within
from reprise.schemas.tolerance import Closeness

LARGEST = 1 << 28
"""Bytes that an array may take; more is refused, for a header can claim anything."""

_AT_ONCE = 4096  # items that are looked at only when their bytes differ
_CODES = {"i": "bhiq", "u": "BHIQ"}
_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_NATIVE = "<" if sys.byteorder == "little" else ">"
_WORDS = {"i": "int", "u": "uint", "f": "float", "c": "complex", "b": "bool", "U": "text", "S": "bytes"}

Numbers: TypeAlias = Sequence[int] | Sequence[float]


class ItemType(NamedTuple):
    """The type of the items, in NumPy's letters: ``kind`` of the number, ``size`` in bytes, ``order`` of
    bytes.

    ``B`` is bfloat16's. A record (``V``) has ``fields``, which leave gaps whose bytes mean nothing; the
    shape is that of a field with several items.
    """

    kind: str
    size: int
    order: str = "<"
    fields: tuple[ItemField, ...] = ()
    shape: tuple[int, ...] = ()

    @property
    def whole_size(self) -> int:
        """Bytes that a field of this type takes."""
        return self.size * math.prod(self.shape)

    @property
    def name(self) -> str:
        if self.kind == "B":
            return "bfloat16"
        return f"{_WORDS[self.kind]}{self.size * 8}" if self.kind in _WORDS else f"{self.kind}{self.size}"


class ItemField(NamedTuple):
    """A field of a record; ``offset`` in bytes."""

    name: str
    type: ItemType
    offset: int


@dataclass(frozen=True, slots=True)
class TypedArray:
    """``data`` are the items in C order, without gaps between them."""

    item: ItemType
    shape: tuple[int, ...]
    data: bytes

    @property
    def describe(self) -> str:
        """``float32 [3, 4]``"""
        return f"{self.item.name} {list(self.shape)}"


def read_item_type(text: str) -> ItemType:
    """The type that NumPy writes as ``<f8``.

    Raises:
        ValueError: it is none of numbers, texts, bytes or times.
    """
    match = re.fullmatch(r"([<>|=]?)([biufcSUMmV?])(\d*)(\[[^\]]*\])?", text)
    if match is None:
        raise ValueError(f"an array of {text[:40]!r} is not looked into")
    order, kind, size, _unit = match.groups()
    kind, width = ("b", 1) if kind == "?" else (kind, int(size or 1))
    width *= 4 if kind == "U" else 1
    return ItemType(kind, width, _NATIVE if order in ("=", "|", "") else order)


def make_array(
    item: ItemType, shape: Sequence[int], data: bytes, *, is_fortran: bool = False
) -> TypedArray:
    """The array whose items ``data`` has in C or in Fortran order.

    Raises:
        ValueError: there are more or fewer bytes than the shape needs.
    """
    sizes = tuple(shape)
    if any(size < 0 for size in sizes) or math.prod(sizes) * item.size != len(data):
        raise ValueError(f"{len(data):,} bytes are not an array of {item.name} {list(sizes)}")
    if is_fortran and len(sizes) > 1:
        steps = [math.prod(sizes[:axis]) for axis in range(len(sizes))]
        data = gather_items(data, item.size, 0, sizes, steps)
    return TypedArray(item, sizes, data)


def gather_items(data: bytes, size: int, offset: int, shape: Sequence[int], steps: Sequence[int]) -> bytes:
    """The items of ``size`` bytes at ``offset`` and ``steps`` (counted in items), in C order.

    Raises:
        ValueError: they are too many, or outside of ``data``.
    """
    if 0 in shape:
        return b""
    last = offset + sum((length - 1) * step for length, step in zip(shape, steps, strict=True))
    if math.prod(shape) * size > LARGEST or offset < 0 or min(steps, default=0) < 0:
        raise ValueError("it claims more than is looked into")
    if (last + 1) * size > len(data):
        raise ValueError("it claims more bytes than there are")
    if not shape:
        return data[offset * size : (offset + 1) * size]
    *outer, inner = shape
    *outer_steps, inner_step = steps
    starts = (offset + sum(map(int.__mul__, place, outer_steps)) for place in product(*map(range, outer)))
    return b"".join(_read_row(data, size, start, inner, inner_step) for start in starts)


def _read_row(data: bytes, size: int, start: int, length: int, step: int) -> bytes:
    if step == 1:
        return data[start * size : (start + length) * size]
    if step == 0:
        return data[start * size : (start + 1) * size] * length
    if size in _UNSIGNED:
        items = _view_items(data[: len(data) // size * size], _UNSIGNED[size])
        return items[start : start + (length - 1) * step + 1 : step].tobytes()
    places = range(start, start + length * step, step)
    return b"".join(data[place * size : (place + 1) * size] for place in places)


def compare_arrays(a: TypedArray, b: TypedArray, closeness: Closeness, spread: Spread) -> Finding:
    """Two arrays of numbers; NaN is NaN, and zeros are equal whatever their sign."""
    try:
        numbers = _to_numbers(a), _to_numbers(b)
    except ValueError as error:
        return make_unknown(f"the bytes differ, and {error}")
    return _compare_numbers(*numbers, a.shape, closeness, spread)


def _compare_numbers(
    a: Numbers, b: Numbers, shape: tuple[int, ...], closeness: Closeness, spread: Spread
) -> Finding:
    """The first number that is not close; ``spread`` counts all that differ."""
    before = spread.count
    first: tuple[int, Number, Number] | None = None
    for index, one, other in _find_unequal(a, b):
        spread.add(one, other)
        if first is None and not is_close(one, other, closeness):
            first = index, one, other
    if first is None:
        return IDENTICAL if spread.count == before else make_within()
    index, was, found = first
    return make_diverged(place_of(index * math.prod(shape) // len(a), shape), f"{found}, was {was}")


def _find_unequal(a: Numbers, b: Numbers) -> Iterator[tuple[int, Number, Number]]:
    """Index and values where two sequences differ."""
    for start in range(0, len(a), _AT_ONCE):
        one, other = a[start : start + _AT_ONCE], b[start : start + _AT_ONCE]
        if _to_bytes(one) == _to_bytes(other):
            continue
        for index, (left, right) in enumerate(zip(one, other, strict=True), start):
            if left != right and (left == left or right == right):
                yield index, left, right


def _to_bytes(numbers: Numbers) -> object:
    return numbers.cast("B") if isinstance(numbers, memoryview) else numbers


def place_of(index: int, shape: tuple[int, ...]) -> str:
    """``[2, 0]``"""
    found: list[int] = []
    for size in reversed(shape):
        index, rest = divmod(index, size)
        found.insert(0, rest)
    return str(found) if found else ""


def _to_numbers(of: TypedArray) -> Numbers:
    """The items as numbers; those of complex ones are two each.

    Raises:
        ValueError: they are not numbers in Python.
    """
    kind, size = of.item.kind, of.item.size
    if kind == "c":
        kind, size = "f", size // 2
    kind = {"M": "i", "m": "i", "b": "u"}.get(kind, kind)
    if kind == "B":
        halves = _cast_items(of, "H", 2)
        return array("f", struct.pack(f"{len(halves)}I", *(int(half) << 16 for half in halves)))
    if kind == "f" and size == 2:
        return array("f", (value for (value,) in struct.iter_unpack(f"{of.item.order}e", of.data)))
    if kind == "f" and size in (4, 8):
        return _cast_items(of, "f" if size == 4 else "d", size)
    if kind in _CODES and size in (1, 2, 4, 8):
        return _cast_items(of, _CODES[kind][size.bit_length() - 1], size)
    raise ValueError(f"items of type {of.item.name} are not looked into")


def _view_items(data: bytes, code: str) -> memoryview[int]:
    return memoryview(data).cast(code)  # type: ignore[call-overload, no-any-return]


def _cast_items(of: TypedArray, code: str, size: int) -> Numbers:
    if of.item.order == _NATIVE or size == 1:
        return _view_items(of.data, code)
    swapped = array(code, of.data)
    swapped.byteswap()
    return memoryview(swapped)


def read_fields(of: TypedArray) -> dict[str, TypedArray]:
    """The fields of an array of records, each as an array."""
    return {field.name: _take_field(of, field) for field in of.item.fields}


def _take_field(of: TypedArray, field: ItemField) -> TypedArray:
    width = field.type.whole_size
    starts = range(field.offset, len(of.data), of.item.size)
    data = b"".join(of.data[start : start + width] for start in starts)
    return make_array(field.type._replace(shape=()), (*of.shape, *field.type.shape), data)


def read_texts(of: TypedArray) -> list[str]:
    """The texts of an array of texts or of bytes."""
    pieces = [of.data[start : start + of.item.size] for start in range(0, len(of.data), of.item.size or 1)]
    if of.item.kind == "S":
        return [piece.rstrip(b"\0").decode("utf-8", "backslashreplace") for piece in pieces]
    coding = "utf-32-le" if of.item.order == "<" else "utf-32-be"
    return [piece.decode(coding, "replace").rstrip("\0") for piece in pieces]
