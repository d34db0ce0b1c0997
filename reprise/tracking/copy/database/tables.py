"""The tables of an MLflow database, whatever database it is, as rows that are dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Protocol

from reprise.tracking.protocols.copying import Fault

Row = Mapping[str, Any]

AT_ONCE = 200
"""Owners whose rows are asked for together."""


class NoText:
    """A value of a text column that is not UTF-8."""

    def __repr__(self) -> str:
        return "bytes that are not UTF-8 text"


class Tables(Protocol):
    """A table or a column that a version of MLflow did not have yet counts as empty."""

    @property
    def uri(self) -> str:
        """Without a password."""
        ...

    @property
    def file(self) -> Path | None:
        """The file that it is; None for a database of a server."""
        ...

    @property
    def damaged(self) -> Set[str]:
        """The tables that could not be read to their end."""
        ...

    def table_names(self) -> frozenset[str]: ...

    def read_rows(
        self, table: str, column: str = "", values: Sequence[object] = (), order: Sequence[str] = ()
    ) -> Sequence[Row]:
        """All rows, or those where ``column`` has one of ``values``.

        Raises TrackingError: they cannot be read.
        """
        ...

    def stream_rows(
        self, table: str, columns: Sequence[str], column: str, value: object
    ) -> Iterator[tuple[Any, ...]]:
        """The ``columns`` of the rows where ``column`` has ``value``; there may be millions."""
        ...

    def count_rows(self, table: str) -> int: ...

    def count_orphans(self, table: str, column: str, parent: str, key: str) -> int:
        """Rows whose ``column`` names no ``key`` of ``parent``."""
        ...

    def close(self) -> None: ...


def group_rows(rows: Sequence[Row], column: str) -> dict[Any, list[Row]]:
    """The rows by a column of theirs."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found


def texts_of(
    rows: Sequence[Row], kind: str, owner: str, faults: list[Fault], prefix: str = ""
) -> dict[str, str]:
    """Keyed texts; those that are none go to ``faults``. MLflow writes an empty text as NULL in places."""
    found: dict[str, str] = {}
    for row in rows:
        key, value = row[f"{prefix}key"], row[f"{prefix}value"]
        if isinstance(key, NoText) or isinstance(value, NoText):
            faults.append(Fault(kind, owner, str(key), "it is not UTF-8 text"))
        else:
            found[str(key)] = "" if value is None else str(value)
    return found


def text_of(row: Row, *columns: str) -> str:
    """The first of the columns that has a text."""
    for column in columns:
        value = row.get(column)
        if value is not None and not isinstance(value, NoText):
            return str(value)
    return ""


def optional_text(row: Row, column: str) -> str | None:
    return text_of(row, column) or None


def number_of(row: Row, column: str) -> int | None:
    """An integer; None where there is none."""
    value = row.get(column)
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None


def in_pieces(owners: Sequence[Row], read: Callable[[Sequence[Row]], Iterator[Any]]) -> Iterator[Any]:
    """What ``read`` makes of some owners at a time."""
    for start in range(0, len(owners), AT_ONCE):
        yield from read(owners[start : start + AT_ONCE])
