"""The queue of processes that want to write to one store: first come, first served.

SQLite lets the one that asks in the right moment write next, so that one of many can wait for seconds while
others write again and again. Here each takes a number, and holds a lock on the byte of the queue's file
that has this number for as long as it waits. Its turn has come when no lower byte is locked: a process
that dies loses its lock, and is not waited for.

The queue is a courtesy: what keeps writes apart is SQLite's own lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_FLOCK = "hhqqi4x"
"""``struct flock`` of Linux: type, whence, start, length, process."""
_COUNTER = "q"
_FIRST = 8
"""The byte of number 0; those before hold the counter, and the first of them is locked to change it."""

_LAST = 1 << 62
_PAUSE = 0.001
_LONGEST_PAUSE = 0.02
_PATIENCE = 5.0
"""Seconds after which one goes ahead of a number that does not move: its process may be stopped."""


class WriteQueue:
    """The queue in the file ``path``. If the file is not available there is no queue."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @contextmanager
    def turn(self, may_wait: Callable[[], bool]) -> Iterator[None]:
        """The block begins when all that came before have had their turn, or have waited too long.

        It also begins when it is true no more that it ``may_wait``.
        """
        number = self._take_number()
        try:
            if number is not None:
                self._await_turn(number, may_wait)
            yield
        finally:
            if number is not None:
                self._lock(fcntl.F_UNLCK, number)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _take_number(self) -> int | None:
        with contextlib.suppress(OSError):
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
            self._lock(fcntl.F_WRLCK, 0, wait=True)
            try:
                counter = os.pread(self._descriptor, _FIRST, 0).ljust(_FIRST, b"\0")
                (number,) = struct.unpack(_COUNTER, counter)
                if not _FIRST <= number < _LAST:
                    number = _FIRST
                self._lock(fcntl.F_WRLCK, number)
                os.pwrite(self._descriptor, struct.pack(_COUNTER, number + 1), 0)
            finally:
                self._lock(fcntl.F_UNLCK, 0)
            return int(number)
        return None

    def _await_turn(self, number: int, may_wait: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while (ahead := self._number_ahead(number)) is not None:
            if not may_wait() or time.monotonic() > deadline:
                return
            time.sleep(min(_PAUSE * (number - ahead), _LONGEST_PAUSE))

    def _number_ahead(self, number: int) -> int | None:
        """A lower number that waits or has its turn; None when there is none."""
        assert self._descriptor is not None
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _FIRST, number - _FIRST, 0)
        if number == _FIRST:
            return None
        kind, _, start, _, _ = struct.unpack(
            _FLOCK, fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, question)
        )
        return None if kind == fcntl.F_UNLCK else int(start)

    def _lock(self, kind: int, byte: int, *, wait: bool = False) -> None:
        assert self._descriptor is not None
        how = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
        fcntl.fcntl(self._descriptor, how, struct.pack(_FLOCK, kind, os.SEEK_SET, byte, 1, 0))
