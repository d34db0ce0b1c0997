"""Connections and transactions over one SQLite file, for many threads and many processes.

Write-ahead logging lets readers read while one writes. A write takes its turn in this process by a
lock (see ``commits.py``), among processes by ``BEGIN IMMEDIATE`` with a long busy timeout, so nobody
meets "database is locked". ``synchronous=FULL``: what was answered is on the disk, also after a power
cut; a commit costs one fsync of the log and next to no CPU.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reprise import lock
from reprise.errors import TrackingError, UsageError
from reprise.tracking import migrations
from reprise.tracking.commits import Commits

BUSY_SECONDS = 120.0
_NAP = 0.25
"""Seconds after which who waits to write looks whether that is still wanted."""

_PRIMARY = 0xFF  # an extended code of SQLite holds the plain one in its last byte
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

SYNCHRONOUS = "REPRISE_SYNCHRONOUS"


class Database:
    """A pool of connections to ``path``; a connection is used by one thread at a time."""

    def __init__(self, path: Path, durability: str | None = None) -> None:
        """``durability`` is ``full`` or ``normal``; what the user asks for when it is not given."""
        self.path = path
        self._synchronous = durability or synchronous()
        self._commits = Commits(self._take, self._give_back, self._begin)
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._may_wait = True
        self._file: tuple[int, int] | None = None
        with self._told_plainly():
            self._prepare()
        self._file = _identity(path)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the database from start to end."""
        with self._told_plainly(), self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is committed when the block ends well, and undone when it does not.

        Writes of other threads may lie in the same transaction, before this one or after it.
        """
        with self._told_plainly(), self._commits.write() as connection:
            yield connection

    @contextmanager
    def watching(self) -> Iterator[Callable[[], int]]:
        """A function whose answer changes when anybody, in any process, has committed something."""
        with self._told_plainly(), self._connection() as connection:
            yield lambda: int(connection.execute("PRAGMA data_version").fetchone()[0])

    def stop_waiting(self) -> None:
        """Whoever waits for another process to write fails now, and so do those who come later."""
        self._may_wait = False

    def close(self) -> None:
        """Close idle connections now, and those in use when they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = self._take()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        if self._file is not None and _identity(self.path) != self._file:
            raise TrackingError(  # what is written to the file that we have open would be lost
                f"{self.path} was removed or replaced while it was in use",
                code="RESOURCE_CONFLICT",
                hint="what has it open, a server for example, has to be started again",
            )
        try:
            return self._idle.pop()
        except IndexError:
            if self._closed:
                raise RuntimeError(f"{self.path} was closed") from None
            return connect(self.path, self._synchronous)

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Begin to write when nobody else does; SQLite itself waits deaf to the end of a server."""
        deadline = time.monotonic() + BUSY_SECONDS
        nap = _NAP if self._may_wait else 0
        connection.execute(f"PRAGMA busy_timeout={nap * 1000:.0f}")
        try:
            while True:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError as error:
                    is_over = not self._may_wait or time.monotonic() > deadline
                    if is_over or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                        raise
        finally:
            connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _prepare(self) -> None:
        """Look; lock; look again; make or migrate. A new database arrives whole, by rename."""
        if not self.path.exists():
            with lock.exclusive(self._lock_path, f"the store {self.path.parent}"):
                if not self.path.exists():
                    self._make()
        if self._pending():
            with (
                lock.exclusive(self._lock_path, f"the store {self.path.parent}"),
                self._connection() as connection,
            ):
                migrations.migrate(connection, str(self.path))

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def _pending(self) -> bool:
        with self._connection() as connection:
            return bool(migrations.pending(connection, str(self.path)))

    def _make(self) -> None:
        new = self.path.with_name(f"{self.path.name}.new")
        for leftover in (new, new.with_name(f"{new.name}-wal"), new.with_name(f"{new.name}-shm")):
            leftover.unlink(missing_ok=True)
        connection = connect(new, self._synchronous)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            migrations.migrate(connection, str(new))
        finally:
            connection.close()
        new.replace(self.path)

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        """What SQLite cannot do becomes a sentence with the path of the database."""
        try:
            yield
        except (UnicodeEncodeError, OverflowError) as error:
            raise TrackingError(
                f"a value cannot be stored: {error}", code="INVALID_PARAMETER_VALUE"
            ) from error
        except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            busy = getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _BUSY
            raise TrackingError(
                f"{self.path}: {error}",
                code="TEMPORARILY_UNAVAILABLE" if busy else "INTERNAL_ERROR",
                hint="another process holds the store for too long" if busy else None,
            ) from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file is there; None for none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def connect(path: Path, synchronous: str = "full") -> sqlite3.Connection:
    """A connection in autocommit mode: transactions are begun and ended in plain sight."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    return connection


def synchronous() -> str:
    """What ``REPRISE_SYNCHRONOUS`` asks for: ``full``, or ``normal``: a power cut may take the last writes.

    Raises:
        UsageError: it is another word.
    """
    word = os.environ.get(SYNCHRONOUS, "").lower() or "full"
    if word not in {"full", "normal"}:
        raise UsageError(f"{SYNCHRONOUS} is {word!r}; it can be full or normal")
    return word
