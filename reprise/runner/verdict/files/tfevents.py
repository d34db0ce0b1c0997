"""Event files of TensorBoard: what was logged at each step, without the times at which it was."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from reprise.runner.verdict.files.protobuf import Field, MessageReader, Messages

_HEAD, _FOOT = 12, 4  # bytes around each record: its length with a checksum, and a checksum
_FIRST = b"brain.Event:"
_WITHIN = 64  # bytes of the file in which that stands
_FLOATS = 1  # the type of a tensor

_MESSAGES: Messages = {
    "event": {
        1: Field("wall_time", "double"),
        2: Field("step", "int"),
        3: Field("file_version", "text"),
        4: Field("graph", "bytes"),
        5: Field("summary", "summary"),
        6: Field("log", "bytes"),
        10: Field("source", "bytes"),
    },
    "summary": {1: Field("values", "value", True)},
    "value": {
        1: Field("tag", "text"),
        2: Field("number", "float"),
        8: Field("tensor", "tensor"),
        9: Field("metadata", "metadata"),
    },
    "tensor": {
        1: Field("type", "int"),
        4: Field("content", "bytes"),
        5: Field("floats", "float", True),
        6: Field("doubles", "double", True),
        8: Field("texts", "text", True),
    },
    "metadata": {1: Field("plugin", "plugin")},
    "plugin": {1: Field("name", "text"), 2: Field("content", "bytes")},
    "hparams": {3: Field("begin", "session"), 4: Field("end", "end")},
    "session": {5: Field("start_time", "double")},
    "end": {1: Field("status", "int"), 2: Field("end_time", "double")},
}


def is_events(data: bytes) -> bool:
    return _FIRST in data[:_WITHIN]


def read_events(data: bytes) -> Any:
    """The values of each tag with their steps, in their order; and what else the events hold.

    Raises:
        ValueError: it is damaged.
    """
    found: dict[str, list[Any]] = {}
    for record in _read_records(data):
        event = MessageReader(_MESSAGES, _without_times).read_message(record, "event")
        step = event.pop("step", 0)
        for value in event.pop("summary", {}).get("values", ()):
            found.setdefault(value.pop("tag", ""), []).append({"step": step, **value})
        if event:
            found.setdefault("(events)", []).append({"step": step, **event})
    return found


def _read_records(data: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(data):
        head = data[place : place + _HEAD]
        length = int.from_bytes(head[:8], "little")
        end = place + _HEAD + length
        if len(head) < _HEAD or end + _FOOT > len(data):
            raise ValueError("it ends within an event")
        yield data[place + _HEAD : end]
        place = end + _FOOT


def _without_times(message: str, found: dict[str, Any]) -> dict[str, Any]:
    if message == "event":
        del found["wall_time"]
    elif message == "plugin" and found.get("name") == "hparams" and "content" in found:
        found["content"] = MessageReader(_MESSAGES, _without_times).read_message(
            found["content"], "hparams"
        )
    elif message in ("session", "end"):
        found.pop(f"{'start' if message == 'session' else 'end'}_time", None)
    elif message == "tensor" and found.get("type") == _FLOATS and len(found.get("content", b"")) % 4 == 0:
        content = found.pop("content", b"")
        found["floats"] = [
            *found.get("floats", ()),
            *(number for (number,) in struct.iter_unpack("<f", content)),
        ]
    return found
