"""The first rows of a parquet file, read by a process of its own.

A parquet file of two kilobytes may hold gigabytes, and one that lies may crash what reads it. So the
reader is not the server: it gets so much memory and time, and answers JSON, or nothing.
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
"""Characters of one value that are told, and one more where there are more."""

_MEMORY = 2 << 30  # bytes of addresses; the libraries take a third of a gigabyte
_SECONDS = 10
_ANSWER = 8 << 20  # characters of all values
_SPOOLED = 64 << 20  # bytes of a file that is not on this machine
_BATCH = 100  # rows
_few = threading.BoundedSemaphore(2)  # of such processes at once


class Head(NamedTuple):
    """``columns`` are the names of all, ``rows`` the values of the first of them."""

    columns: list[str]
    rows: list[list[str]]
    total: int


def head_of(stream: BinaryIO, size: int) -> Head | None:
    """None when the file is no parquet file, or asks for too much."""
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
    command = [sys.executable, "-P", "-m", __name__]  # nothing of the folder in which the server runs
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
    """The values as Python writes them; those that it has not (years after 9999) as Arrow does."""
    try:
        return [_text(value) for value in column.to_pylist()]
    except (ValueError, OverflowError, LookupError):
        return [_text(value) for value in column.cast("string").to_pylist()]


def _text(value: object) -> str:
    return "" if value is None else str(value)[: CELL + 1]


if __name__ == "__main__":
    main()
