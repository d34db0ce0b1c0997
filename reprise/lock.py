"""Locks between processes: the operating system frees them when their holder dies, by whatever means.

A lock is a file that is held with ``flock``. Its holder may remove the file: whoever waits for it
notices, and takes the file that lies there then.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file ``path``; when another process has it, say ``waiting for <what>``."""
    descriptor = hold(path, wait=False)
    if descriptor is None:
        log.info("waiting for %s (another process is at it)", what)
        descriptor = hold(path)
    assert descriptor is not None
    try:
        yield
    finally:
        os.close(descriptor)


def hold(path: Path, *, shared: bool = False, wait: bool = True, inheritable: bool = False) -> int | None:
    """The descriptor that holds ``path`` until it is closed; None when others do and we do not ``wait``.

    Any number hold it ``shared``, or one alone. The processes that we start hold an ``inheritable``
    one as well, those that get our descriptors.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        # Who shares needs no more than to read, so that a cache of others can be used.
        descriptor = os.open(path, os.O_CREAT | (os.O_RDONLY if shared else os.O_RDWR), 0o644)
        try:
            fcntl.flock(descriptor, how)
            if _is_at(descriptor, path):
                os.set_inheritable(descriptor, inheritable)
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the file that we hold was not removed, or put in another's place, while we waited."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
