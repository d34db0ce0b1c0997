"""Small and read-only disks, mounted for a test. It takes root, as containers of CI give it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHUNK = bytes(64 << 10)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """``folder``, made as a disk of its own of ``size`` (``8m``)."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Write to ``disk`` until it is full; the file that holds its room."""
    filler = disk / "filler"
    descriptor = os.open(filler, os.O_CREAT | os.O_WRONLY)
    try:
        for chunk in (_CHUNK, b"x"):
            try:
                while os.write(descriptor, chunk):
                    pass
            except OSError:
                continue
    finally:
        os.close(descriptor)
    return filler


def make_read_only(disk: Path) -> None:
    """From now on ``disk`` refuses to be written."""
    _mount("-o", "remount,ro", str(disk))


def missing() -> str | None:
    """Why no disks can be mounted here, and what helps; None where they can."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with mounted(Path(folder) / "disk", "1m"):
                return None
        except (OSError, subprocess.CalledProcessError):
            return "no file systems can be mounted; root can, and so do containers with SYS_ADMIN"


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@contextmanager
def bound_read_only(folder: Path, view: Path) -> Iterator[Path]:
    """``view``, which shows ``folder`` and refuses to be written, as a container has it."""
    view.mkdir()
    _mount("--bind", str(folder), str(view))
    try:
        _mount("-o", "remount,bind,ro", str(view))
        yield view
    finally:
        subprocess.run(["umount", "-l", str(view)], check=True)
