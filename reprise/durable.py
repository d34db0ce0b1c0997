"""Write files completely or not at all and, where promised, durably.

A file is written next to its destination, or in a folder for arrivals on the same disk, and renamed.
Acknowledged files are on the disk: the file is synced, renamed, and its folder is synced. Files in the
cache are not synced: they are recreated after a power failure. ``REPRISE_SYNCHRONOUS=normal`` leaves all
syncing to the operating system, as for the database.

A file being written is locked by its writer, so that other processes can recognise leftovers of dead ones.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import FileIO
from pathlib import Path

from reprise import file_lock, paths
from reprise.errors import UsageError

SYNCHRONOUS = "REPRISE_SYNCHRONOUS"
ARRIVALS = "arriving-v1"
"""The folder of the cache in which its files arrive."""

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def read_synchronous() -> str:
    """What ``REPRISE_SYNCHRONOUS`` asks for: ``full``, or ``normal``: a power cut may take the last writes.

    Raises:
        UsageError: it is another word.
    """
    word = os.environ.get(SYNCHRONOUS, "").lower() or "full"
    if word not in {"full", "normal"}:
        raise UsageError(f"{SYNCHRONOUS} is {word!r}; it can be full or normal")
    return word


def current_boot() -> str:
    """A text that changes when the machine starts again; empty where the system has none."""
    try:
        with open(_BOOT_ID, encoding="ascii") as stream:  # noqa: PTH123 -- on the path of every run
            return stream.read().strip()
    except OSError:
        return ""


def write_note(path: Path, content: str | bytes) -> None:
    """Write ``content`` to ``path``: readers see the old file or the new one, a power cut may take both.

    The parent folder is made when it is missing.
    """
    with arriving(path, synced=False) as stream:
        _write_all(stream, content)


def write_file(path: Path, content: str | bytes, staging: Path | None = None) -> None:
    """Write ``content`` to ``path``, as a whole, and return when it is on the disk.

    The parent folder is made when it is missing.
    """
    with arriving(path, staging) as stream:
        _write_all(stream, content)


@contextmanager
def arriving(target: Path, staging: Path | None = None, *, synced: bool = True) -> Iterator[FileIO]:
    """A file to write into, that is ``target`` when the block ends well; else nothing of it stays.

    Args:
        staging: a folder on the same disk in which it is written; beside ``target`` unless given.
        synced: whether it is on the disk when the block has ended.
    """
    make_folders(target.parent, synced=synced)
    temporary = _choose_staging(target, staging) / file_lock.name_arrival()
    descriptor = file_lock.hold(temporary, mode=0o666)
    assert descriptor is not None
    try:
        with open(descriptor, "wb", buffering=0, closefd=False) as stream:
            yield stream
        if synced:
            _sync(descriptor)
        _move(temporary, target, synced)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def publish(partial: Path, target: Path) -> None:
    """Move the file or folder ``partial``, on the same disk, to ``target``, and sync it.

    An existing ``target`` is replaced, unless it is a folder that is not empty.
    """
    if partial.is_dir() and not partial.is_symlink():
        for folder, _, names in os.walk(partial, topdown=False):
            sync_files(path for name in names if not (path := Path(folder, name)).is_symlink())
            sync_folder(Path(folder))
    else:
        sync_files([partial])
    os.rename(partial, target)  # noqa: PTH104 -- the one place
    sync_folder(target.parent)


def put_in_place(partial: Path, target: Path) -> None:
    """Put what can be made again at ``target``: whole or not at all, and on the disk at some time."""
    os.rename(partial, target)  # noqa: PTH104 -- the one place


def move_folder(folder: Path, target: Path) -> None:
    """Put a folder at ``target``, where there is nothing, also when that is on another disk."""
    make_folders(target.parent)
    try:
        publish(folder, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with file_lock.arriving_folder(target.parent) as copy:
            shutil.copytree(folder, copy, symlinks=True, dirs_exist_ok=True)
            publish(copy, target)
        shutil.rmtree(folder, ignore_errors=True)


def remove_folder(folder: Path, among: Path | None = None) -> None:
    """Remove a folder, if it is there, so that no part of it is ever taken for the whole.

    It leaves its place first, for a name ``among`` others (beside it unless given) that any process sweeps.
    """
    doomed = (among or folder.parent) / file_lock.name_arrival()
    try:
        put_in_place(folder, doomed)
    except OSError:
        doomed = folder
    shutil.rmtree(doomed, ignore_errors=True)


def make_folders(path: Path, top: Path | None = None, *, synced: bool = True) -> None:
    """Make the folder ``path`` and those above it, where they are missing, on the disk.

    Those below ``top`` that other processes have made are seen on the disk too.
    """
    missing = []
    place = path
    while not place.is_dir():
        missing.append(place)
        place = place.parent
    for folder in reversed(missing):
        paths.make_folder(folder)
        if synced:
            sync_folder(folder.parent)
    while synced and top is not None and place != top and place.is_relative_to(top):
        _sync_name(place, place.stat().st_ino)
        place = place.parent


@lru_cache(maxsize=4096)
def _sync_name(folder: Path, inode: int) -> None:
    """Sync the existence of ``folder``, once per process; ``inode`` distinguishes it from a later
    folder.
    """
    sync_folder(folder.parent)


def sync_files(files: Iterable[Path]) -> None:
    """See that the contents of ``files`` are on the disk; those that are gone are left out."""
    if read_synchronous() != "full":
        return
    for file in files:
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """See that the names in ``folder`` are on the disk."""
    sync_files([folder])


def _sync(descriptor: int) -> None:
    if read_synchronous() != "full":
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot sync folders
            raise


def _choose_staging(target: Path, given: Path | None) -> Path:
    """Where a file arrives; what dead processes left beside ``target`` is removed."""
    if given is not None:
        return given
    cache = paths.cache_dir()
    if target.is_relative_to(cache):
        return cache / ARRIVALS
    file_lock.sweep_dead(target.parent, file_lock.ARRIVING)
    return target.parent


def _move(temporary: Path, target: Path, synced: bool) -> None:
    try:
        os.rename(temporary, target)  # noqa: PTH104 -- the one place
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_across(temporary, target, synced)
    if synced:
        sync_folder(target.parent)


def _move_across(temporary: Path, target: Path, synced: bool) -> None:
    """Copy to a part of the cache on another disk, and rename there."""
    beside = target.with_name(file_lock.name_arrival())
    descriptor = file_lock.hold(beside, mode=0o666)
    assert descriptor is not None
    try:
        shutil.copyfile(temporary, beside)
        if synced:
            _sync(descriptor)
        os.rename(beside, target)  # noqa: PTH104 -- the one place
        temporary.unlink()
    finally:
        beside.unlink(missing_ok=True)
        os.close(descriptor)


def _write_all(stream: FileIO, content: str | bytes) -> None:
    rest = memoryview(content.encode() if isinstance(content, str) else content)
    while rest:  # an unbuffered file may take less than it was given
        rest = rest[stream.write(rest) :]
