"""Times, durations, sizes and numbers as people read them, on the terminal and on pages."""

from __future__ import annotations

import time


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
