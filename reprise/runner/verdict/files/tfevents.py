"""Event files of TensorBoard: what was logged at each step, without the times at which it was."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from reprise.runner.verdict.files.protobuf import MessageField, MessageReader, Messages

_HEAD, _FOOT = 12, 4  # bytes around each record: its length with a checksum, and a checksum
_FIRST = b"brain.Event:"
_WITHIN = 64  # bytes of the file that contain it
_FLOATS = 1  # the type of a tensor

_MESSAGES: Messages = {
    "event": {
        1: MessageField("wall_time", "double"),
        2: MessageField("step", "int"),
        3: MessageField("file_version", "text"),
        4: MessageField("graph", "bytes"),
        5: MessageField("summary", "summary"),
        6: MessageField("log", "bytes"),
        10: MessageField("source", "bytes"),
    },
    "summary": {1: MessageField("values", "value", True)},
    "value": {
        1: MessageField("tag", "text"),
        2: MessageField("number", "float"),
        8: MessageField("tensor", "tensor"),
        9: MessageField("metadata", "metadata"),
    },
    "tensor": {
        1: MessageField("type", "int"),
        4: MessageField("content", "bytes"),
        5: MessageField("floats", "float", True),
        6: MessageField("doubles", "double", True),
        8: MessageField("texts", "text", True),
    },
    "metadata": {1: MessageField("plugin", "plugin")},
    "plugin": {1: MessageField("name", "text"), 2: MessageField("content", "bytes")},
    "hparams": {3: MessageField("begin", "session"), 4: MessageField("end", "end")},
    "session": {5: MessageField("start_time", "double")},
    "end": {1: MessageField("status", "int"), 2: MessageField("end_time", "double")},
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
