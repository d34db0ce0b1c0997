"""Models of ONNX: messages of protobuf, read by the fields that hold names and numbers."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any

from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.files.arrays import ItemType, TypedArray, make_array

_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5
_MOST_FIELDS = 5_000_000
_DRAWN = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")

_TYPES = {
    1: ItemType("f", 4),
    2: ItemType("u", 1),
    3: ItemType("i", 1),
    4: ItemType("u", 2),
    5: ItemType("i", 2),
    6: ItemType("i", 4),
    7: ItemType("i", 8),
    9: ItemType("b", 1),
    10: ItemType("f", 2),
    11: ItemType("f", 8),
    12: ItemType("u", 4),
    13: ItemType("u", 8),
    14: ItemType("c", 8),
    15: ItemType("c", 16),
    16: ItemType("B", 2),
}


class _Known(NamedTuple):
    """A field of a message: ``type`` is a word or the name of a message; ``is_many``: it may come again."""

    name: str
    type: str
    is_many: bool = False


_MESSAGES: dict[str, dict[int, _Known]] = {
    "model": {
        1: _Known("ir_version", "int"),
        2: _Known("producer_name", "text"),
        3: _Known("producer_version", "text"),
        4: _Known("domain", "text"),
        5: _Known("model_version", "int"),
        6: _Known("doc_string", "text"),
        7: _Known("graph", "graph"),
        8: _Known("opset_import", "opset", True),
        14: _Known("metadata_props", "entry", True),
        25: _Known("functions", "function", True),
    },
    "opset": {1: _Known("domain", "text"), 2: _Known("version", "int")},
    "entry": {1: _Known("key", "text"), 2: _Known("value", "text")},
    "function": {
        1: _Known("name", "text"),
        4: _Known("input", "text", True),
        5: _Known("output", "text", True),
        6: _Known("attribute", "text", True),
        7: _Known("node", "node", True),
        10: _Known("domain", "text"),
        11: _Known("attribute_proto", "attribute", True),
    },
    "graph": {
        1: _Known("node", "node", True),
        2: _Known("name", "text"),
        5: _Known("initializer", "tensor", True),
        10: _Known("doc_string", "text"),
    },
    "node": {
        1: _Known("input", "text", True),
        2: _Known("output", "text", True),
        3: _Known("name", "text"),
        4: _Known("op_type", "text"),
        5: _Known("attribute", "attribute", True),
        6: _Known("doc_string", "text"),
        7: _Known("domain", "text"),
    },
    "attribute": {
        1: _Known("name", "text"),
        2: _Known("f", "float"),
        3: _Known("i", "int"),
        4: _Known("s", "text"),
        5: _Known("t", "tensor"),
        6: _Known("g", "graph"),
        7: _Known("floats", "float", True),
        8: _Known("ints", "int", True),
        9: _Known("strings", "text", True),
        10: _Known("tensors", "tensor", True),
        11: _Known("graphs", "graph", True),
        20: _Known("type", "int"),
    },
    "tensor": {
        1: _Known("dims", "int", True),
        2: _Known("data_type", "int"),
        4: _Known("float_data", "float", True),
        5: _Known("int32_data", "int", True),
        6: _Known("string_data", "text", True),
        7: _Known("int64_data", "int", True),
        8: _Known("name", "text"),
        9: _Known("raw_data", "bytes"),
        10: _Known("double_data", "double", True),
        11: _Known("uint64_data", "int", True),
        12: _Known("doc_string", "text"),
        13: _Known("external_data", "entry", True),
        14: _Known("data_location", "int"),
    },
}
_PACKED = {"float": "f", "double": "d"}


def read_onnx(data: bytes) -> Any:
    """The model as plain values, its tensors as arrays; fields that are not known stay bytes.

    Raises:
        ValueError: it is none.
    """
    found = _Reader().read(data, "model")
    graph = found.get("graph")
    if not isinstance(graph, dict):
        raise ValueError("it is no model of ONNX")
    if _DRAWN.fullmatch(graph.get("name", "")):
        del graph["name"]  # drawn at random by the converter
    return found


class _Reader:
    """Reads messages, and counts what it reads."""

    def __init__(self) -> None:
        self.read_fields = 0

    def read(self, data: bytes, message: str) -> dict[str, Any]:
        known = _MESSAGES[message]
        found: dict[str, Any] = {}
        for number, wire, value in _split(data):
            self.read_fields += 1
            if self.read_fields > _MOST_FIELDS:
                raise ValueError(f"it holds more than {_MOST_FIELDS:,} fields")
            field = known.get(number) or _Known(f"field {number}", "bytes", True)
            values = self._values(field.type, wire, value)
            if field.is_many:
                found.setdefault(field.name, []).extend(values)
            else:
                found[field.name] = values[-1]
        return _with_array(found) if message == "tensor" else found

    def _values(self, kind: str, wire: int, value: Any) -> list[Any]:
        """The value of a field, or all of those that are packed in one."""
        if kind in _MESSAGES and wire == _BYTES:
            return [self.read(value, kind)]
        if kind == "text" and wire == _BYTES:
            return [value.decode("utf-8", "backslashreplace")]
        if kind in _PACKED and wire == _BYTES:
            return [number for (number,) in struct.iter_unpack(f"<{_PACKED[kind]}", value)]
        if kind in _PACKED and isinstance(value, bytes):
            return list(struct.unpack(f"<{_PACKED[kind]}", value))
        if kind == "int" and wire == _BYTES:
            return [_signed(number) for number in _varints(value)]
        return [_signed(value) if isinstance(value, int) else value]


def _split(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and value of each field."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        wire = key & 7
        if wire == _VARINT:
            value: Any
            value, place = _varint(data, place)
        else:
            length, place = (
                _varint(data, place) if wire == _BYTES else ({_DOUBLE: 8, _FLOAT: 4}.get(wire, -1), place)
            )
            if length < 0 or place + length > len(data):
                raise ValueError("it is no message of protobuf")
            value, place = data[place : place + length], place + length
        yield key >> 3, wire, value


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data) and shift < 70:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
    raise ValueError("it is no message of protobuf")


def _varints(data: bytes) -> Iterator[int]:
    place = 0
    while place < len(data):
        value, place = _varint(data, place)
        yield value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _with_array(tensor: dict[str, Any]) -> dict[str, Any]:
    """A tensor whose raw bytes are an array."""
    item = _TYPES.get(tensor.get("data_type", 0))
    raw = tensor.get("raw_data")
    if item is None or not raw:
        return tensor
    array: TypedArray = make_array(item, tensor.get("dims", []), raw)
    return {**tensor, "raw_data": array}
