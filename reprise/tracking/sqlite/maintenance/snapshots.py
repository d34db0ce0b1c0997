"""Copies of the database file of a store: made, counted, and put to use again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from reprise.errors import TrackingError
from reprise.tracking.protocols.store import Snapshot

_COUNTS = (
    "SELECT (SELECT count(*) FROM experiment), (SELECT count(*) FROM run),"
    " (SELECT count(*) FROM run WHERE status IN ('RUNNING', 'SCHEDULED'))"
)


def copy_database(source: Path, target: Path) -> Snapshot:
    """Make a snapshot by SQLite itself: writers write on, and what they write is not in it.

    Raises:
        TrackingError: the database is damaged, or cannot be read.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True)) as reader,
            closing(sqlite3.connect(target)) as writer,
        ):
            reader.backup(writer)
            (found,) = writer.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise TrackingError(f"{source} cannot be copied: {error}") from error
    if found != "ok":
        raise TrackingError(f"{source} is damaged: {found}", hint="restore an earlier backup")
    with closing(sqlite3.connect(target)) as reader:
        locations = reader.execute("SELECT artifact_location FROM experiment ORDER BY id").fetchall()
        experiments, runs, going_on = reader.execute(_COUNTS).fetchone()
        return Snapshot(experiments, runs, going_on, tuple(location for (location,) in locations))


def is_open_elsewhere(database: Path) -> bool:
    """Whether another process has the database file open."""
    try:
        with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # refused while another has it open
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError:
        return True
    except sqlite3.DatabaseError:
        return False  # it is damaged, which is why it is replaced
    return False


def settle_copy(database: Path) -> None:
    """Make a copy the database of a store whose artifacts are in its own folder."""
    database.chmod(0o600)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'setting'").fetchone():
            connection.execute("DELETE FROM setting WHERE name = 'artifact_root'")
