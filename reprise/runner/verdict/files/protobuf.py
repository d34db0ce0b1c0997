"""Messages of protobuf, read by tables of the fields that are known; what is not known stays bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from reprise.named_tuple import NamedTuple

_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5
_MOST_FIELDS = 5_000_000
_PACKED = {"float": "f", "double": "d"}


class MessageField(NamedTuple):
    """A field of a message: ``type`` is a word or the name of a message; ``is_many``: it may come again."""

    name: str
    type: str
    is_many: bool = False


Messages: TypeAlias = Mapping[str, Mapping[int, MessageField]]
"""The fields of each message by their numbers."""

Finish: TypeAlias = Callable[[str, dict[str, Any]], dict[str, Any]]
"""What a message of this name means, once it is read."""


class MessageReader:
    """Reads messages, and counts what it reads."""

    def __init__(self, messages: Messages, finish: Finish) -> None:
        self._messages = messages
        self._finish = finish
        self._read_fields = 0

    def read_message(self, data: bytes, message: str) -> dict[str, Any]:
        """The fields of ``data`` by their names.

        Raises:
            ValueError: it is not a message of this kind.
        """
        known = self._messages[message]
        found: dict[str, Any] = {}
        for number, wire, value in _split_fields(data):
            self._read_fields += 1
            if self._read_fields > _MOST_FIELDS:
                raise ValueError(f"it holds more than {_MOST_FIELDS:,} fields")
            field = known.get(number) or MessageField(f"field {number}", "bytes", True)
            values = self._read_values(field.type, wire, value)
            if field.is_many:
                found.setdefault(field.name, []).extend(values)
            else:
                found[field.name] = values[-1]
        return self._finish(message, found)

    def _read_values(self, kind: str, wire: int, value: Any) -> list[Any]:
        """The value of a field, or all of those that are packed in one."""
        if kind in self._messages and wire == _BYTES:
            return [self.read_message(value, kind)]
        if kind == "text" and wire == _BYTES:
            return [value.decode("utf-8", "backslashreplace")]
        if kind in _PACKED and wire == _BYTES:
            return [number for (number,) in struct.iter_unpack(f"<{_PACKED[kind]}", value)]
        if kind in _PACKED and isinstance(value, bytes):
            return list(struct.unpack(f"<{_PACKED[kind]}", value))
        if kind == "int" and wire == _BYTES:
            return [_to_signed(number) for number in _read_varints(value)]
        return [_to_signed(value) if isinstance(value, int) else value]


def _split_fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and value of each field."""
    place = 0
    while place < len(data):
        key, place = _read_varint(data, place)
        wire = key & 7
        if wire == _VARINT:
            value: Any
            value, place = _read_varint(data, place)
        else:
            length, place = (
                _read_varint(data, place)
                if wire == _BYTES
                else ({_DOUBLE: 8, _FLOAT: 4}.get(wire, -1), place)
            )
            if length < 0 or place + length > len(data):
                raise ValueError("it is not a protobuf message")
            value, place = data[place : place + length], place + length
        yield key >> 3, wire, value


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data) and shift < 70:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
    raise ValueError("it is not a protobuf message")


def _read_varints(data: bytes) -> Iterator[int]:
    place = 0
    while place < len(data):
        value, place = _read_varint(data, place)
        yield value


def _to_signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
