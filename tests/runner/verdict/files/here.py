"""Readings of this process: what a library says of files, without starting another one."""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.files import reading
from reprise.runner.verdict.files.compare_files import compare_files
from reprise.runner.verdict.files.readings import NotRead, read_written
from reprise.runner.verdict.values import Agreement
from reprise.schemas.tolerance import Closeness


class Here:
    """What :class:`ReadingsByProcess` says, at once."""

    def read_file(self, kind: str, data: bytes) -> tuple[Any, str]:
        stream = io.BytesIO()
        try:
            with warnings.catch_warnings():
                written = reading.READERS[kind](data, reading.Blob(stream))
        except Exception as error:
            raise NotRead(f"it cannot be read: {error}") from error
        return read_written(json.loads(json.dumps(written)), stream.getvalue()), ""


EXACTLY = Looking(readings=Here())
CLOSE = Looking(Closeness(1e-6, 1e-6), readings=Here())
IDENTICAL, WITHIN, UNKNOWN, DIVERGED = (
    Agreement.IDENTICAL,
    Agreement.WITHIN_TOLERANCE,
    Agreement.NOT_COMPARABLE,
    Agreement.DIVERGED,
)


def compared(name: str, a: bytes | str, b: bytes | str, looking: Looking = EXACTLY) -> Agreement:
    """The word on two files, which is the same in both directions."""
    one, other = (data if isinstance(data, bytes) else data.encode() for data in (a, b))
    found = compare_files(name, one, other, looking)
    assert compare_files(name, other, one, looking).agreement is found.agreement
    return found.agreement
