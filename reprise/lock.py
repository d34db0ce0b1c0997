"""A lock between processes, which says what it waits for only when it has to wait."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file ``path``; when another process has it, say ``waiting for <what>``.

    The operating system frees the lock when its holder dies, by whatever means.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("waiting for %s (another process is at it)", what)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
