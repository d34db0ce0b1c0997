"""Times and durations as protobuf writes them in JSON: ``2025-01-02T03:04:05.678Z`` and ``1.500s``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from reprise.server.api.wire import invalid

Moment = Annotated[datetime, msgspec.Meta(tz=True)]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION = re.compile(r"(?P<seconds>\d{1,11}(?:\.\d{1,9})?)s")


def milliseconds(moment: datetime) -> int:
    """Since the epoch."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def as_moment(time: int) -> str:
    try:
        moment = _EPOCH + timedelta(milliseconds=time)
    except OverflowError:  # older clients give any 64-bit number
        moment = datetime.max.replace(tzinfo=UTC) if time > 0 else datetime.min.replace(tzinfo=UTC)
    return moment.isoformat(timespec="milliseconds" if time % 1000 else "seconds").replace("+00:00", "Z")


def read_duration(text: str) -> int:
    """``1.500s`` in ms."""
    if match := _DURATION.fullmatch(text):
        return round(float(match["seconds"]) * 1000)
    raise invalid(f"Invalid value {text!r} for parameter 'execution_duration' supplied: not like 1.5s")


def as_duration(duration: int) -> str:
    seconds, rest = divmod(duration, 1000)
    return f"{seconds}.{rest:03d}s" if rest else f"{seconds}s"
