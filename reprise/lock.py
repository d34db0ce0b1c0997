"""Locks between processes: the operating system frees them when their holder dies, by whatever means.

A lock is a file that is held with ``flock``. Its holder may remove the file: whoever waits for it
notices, and takes the file that lies there then.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprise.errors import RepriseError
from reprise.paths import CACHE_VARIABLE, cache_dir

log = logging.getLogger(__name__)

SCRATCH = "scratch-v1"


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


@contextmanager
def scratch() -> Iterator[Path]:
    """A new folder in the cache, for our eyes only, for the time of the block.

    Raises:
        RepriseError: none can be made there.
    """
    folder = cache_dir() / SCRATCH / os.urandom(8).hex()
    try:
        owner = own(folder, mode=0o700)
    except OSError as error:
        raise RepriseError(
            f"no folder for the time being can be made in the cache: {error}",
            hint=f"{CACHE_VARIABLE} names another folder",
        ) from error
    try:
        yield folder
    finally:
        disown(folder, owner)


def own(folder: Path, mode: int = 0o777) -> int:
    """Make ``folder``; whoever has the descriptor keeps it from those who clear up."""
    folder.mkdir(parents=True, mode=mode)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def disown(folder: Path, descriptor: int) -> None:
    """Remove a folder that is ours."""
    shutil.rmtree(folder, ignore_errors=True)
    os.close(descriptor)


def is_owned(folder: Path) -> bool:
    """Whether the process that made ``folder`` lives, or the one that it handed it to."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the file that we hold was not removed, or put in another's place, while we waited."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
