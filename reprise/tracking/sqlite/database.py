"""Connections and transactions over one SQLite file, for many threads and many processes.

Write-ahead logging lets readers read while one process writes. Writes are serialised in this process by a
lock (see ``commits.py``), among processes by ``BEGIN IMMEDIATE`` with a long busy timeout, so "database is
locked" does not occur. ``synchronous=FULL``: committed data survives a power failure; a commit costs one
fsync of the log and little CPU.

Where the disk is full or read-only, the database is still read (see ``connecting.py``); a write that
frees room gets that of the store's reserve.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from reprise import durable, file_lock, progress
from reprise.errors import TrackingError
from reprise.tracking.sqlite import connecting, migrations
from reprise.tracking.sqlite.commits import Commits
from reprise.tracking.sqlite.connecting import BUSY_SECONDS, connect
from reprise.tracking.sqlite.faults import explain, read_only, refusal
from reprise.tracking.sqlite.reserve import keep_reserve, use_reserve
from reprise.tracking.write_queue import WriteQueue

_PAUSE = 0.001
"""Seconds after which the one that is next to write looks again whether it can."""


class Database:
    """A pool of connections to ``path``; a connection is used by one thread at a time."""

    def __init__(self, path: Path, durability: str | None = None) -> None:
        """``durability`` is ``full`` or ``normal``; what the user asks for when it is not given."""
        self.path = path
        self._synchronous = durability or durable.read_synchronous()
        self._commits = Commits(self._take, self._give_back, self._begin)
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._may_wait = True
        self._file: tuple[int, int] | None = None
        self._is_read_only = False
        self._readable = path  # or a copy, if its log cannot be read in place
        self._changing = threading.Lock()
        self._queue = WriteQueue(path.with_name(f"{path.name}.queue"))
        self._copies = ExitStack()
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
    def writing(self, *, frees_room: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction that is committed when the block ends well, and undone when it does not.

        Writes of other threads may be in the same transaction, before this one or after it.
        One that ``frees_room``, or ends a run, gets the room of the reserve where the disk is full.
        """
        with self._told_plainly():
            if frees_room:
                use_reserve(self.path.parent)
            if self._is_read_only:
                self._open_for_writing()
            with self._commits.write() as connection:
                yield connection

    @contextmanager
    def watching(self) -> Iterator[Callable[[], int]]:
        """Return a function whose result changes with every commit by any process."""
        with self._told_plainly(), self._connection() as connection:
            yield lambda: int(connection.execute("PRAGMA data_version").fetchone()[0])

    def stop_waiting(self) -> None:
        """Make current and later waits for another process fail."""
        self._may_wait = False

    def close(self) -> None:
        """Close idle connections now, and those in use when they come back."""
        self._closed = True
        self._close_idle()
        self._queue.close()
        self._copies.close()

    def _close_idle(self) -> None:
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
            if self._is_read_only:
                return connecting.connect_to_read(self._readable)
            return connect(self.path, self._synchronous)

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Begin to write when those before us have; SQLite itself waits deaf to the end of a server."""
        deadline = time.monotonic() + BUSY_SECONDS
        wait = progress.Wait(f"the store {self.path.parent}, which other processes write to")
        connection.execute("PRAGMA busy_timeout=0")
        try:
            with self._queue.turn(lambda: self._may_wait):
                while not self._has_begun(connection):
                    if not self._may_wait or time.monotonic() > deadline:
                        connection.execute("BEGIN IMMEDIATE")  # it raises what is said of it
                        return
                    wait.tell_when_due()
                    time.sleep(_PAUSE)
        finally:
            connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")

    def _has_begun(self, connection: sqlite3.Connection) -> bool:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._closed or isinstance(connection, connecting.ReadingConnection):
            connection.close()
        else:
            self._idle.append(connection)

    def _prepare(self) -> None:
        """Look; lock; look again; make or migrate. A new database arrives whole, by rename."""
        if not self.path.exists():
            with file_lock.exclusive(self._lock_path, f"the store {self.path.parent}"):
                if not self.path.exists():
                    self._make()
        try:
            pending = self._pending()
        except sqlite3.OperationalError as error:
            if not connecting.is_refused(error):
                raise
            pending = self._find_way_to_read(error)
        if self._is_read_only:
            if pending:
                raise TrackingError(
                    f"the store {self.path.parent} was made by an older version, and cannot be written",
                    code="INVALID_STATE",
                    hint="copy its folder to a disk with room; opening the copy brings it up to date",
                )
            return
        if pending:
            with (
                file_lock.exclusive(self._lock_path, f"the store {self.path.parent}"),
                self._connection() as connection,
            ):
                migrations.migrate(connection, str(self.path))
        keep_reserve(self.path.parent)

    def _find_way_to_read(self, refused: sqlite3.OperationalError) -> bool:
        """Read a database without a log of its own; whether migrations are pending."""
        if connecting.is_writable(self.path):
            connecting.fold_log(self.path)
            try:
                self._close_idle()
                return self._pending()
            except sqlite3.OperationalError as error:
                refused = error
        self._close_idle()
        self._is_read_only = True
        try:
            return self._pending()
        except sqlite3.OperationalError:
            if not connecting.log_size(self.path):
                raise refused from None
        try:
            folder = self._copies.enter_context(file_lock.scratch())
            self._readable = connecting.copy_with_log(self.path, folder)
            connecting.fold_log(self._readable)
        except OSError as error:
            raise refusal(error, self.path.parent) from refused
        return self._pending()

    def _open_for_writing(self) -> None:
        """Write again to what could only be read: the disk may have room by now.

        Raises:
            TrackingError: it is read-only, or full still.
        """
        with self._changing:
            if not connecting.is_writable(self.path):
                raise read_only(self.path.parent)
            connecting.fold_log(self.path)
            with closing(connect(self.path, self._synchronous)) as connection:
                migrations.applied(connection)
            self._is_read_only = False

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
        durable.publish(new, self.path)

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        """What SQLite cannot do becomes a sentence with the path of the database."""
        try:
            yield
        except (UnicodeEncodeError, OverflowError) as error:
            raise TrackingError(
                f"a value cannot be stored: {error}", code="INVALID_PARAMETER_VALUE"
            ) from error
        except sqlite3.DatabaseError as error:
            raise explain(error, self.path) from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file is there; None for none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
