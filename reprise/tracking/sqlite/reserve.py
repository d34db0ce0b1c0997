"""A file that holds room on the disk, given up when deleting needs it.

Deleting writes before it frees anything: the log of the database and its index have to fit. On a full
disk they get the room of this file. It is made again when the disk has room.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from reprise import disk

NAME = "reserve"
SIZE = 512 << 10
_PLENTY = 4 * SIZE
"""Free bytes with which the reserve is made; a disk with less is left alone."""


def keep_reserve(store: Path) -> None:
    """Make the reserve where it is missing and the disk has plenty of room."""
    path = store / NAME
    with contextlib.suppress(OSError):  # the store works without
        if path.exists() or disk.disk_of(store).free < _PLENTY:
            return
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)
        except OSError:
            path.unlink()
        finally:
            os.close(descriptor)


def use_reserve(store: Path) -> None:
    """Give the reserve up where the disk is full, so that what frees room can be written."""
    with contextlib.suppress(OSError):
        if disk.disk_of(store).is_full:
            (store / NAME).unlink()
