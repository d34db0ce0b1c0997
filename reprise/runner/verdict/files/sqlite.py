"""Databases of SQLite: what is defined in them, and their rows. No view, trigger or extension runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

MAGIC = b"SQLite format 3\0"

MOST_VALUES = 5_000_000
_STEPS = 1_000_000  # of SQLite's machine, after which it asks whether to continue
_MOST_PAUSES = 2000


def read_database(data: bytes) -> dict[str, Any]:
    """Its definitions, and the rows of each table column by column; in the order of their row ids.

    Raises:
        ValueError: it is damaged, holds tables of an extension, or more than is looked into.
    """
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(_without_journal(data))
            _confine(database)
            return _read_definitions(database)
    except sqlite3.Error as error:
        raise ValueError(f"SQLite says: {error}") from error


def _without_journal(data: bytes) -> bytes:
    """``data`` as that of a database without a write-ahead log, which only a file can have."""
    return data[:18] + b"\1\1" + data[20:] if data[18:20] == b"\2\2" else data


def _confine(database: sqlite3.Connection) -> None:
    """Let nothing of the database run, and nothing run for long."""
    database.text_factory = lambda value: value.decode("utf-8", "backslashreplace")
    for setting in ("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON"):
        database.execute(f"PRAGMA {setting}")
    pauses = iter(range(_MOST_PAUSES))
    database.set_progress_handler(lambda: int(next(pauses, None) is None), _STEPS)


def _read_definitions(database: sqlite3.Connection) -> dict[str, Any]:
    defined = database.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
    if virtual := [name for _, name, sql in defined if str(sql).upper().startswith("CREATE VIRTUAL")]:
        raise ValueError(f"table {virtual[0]} is one of an extension")
    found: dict[str, Any] = {f"{kind} {name}": sql for kind, name, sql in defined if kind != "table"}
    values = 0
    for kind, name, sql in defined:
        if kind != "table":
            continue
        cursor = database.execute(f"SELECT * FROM {_quoted(name)}")
        columns = [item[0] for item in cursor.description]
        rows: list[tuple[Any, ...]] = []
        for row in cursor:
            values += len(row)
            if values > MOST_VALUES:
                raise ValueError(f"it holds more than {MOST_VALUES:,} values")
            rows.append(row)
        cells = {column: [row[place] for row in rows] for place, column in enumerate(columns)}
        found[f"table {name}"] = {"(definition)": sql, **cells}
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
