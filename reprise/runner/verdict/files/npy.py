"""NumPy's files of one array."""

from __future__ import annotations

import ast
import io
from typing import Any

from reprise.runner.verdict.files.arrays import ItemField, ItemType, make_array, read_item_type
from reprise.runner.verdict.files.pickles import read_pickle

MAGIC = b"\x93NUMPY"
_LONGEST = 1 << 20  # bytes of a header


def read_npy(data: bytes) -> Any:
    """The array of a ``.npy`` file; of one that holds objects, what their pickle would make.

    Raises:
        ValueError: it is none, or is damaged.
    """
    if not data.startswith(MAGIC) or len(data) < 12:
        raise ValueError("it is not a NumPy array")
    width = 2 if data[6] == 1 else 4
    begin = 8 + width
    length = int.from_bytes(data[8:begin], "little")
    if length > _LONGEST:
        raise ValueError("its header is longer than any")
    try:
        head = ast.literal_eval(data[begin : begin + length].decode("utf-8" if data[6] > 2 else "latin-1"))
        described, shape, is_fortran = head["descr"], head["shape"], head["fortran_order"]
    except (SyntaxError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise ValueError("its header cannot be read") from error
    rest = data[begin + length :]
    if described == "|O":
        return read_pickle(io.BytesIO(rest))
    return make_array(_item_type(described), shape, rest, is_fortran=bool(is_fortran))


def _item_type(described: Any) -> ItemType:
    """Return a type from NumPy's description: a text, or a list of consecutive fields."""
    if isinstance(described, str):
        return read_item_type(described)
    if isinstance(described, tuple):
        inner, shape = described
        return _item_type(inner)._replace(shape=tuple(shape))
    fields: list[ItemField] = []
    end = 0
    for name, kind, *shape in described:
        item = _item_type(kind)
        if shape:
            item = item._replace(shape=tuple(shape[0]) if isinstance(shape[0], tuple) else (shape[0],))
        if name:  # a gap has none
            fields.append(ItemField(name if isinstance(name, str) else name[-1], item, end))
        end += item.whole_size
    return ItemType("V", end, fields=tuple(fields))
