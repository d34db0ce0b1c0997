"""Locks between processes: the operating system releases them when their holder dies.

A lock is a file held with ``flock``. Its holder may remove the file: waiting processes notice, and lock the
new file.

Files and folders being created are locked by their creator: if they can be locked, they were left by a dead
process, and any process may remove them.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprise.errors import RepriseError
from reprise.paths import CACHE_VARIABLE, cache_dir, make_folders

log = logging.getLogger(__name__)

SCRATCH = "scratch-v1"
ARRIVING = ".arriving-"
"""How the names of files and folders begin that are in the making; see :func:`name_arrival`."""

_QUIET = 86400.0
"""Seconds in which another machine writes to what it is making: its locks may not be seen here."""


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


def hold(
    path: Path, *, shared: bool = False, wait: bool = True, inheritable: bool = False, mode: int = 0o644
) -> int | None:
    """The descriptor that holds ``path`` until it is closed; None when others do and we do not ``wait``.

    Any number hold it ``shared``, or one alone. The processes that we start hold an ``inheritable``
    one as well, those that get our descriptors.
    """
    make_folders(path.parent)
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        # Who shares needs no more than to read, so that a cache of others can be used.
        descriptor = os.open(path, os.O_CREAT | (os.O_RDONLY if shared else os.O_RDWR), mode)
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

    It is in the system's folder for temporary files where the cache cannot be written.

    Raises:
        RepriseError: none can be made.
    """
    folder = cache_dir() / SCRATCH / os.urandom(8).hex()
    try:
        owner = own(folder, mode=0o700)
    except OSError as error:
        with _temporary_folder(error) as folder:
            yield folder
        return
    try:
        yield folder
    finally:
        disown(folder, owner)


@contextmanager
def _temporary_folder(reason: OSError) -> Iterator[Path]:
    """``reason`` is why there is none in the cache."""
    import tempfile

    try:
        folder = tempfile.mkdtemp(prefix="reprise-")
    except OSError:
        raise RepriseError(
            f"no temporary folder can be made in the cache: {reason}",
            hint=f"{CACHE_VARIABLE} names another folder",
        ) from reason
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def arriving_folder(parent: Path, mode: int = 0o777) -> Iterator[Path]:
    """A new folder in ``parent`` to be filled, and renamed within the block; else it goes again."""
    sweep_dead(parent, ARRIVING)
    folder = parent / name_arrival()
    owner = own(folder, mode)
    try:
        yield folder
    finally:
        disown(folder, owner)


def own(folder: Path, mode: int = 0o777) -> int:
    """Create ``folder``; holding the descriptor protects it from cleanup."""
    while True:
        make_folders(folder.parent)
        folder.mkdir(mode=mode)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # it was taken for that of a dead process before we had it
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(descriptor, folder):
            return descriptor
        os.close(descriptor)


def disown(folder: Path, descriptor: int) -> None:
    """Remove a folder that is ours."""
    shutil.rmtree(folder, ignore_errors=True)
    os.close(descriptor)


def is_owned(path: Path) -> bool:
    """Whether the process that made the file or folder lives, or the one that it handed it to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def name_arrival() -> str:
    """A new name for a file or folder in the making, which says on what machine."""
    return f"{ARRIVING}{os.urandom(8).hex()}-{_machine()}"


def sweep_dead(folder: Path, prefix: str = "") -> list[Path]:
    """Remove the entries of ``folder`` whose makers have died; what was removed.

    ``prefix`` is how their names begin. What cannot be removed is left, without a word.
    """
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry.path) for entry in entries if entry.name.startswith(prefix)]
    except OSError:
        return []
    return [path for path in found if remove_dead(path)]


def remove_dead(path: Path) -> bool:
    """Remove the file or folder if its creator has died; return whether it was removed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(descriptor, path) or not _is_of_here(path.name, os.fstat(descriptor)):
            return False
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
        return not path.exists()
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _is_of_here(name: str, state: os.stat_result) -> bool:
    """Whether a lock on the arrival ``name`` would be seen, or it has been quiet for long."""
    elsewhere = name.startswith(ARRIVING) and not name.endswith(_machine())
    return not elsewhere or time.time() - state.st_mtime > _QUIET


def _machine() -> str:
    return f"{zlib.crc32(os.uname().nodename.encode()):08x}"


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the file that we hold was not removed, or put in another's place, while we waited."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
