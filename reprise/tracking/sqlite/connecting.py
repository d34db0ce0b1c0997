"""Connections to the database of a store: to write, or where that cannot be, to read.

A database with a write-ahead log cannot even be read without a file for its index next to it. If none can
be created, on a read-only mount or a full disk, the database file is read alone, which is complete if its
log is empty. Otherwise the log is merged into the database first, on a full disk; on a read-only one both
are copied to the cache.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

from reprise.tracking.sqlite.faults import primary_code

BUSY_SECONDS = 120.0

_LEVELS = {"full": "extra", "normal": "normal"}
"""``extra`` is ``full`` that, without a write-ahead log, syncs the end of the rollback journal too."""

_REFUSED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}


def connect(path: Path, synchronous: str = "full") -> sqlite3.Connection:
    """A connection in autocommit mode: transactions are begun and ended in plain sight."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA synchronous={_LEVELS[synchronous]}")
    except BaseException:
        connection.close()
        raise
    return connection


def is_refused(error: sqlite3.Error) -> bool:
    """Whether the system refused a file, so that reading in another way may help."""
    return primary_code(error) in _REFUSED


def is_writable(path: Path) -> bool:
    """Whether the system lets us write the database, and files beside it."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def log_size(path: Path) -> int:
    """Bytes of the write-ahead log of the database ``path``; 0 without one."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0


class ReadingConnection(sqlite3.Connection):
    """A connection that cannot write, made for one transaction: another may have to be made otherwise."""


def connect_to_read(path: Path) -> ReadingConnection:
    """A connection that reads the database, and the log of a process that writes it where there is one."""
    how = "mode=ro" if log_size(path) else "mode=ro&immutable=1"  # immutable: without log and locks
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=ReadingConnection,
    )


def fold_log(path: Path) -> None:
    """Write the log into the database and remove it, when no other process has the database open.

    The index is kept in memory, so that this works on a full disk; what is in the log stays there
    until it is in the database, killed at any moment. A failure is left to the next attempt to open.
    """
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # before the first look: no index on the disk
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def copy_with_log(path: Path, folder: Path) -> Path:
    """A copy of the database and its log in ``folder``.

    Raises:
        OSError: there is no room for it.
    """
    copy = folder / path.name
    for end in ("", "-wal"):
        shutil.copyfile(f"{path}{end}", f"{copy}{end}")
    return copy
