"""Files with tables: separated values, parquet, and JSON by ``mlflow.log_table``."""

from __future__ import annotations

import csv
import importlib.util
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from reprise import units
from reprise.named_tuple import NamedTuple
from reprise.ui.files import parquet_reading
from reprise.ui.files.parquet_reading import CELL, COLUMNS, ROWS

READ_LIMIT = 1024 * 1024
"""Maximum bytes of separated values to read."""

_SEPARATORS = ",;\t|"
_TOLD = re.compile(r"sep=([,;\t|])\r?\n")
"""The first line with which spreadsheets set the separator."""


class Table(NamedTuple):
    """A table; ``said`` is a sentence on how much of the file it shows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    said: str


def separated(text: str, suffix: str, is_cut: bool) -> Table | None:
    """Return the table in ``text``, the beginning of the file; if it is cut, the last line is dropped."""
    if is_cut:
        text = text[: text.rfind("\n") + 1] or text
    if told := _TOLD.match(text):
        text = text[told.end() :]
    separator = told[1] if told else "\t" if suffix == ".tsv" else _separator(text)
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if row:
                rows.append(row)
            if len(rows) > ROWS + 1:
                break
    except csv.Error:
        return None
    if not rows:
        return None
    is_all = not is_cut and len(rows) <= ROWS + 1
    return _table(rows[0], rows[1 : ROWS + 1], len(rows) - 1 if is_all else None)


def logged_table(value: object) -> Table | None:
    """Return the table in ``{"columns": [...], "data": [[...], ...]}``, the format of
    ``mlflow.log_table``.
    """
    match value:
        case {"columns": list(columns), "data": list(rows)} if columns and all(
            isinstance(row, list) for row in rows
        ):
            return _table(columns, rows[:ROWS], len(rows))
    return None


def can_read_parquet() -> bool:
    return importlib.util.find_spec("pyarrow") is not None


def parquet(stream: BinaryIO, size: int) -> Table | None:
    found = parquet_reading.head_of(stream, size)
    return found and _table(found.columns, found.rows, found.total)


def _separator(text: str) -> str:
    first = text.partition("\n")[0]
    return max(_SEPARATORS, key=first.count)


def _table(columns: Sequence[object], rows: Sequence[Sequence[object]], total: int | None) -> Table:
    """Return the sentence; ``total`` is the number of rows in the file, None if not known."""
    if total is None:
        said = f"The first {units.counted(len(rows), 'row')}"
    elif total > len(rows):
        said = f"The first {len(rows):,} of {units.counted(total, 'row')}"
    else:
        said = units.counted(total, "row")
    if len(columns) > COLUMNS:
        said += f", the first {COLUMNS} of {len(columns):,} columns"
    return Table(_cells(columns), [_cells(row) for row in rows], said)


def _cells(row: Iterable[Any]) -> list[str]:
    return [_cell(value) for value, _ in zip(row, range(COLUMNS), strict=False)]


def _cell(value: object) -> str:
    text = "" if value is None else value if isinstance(value, str) else str(value)
    return text if len(text) <= CELL else f"{text[:CELL]}…"
