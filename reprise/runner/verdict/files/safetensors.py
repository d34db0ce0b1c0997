"""Files of safetensors: a header in JSON, and the bytes of all tensors behind it."""

from __future__ import annotations

import json
from typing import Any

from reprise.runner.verdict.files.arrays import ItemType, make_array

_LONGEST = 100_000_000  # bytes of a header, as the format has it
_TYPES = {
    "F64": ItemType("f", 8),
    "F32": ItemType("f", 4),
    "F16": ItemType("f", 2),
    "BF16": ItemType("B", 2),
    "C64": ItemType("c", 8),
    "I64": ItemType("i", 8),
    "I32": ItemType("i", 4),
    "I16": ItemType("i", 2),
    "I8": ItemType("i", 1),
    "U64": ItemType("u", 8),
    "U32": ItemType("u", 4),
    "U16": ItemType("u", 2),
    "U8": ItemType("u", 1),
    "BOOL": ItemType("b", 1),
}


def is_safetensors(data: bytes) -> bool:
    """Whether it begins as such files do."""
    return data[8:9] == b"{" and 2 <= int.from_bytes(data[:8], "little") <= min(_LONGEST, len(data) - 8)


def read_safetensors(data: bytes) -> dict[str, Any]:
    """The tensors by name; what else the header says is at ``__metadata__``. Other types stay bytes.

    Raises:
        ValueError: it is damaged.
    """
    begin = 8 + int.from_bytes(data[:8], "little")
    try:
        head = json.loads(data[8:begin])
        return {
            name: value if name == "__metadata__" else _read_tensor(data, begin, value)
            for name, value in head.items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its header is damaged: {error}") from error


def _read_tensor(data: bytes, begin: int, described: dict[str, Any]) -> Any:
    start, end = described["data_offsets"]
    shape, kind = described["shape"], described["dtype"]
    piece = data[begin + start : begin + end]
    return make_array(_TYPES[kind], shape, piece) if kind in _TYPES else (kind, tuple(shape), piece)
