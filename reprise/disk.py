"""What the operating system refuses, as a sentence that names the disk, and what is free on it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from reprise import units
from reprise.errors import RepriseError
from reprise.named_tuple import NamedTuple

DESCRIPTORS = 64
"""File descriptors that every command except servers needs at most."""
_DESCRIPTORS_OF_RUN = 32
_MANY = 4096  # a limit that is not worth counting for

_FULL = 128 << 10
"""Bytes: a disk with less free is taken for full."""


class Disk(NamedTuple):
    """The file system that holds a path: where it is mounted, and its room in bytes."""

    mount: Path
    free: int
    total: int
    free_files: int
    is_read_only: bool

    @property
    def is_full(self) -> bool:
        return self.free < _FULL or self.free_files == 0


def disk_of(path: Path) -> Disk:
    """The disk of ``path``, or of the nearest folder above it that exists.

    Raises:
        OSError: the disk does not say.
    """
    folder = path.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    facts = os.statvfs(folder)
    mount = next((place for place in (folder, *folder.parents) if place.is_mount()), folder)
    return Disk(
        mount,
        facts.f_bavail * facts.f_frsize,
        facts.f_blocks * facts.f_frsize,
        # Some file systems (btrfs, NFS) count no files: both numbers are 0 then.
        facts.f_favail if facts.f_files else 1,
        bool(facts.f_flag & os.ST_RDONLY),
    )


def reason_of(error: OSError, path: Path | None = None) -> str:
    """Why the system refused, after "cannot be written: "; ``path`` where the error does not name one."""
    named = error.filename if isinstance(error.filename, str | bytes) else None
    place = Path(os.fsdecode(named)) if named else path
    if error.errno == errno.EMFILE:
        import resource

        return (
            f"this process may have {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} files open,"
            f" and all of them are in use; it needs about {DESCRIPTORS} (ulimit -n {DESCRIPTORS})"
        )
    if error.errno == errno.ENFILE:
        return "this machine has as many files open as it can (sysctl fs.file-max)"
    describe = _OF_THE_DISK.get(error.errno or 0)
    if place is None or describe is None:
        return error.strerror or str(error)
    try:
        return describe(disk_of(place))
    except OSError:
        return error.strerror or str(error)


def require_descriptors() -> None:
    """See that a run can be performed with the file descriptors that are left.

    Raises:
        RepriseError: they are too few.
    """
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY or limit >= _MANY:
        return
    try:
        used = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- on the path of every run
    except FileNotFoundError:  # no Linux
        return
    except OSError:
        used = limit
    if limit - used < _DESCRIPTORS_OF_RUN:
        raise RepriseError(
            f"this process may have {limit} files open, and {used} are: a run needs"
            f" {_DESCRIPTORS_OF_RUN} more",
            hint=f"ulimit -n {used + DESCRIPTORS}",
        )


def _describe_full(disk: Disk) -> str:
    if disk.free_files == 0:
        return f"the disk mounted at {disk.mount} holds as many files as it can (df -i)"
    room = f"{units.size(disk.free)} of {units.size(disk.total)} are free"
    return f"the disk mounted at {disk.mount} is full: {room}"


OPEN_FILES = frozenset({errno.EMFILE, errno.ENFILE})
_OF_THE_DISK: dict[int, Callable[[Disk], str]] = {
    errno.ENOSPC: _describe_full,
    errno.EDQUOT: "your quota on the disk mounted at {0.mount} is used up".format,
    errno.EROFS: "the disk mounted at {0.mount} is read-only".format,
    errno.EIO: "the disk mounted at {0.mount} has an input/output error (dmesg says more)".format,
}
FAULTS = OPEN_FILES | _OF_THE_DISK.keys()
"""Error numbers that are faults of the machine, not bugs."""
