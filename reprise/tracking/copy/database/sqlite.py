"""An MLflow database in a file of SQLite, opened to be read only; a locked one is read from a copy."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from reprise.errors import TrackingError
from reprise.file_lock import scratch
from reprise.tracking.copy.database.tables import NoText, Row

_PATIENCE = 3.0
"""Seconds to wait for another process to finish writing; then the file is copied."""
_ATTEMPTS = 5
_MOST_VALUES = 500  # of an IN; old SQLite takes 999


class SqliteTables:
    """Satisfies ``Tables``. It is read at once, table by table, which keeps no server from writing."""

    def __init__(self, path: Path) -> None:
        self.file: Path | None = path
        self._folder = ExitStack()
        self._columns: dict[str, tuple[str, ...]] = {}
        self._damaged: set[str] = set()
        try:
            self._connection = _connect_file(path)
            self._look_up()
        except sqlite3.DatabaseError as error:
            if _error_code(error) in _UNREADABLE_HERE:
                self._open_copy(path)
            elif _error_code(error) == sqlite3.SQLITE_CORRUPT:
                self._open_damaged(path)
            else:
                raise TrackingError(f"{path} cannot be read as a database: {error}") from error

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.file}"

    @property
    def damaged(self) -> Set[str]:
        return self._damaged

    def table_names(self) -> frozenset[str]:
        return frozenset(self._tables)

    def read_rows(
        self, table: str, column: str = "", values: Sequence[object] = (), order: Sequence[str] = ()
    ) -> Sequence[Row]:
        if table not in self._tables or (column and column not in self._columns_of(table)):
            return []
        ordered = f" ORDER BY {', '.join(map(_quote_name, order))}" if order else ""
        if not column:
            return self._fetch_rows(table, f"SELECT * FROM {_quote_name(table)}{ordered}", ())
        found: list[Row] = []
        for start in range(0, len(values), _MOST_VALUES):
            some = values[start : start + _MOST_VALUES]
            marks = ", ".join("?" * len(some))
            sql = f"SELECT * FROM {_quote_name(table)} WHERE {_quote_name(column)} IN ({marks}){ordered}"
            found += self._fetch_rows(table, sql, some)
        return found

    def stream_rows(
        self, table: str, columns: Sequence[str], column: str, value: object
    ) -> Iterator[tuple[Any, ...]]:
        known = self._columns_of(table)
        chosen = ", ".join(_quote_name(name) if name in known else "NULL" for name in columns)
        sql = f"SELECT {chosen} FROM {_quote_name(table)} WHERE {_quote_name(column)} = ?"
        yield from self._read_cursor(table, sql, (value,), self._connection.cursor())

    def count_rows(self, table: str) -> int:
        return (
            self._fetch_number(f"SELECT count(*) FROM {_quote_name(table)}") if table in self._tables else 0
        )

    def count_orphans(self, table: str, column: str, parent: str, key: str) -> int:
        if not {table, parent} <= self.table_names():
            return 0
        return self._fetch_number(
            f"SELECT count(*) FROM {_quote_name(table)} WHERE {_quote_name(column)} NOT IN"
            f" (SELECT {_quote_name(key)} FROM {_quote_name(parent)} WHERE {_quote_name(key)} IS NOT NULL)"
        )

    def close(self) -> None:
        self._connection.close()
        self._folder.close()

    @cached_property
    def _tables(self) -> frozenset[str]:
        found = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return frozenset(str(name) for (name,) in found)

    def _look_up(self) -> None:
        """Read something, which shows whether it can be read."""
        assert self._tables is not None
        for table in self._tables & {"experiments", "runs"}:
            self._connection.execute(f"SELECT 1 FROM {_quote_name(table)} LIMIT 1").fetchall()

    def _columns_of(self, table: str) -> tuple[str, ...]:
        if table not in self._columns:
            found = self._connection.execute(f"PRAGMA table_info({_quote_name(table)})")
            self._columns[table] = tuple(str(row[1]) for row in found)
        return self._columns[table]

    def _fetch_rows(self, table: str, sql: str, values: Sequence[object]) -> list[Row]:
        cursor = self._connection.cursor()
        rows = list(self._read_cursor(table, sql, values, cursor))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _read_cursor(
        self, table: str, sql: str, values: Sequence[object], cursor: sqlite3.Cursor
    ) -> Iterator[tuple[Any, ...]]:
        """The rows; of a damaged table those before the damage."""
        try:
            yield from cursor.execute(sql, tuple(values))
        except sqlite3.Error as error:
            if _error_code(error) != sqlite3.SQLITE_CORRUPT:
                raise TrackingError(f"{self.file}: {error}") from error
            self._damaged.add(table)

    def _fetch_number(self, sql: str) -> int:
        try:
            return int(self._connection.execute(sql).fetchone()[0])
        except sqlite3.Error as error:
            if _error_code(error) != sqlite3.SQLITE_CORRUPT:
                raise TrackingError(f"{self.file}: {error}") from error
            return 0  # reading reports the damage

    def _open_damaged(self, path: Path) -> None:
        """A file that is shorter than it says is refused, unless the schema may be repaired."""
        try:
            self._connection = _connect_file(path)
            self._connection.execute("PRAGMA writable_schema = ON")
            assert self._tables is not None
        except sqlite3.DatabaseError as error:
            raise TrackingError(f"{path} cannot be read as a database: {error}") from error

    def _open_copy(self, path: Path) -> None:
        try:
            copied = _copy_database(path, self._folder.enter_context(scratch()))
            self._connection = _connect_file(copied, writable=True)
            self.__dict__.pop("_tables", None)
            self._look_up()
        except (sqlite3.DatabaseError, OSError) as error:
            self._folder.close()
            raise TrackingError(f"{path} is locked, and a copy of it cannot be read: {error}") from error


_UNREADABLE_HERE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN}
"""Codes of a file that another process has locked, or whose log cannot be opened beside it."""


def _error_code(error: sqlite3.Error) -> int | None:
    """SQLite's own code of an error, without what it says more closely."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def _connect_file(path: Path, *, writable: bool = False) -> sqlite3.Connection:
    mode = "rw" if writable else "ro"  # the log of a copy that was being written is rolled back
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=_PATIENCE)
    connection.text_factory = _decode_text
    return connection


def _copy_database(path: Path, folder: Path) -> Path:
    """A copy of the database with its log, taken while nothing was written.

    Raises:
        OSError: it cannot be read, or was written to all the time.
    """
    parts = [path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-journal"))]
    for attempt in range(_ATTEMPTS):
        time.sleep(0.2 * attempt)
        before = [_file_state(part) for part in parts]
        for part in parts:
            (folder / part.name).unlink(missing_ok=True)
            if part.exists():
                shutil.copyfile(part, folder / part.name)
        if before == [_file_state(part) for part in parts]:
            return folder / path.name
    raise OSError("it is being written to")


def _file_state(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    return about.st_size, about.st_mtime_ns


def _decode_text(value: bytes) -> str | NoText:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return NoText()


def _quote_name(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
