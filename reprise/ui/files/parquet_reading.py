"""The first rows of a parquet file, read in a separate process.

A parquet file of two kilobytes can expand to gigabytes, and a malformed file can crash its reader. So a
separate process reads it with limited memory and time, and returns JSON or nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from io import UnsupportedOperation
from typing import Any, BinaryIO

from reprise.named_tuple import NamedTuple

COLUMNS, ROWS = 200, 1000
CELL = 500
"""Characters of one value, plus one more if it is longer."""

_MEMORY = 2 << 30  # bytes of address space; the libraries take a third of a gigabyte
_SECONDS = 10
_ANSWER = 8 << 20  # characters of all values
_SPOOLED = 64 << 20  # bytes of a remote file
_BATCH = 100  # rows
_few = threading.BoundedSemaphore(2)  # concurrent processes


class Head(NamedTuple):
    """The result; ``columns`` are all column names, ``rows`` the values of the first columns."""

    columns: list[str]
    rows: list[list[str]]
    total: int


def head_of(stream: BinaryIO, size: int) -> Head | None:
    """Return the first rows, or None if the file is not a parquet file or exceeds the limits."""
    try:
        with suppress(UnsupportedOperation, AttributeError):
            stream.fileno()
            return _asked(stream)
        if size > _SPOOLED:
            return None
        with tempfile.TemporaryFile() as copy:
            while piece := stream.read(1 << 20):
                copy.write(piece)
            copy.seek(0)
            return _asked(copy)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _asked(file: Any) -> Head:
    command = [sys.executable, "-P", "-m", __name__]  # nothing from the folder of the server
    silent = subprocess.DEVNULL
    with _few:
        answer = subprocess.run(
            command, stdin=file, stdout=subprocess.PIPE, stderr=silent, timeout=2 * _SECONDS, check=True
        )
    return Head(**json.loads(answer.stdout))


def main() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from pyarrow.parquet import ParquetFile  # type: ignore[import-not-found, import-untyped, unused-ignore]

    file = ParquetFile(sys.stdin.buffer)
    names = file.schema_arrow.names
    rows: list[list[str]] = []
    left = _ANSWER
    for batch in file.iter_batches(_BATCH, columns=names[:COLUMNS], use_threads=False):
        columns = [_texts(column) for column in batch.columns[:COLUMNS]]
        for row in zip(*columns, strict=True):
            left -= sum(map(len, row))
            if left < 0 or len(rows) == ROWS:
                break
            rows.append(list(row))
        else:
            continue
        break
    print(json.dumps(Head(names, rows, file.metadata.num_rows)._asdict()))


def _texts(column: Any) -> Sequence[str]:
    """Return the values in Python's notation; values that Python lacks (years after 9999) in Arrow's."""
    try:
        return [_text(value) for value in column.to_pylist()]
    except (ValueError, OverflowError, LookupError):
        return [_text(value) for value in column.cast("string").to_pylist()]


def _text(value: object) -> str:
    return "" if value is None else str(value)[: CELL + 1]


if __name__ == "__main__":
    main()
