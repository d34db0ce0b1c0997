"""Reads protobuf's wire format: a message as its fields by number, each a list of what was sent.

Enough for the few messages that reach us in it. A field is an integer (varints, fixed numbers) or bytes
(text, messages); what it means, its reader knows.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Mapping, Sequence

Field = int | bytes
Fields = Mapping[int, Sequence[Field]]

_VARINT, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10  # bytes


def read_message(data: bytes) -> Fields:
    """The fields of a message.

    Raises:
        ValueError: ``data`` is not a message, or it ends too early.
    """
    fields: dict[int, list[Field]] = defaultdict(list)
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("a field has the number 0")
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            fields[number].append(value)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            piece, at = _take_bytes(data, at, 8 if kind == _EIGHT_BYTES else 4)
            fields[number].append(int.from_bytes(piece, "little"))
        elif kind == _COUNTED:
            length, at = _read_varint(data, at)
            piece, at = _take_bytes(data, at, length)
            fields[number].append(piece)
        else:
            raise ValueError(f"a field has the unknown wire type {kind}")
    return fields


def as_bytes(fields: Fields, number: int) -> bytes:
    """The last value of a field of bytes, empty when it was not sent. Raises ValueError: it is no bytes."""
    value = fields[number][-1] if fields.get(number) else b""
    if isinstance(value, int):
        raise ValueError(f"field {number} is a number")
    return value


def as_text(fields: Fields, number: int) -> str:
    """The last value of a text field. Raises ValueError: it is no UTF-8."""
    return as_bytes(fields, number).decode()


def as_number(fields: Fields, number: int) -> int:
    """The last value of an unsigned number, 0 when it was not sent. Raises ValueError: it is bytes."""
    value = fields[number][-1] if fields.get(number) else 0
    if not isinstance(value, int):
        raise ValueError(f"field {number} is not a number")
    return value


def as_messages(fields: Fields, number: int) -> list[Fields]:
    """The messages of a repeated field. Raises ValueError: one is no message."""
    pieces = fields.get(number, ())
    return [read_message(piece) for piece in pieces if isinstance(piece, bytes)]


def decode_signed(value: int) -> int:
    """A varint of 64 bits as the signed number that it is."""
    return value - (1 << 64) if value >> 63 else value


def decode_double(value: int) -> float:
    """Eight bytes, read as an integer, as the floating-point number that they are."""
    number: float = struct.unpack("<d", value.to_bytes(8, "little"))[0]
    return number


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for count in range(_LONGEST_VARINT):
        if at + count >= len(data):
            raise ValueError("it ends inside a number")
        byte = data[at + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value & (2**64 - 1), at + count + 1
    raise ValueError("a number is too long")


def _take_bytes(data: bytes, at: int, length: int) -> tuple[bytes, int]:
    if at + length > len(data):
        raise ValueError("it ends inside a field")
    return data[at : at + length], at + length
