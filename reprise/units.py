"""Times, durations, sizes and numbers as people read and write them, on the terminal and on pages."""

from __future__ import annotations

import re
import time
from typing import NewType

from reprise.errors import UsageError

Bytes = NewType("Bytes", int)
Seconds = NewType("Seconds", float)

_CLOCK = r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)"
_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def read_size(what: str, text: str) -> int:
    """Return the bytes of ``500M``, ``1.5 GB`` (powers of 1000) or ``2GiB`` (powers of 1024).

    Raises:
        UsageError: it is not a size; ``what`` names the option.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?))?b?", text.strip().lower())
    if found is None:
        raise UsageError(f'{what} is "{text}", which is not a size', hint="write 500M, 2GB or 2GiB")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2] or " "))


def read_duration(what: str, text: str) -> Seconds:
    """Return the seconds of ``90``, ``90s``, ``30m``, ``1.5h``, ``2d``, ``01:30:00`` or ``1-12:00:00``.

    Raises:
        UsageError: it is not a duration above 0; ``what`` names the option.
    """
    words = text.strip().lower()
    if clock := re.fullmatch(_CLOCK, words):
        days, hours, minutes, seconds = (int(number or 0) for number in clock.groups())
        total = float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    elif (amount := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", words)) and amount[2] in _UNITS:
        total = float(amount[1]) * _UNITS[amount[2]]
    else:
        total = 0.0
    if total <= 0:
        raise UsageError(
            f'{what} is "{text}", which is not a duration', hint="write 90s, 30m, 2h or 01:30:00"
        )
    return Seconds(total)


def ago(milliseconds: int) -> str:
    """How long a time is past: ``12 s ago``, ``3 min ago``, ``2 h ago``, ``5 d ago``."""
    return f"{duration(time.time() - milliseconds / 1000)} ago"


def duration(seconds: float) -> str:
    """``0.8 s``, ``12 s``, ``3 min``, ``2 h``, ``5 d``."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(count: int) -> str:
    """Bytes for people: ``0 bytes``, ``12 kB``, ``1.2 GB``."""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if count >= 10**power:
            return f"{count / 10**power:.{1 if count < 10 ** (power + 1) else 0}f} {unit}"
    return f"{count} bytes"


def counted(number: int, noun: str) -> str:
    """``1 run``, ``1,200 runs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
