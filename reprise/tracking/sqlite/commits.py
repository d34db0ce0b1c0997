"""Writes of many threads, committed in groups.

A commit costs an fsync, during which the other writers of this process wait. They then share the next
transaction: each does its work inside a savepoint, so that one which fails is undone alone, and passes the
open transaction on; the last one commits it for all. No call returns before that commit. A single writer
begins and commits at once, as if there were no groups.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reprise.tracking.sqlite.faults import repeat_error

MOST_IN_GROUP = 256
"""Writes that one commit carries at most, so that a stream of them does not keep the first one waiting."""

_LOOK_AGAIN = 0.2
"""Seconds after which a writer looks whether the thread that was to commit for it has gone."""


class Latch:
    """An event that Ctrl-C in the middle of ``set()`` does not break.

    ``threading.Event`` takes a lock in Python code: an interrupt just behind that leaves it taken, and
    every thread waits for ever.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._closed = threading.Lock()
        self._closed.acquire()

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True  # first: a thread that misses the lock looks here when its time is over
        self._open()

    def wait(self, timeout: float) -> bool:
        """Whether it is set; waits for that at most ``timeout`` seconds."""
        if not self._is_set and self._closed.acquire(timeout=timeout):
            self._open()
        return self._is_set

    def _open(self) -> None:
        try:
            self._closed.release()
        except RuntimeError:  # another thread has opened it
            pass


class Group:
    """One open transaction, and how it ended."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.done = 0
        self.ended = Latch()
        self.error: sqlite3.Error | None = None

    @property
    def is_open(self) -> bool:
        return self.connection.in_transaction

    @contextmanager
    def part(self) -> Iterator[sqlite3.Connection]:
        """One write: it stays in the transaction if the block ends well, and is undone if it does not."""
        connection = self.connection
        nested = self.done > 0
        if nested:
            connection.execute("SAVEPOINT part")
        try:
            yield connection
            if nested:
                connection.execute("RELEASE part")
            self.done += 1
        except BaseException as error:
            if not self.is_open:  # a full disk, for one, has undone the work of all
                message = f"a write in the same transaction failed: {error}"
                self.error = repeat_error(error, message)
            elif nested and not self._undone():
                self.done += 1  # Ctrl-C came just after the release: the write stays
            elif not nested:
                connection.execute("ROLLBACK")
            raise

    def _undone(self) -> bool:
        """Whether the savepoint was still there, and what was written since is undone."""
        try:
            self.connection.execute("ROLLBACK TO part")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise
            return False
        self.connection.execute("RELEASE part")
        return True

    def end(self) -> None:
        """Commit what was done; the others hear of a failure by ``result()``."""
        try:
            self._commit()
        except BaseException as error:
            if not isinstance(error, sqlite3.Error):  # Ctrl-C: no reason to lose the work of the others
                self._commit()
            raise
        finally:
            self.ended.set()

    def _commit(self) -> None:
        if not self.is_open:
            return
        try:
            self.connection.execute("COMMIT" if self.done else "ROLLBACK")
        except sqlite3.Error as error:
            self.error = error
            _undo(self.connection)
            raise

    def result(self) -> None:
        """Raise what kept the group from being committed."""
        if self.error is not None:
            raise repeat_error(self.error, str(self.error)) from self.error


class Commits:
    """The door to writing: one thread at a time, in transactions that may carry several writes."""

    def __init__(
        self,
        take: Callable[[], sqlite3.Connection],
        give_back: Callable[[sqlite3.Connection], None],
        begin: Callable[[sqlite3.Connection], object],
    ) -> None:
        """``begin`` opens a transaction that writes, when no other process has one."""
        self._take, self._give_back, self._begin = take, give_back, begin
        self._turn = threading.Lock()
        self._waiting: set[object] = set()
        self._group: Group | None = None

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Part of a transaction; the block's end returns when it is committed."""
        ticket = object()
        try:
            self._waiting.add(ticket)
            with self._turn:
                self._waiting.discard(ticket)
                group = self._joined()
                try:
                    with group.part() as connection:
                        yield connection
                finally:
                    if not self._waiting or group.done >= MOST_IN_GROUP or not group.is_open:
                        self._end(group)
        finally:
            self._waiting.discard(ticket)  # an interrupt (Ctrl-C) can strike anywhere above
        while not group.ended.wait(_LOOK_AGAIN):
            self._end_abandoned(group)
        group.result()

    def _joined(self) -> Group:
        if self._group is None:
            connection = self._take()
            try:
                self._begin(connection)
                self._group = Group(connection)
            except BaseException:
                _undo(connection)
                self._give_back(connection)
                raise
        return self._group

    def _end(self, group: Group) -> None:
        try:
            self._group = None
            group.end()
        finally:
            if not group.ended.is_set():  # Ctrl-C came before it began
                group.end()
            self._give_back(group.connection)

    def _end_abandoned(self, group: Group) -> None:
        """End the group in place of a writer that was interrupted while waiting for it."""
        if self._turn.acquire(blocking=False):
            try:
                if self._group is group:
                    self._end(group)
            finally:
                self._turn.release()


def _undo(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
