"""A folder as a zip file that is the same, byte by byte, whenever the folder is."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

from reprise import disk, durable
from reprise.errors import UsageError
from reprise.runner.bundle.layout import list_files

_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can say
_PACKED = {".whl", ".zip", ".gz", ".conda", ".bz2", ".xz", ".zst", ".png", ".jpg", ".jpeg"}
_CHUNK = 1 << 20


def pack_folder(folder: Path, target: Path) -> int:
    """Make ``target`` of all files in ``folder``, whole or not at all; its size in bytes.

    Raises:
        UsageError: it cannot be written there.
    """
    try:
        with durable.arriving(target) as stream:
            with zipfile.ZipFile(stream, "w", strict_timestamps=False) as out:
                for path in list_files(folder):
                    _add_file(out, path, path.relative_to(folder).as_posix())
            return stream.seek(0, os.SEEK_END)
    except OSError as error:
        raise UsageError(
            f"cannot write {target}: {disk.reason_of(error, target)}", hint="use -o to write another file"
        ) from error


def _add_file(out: zipfile.ZipFile, path: Path, name: str) -> None:
    state = path.stat()
    info = zipfile.ZipInfo(name, _TIME)
    info.create_system = 3  # Unix: the mode is valid on any machine
    info.external_attr = (0o100755 if state.st_mode & 0o100 else 0o100644) << 16
    info.compress_type = zipfile.ZIP_STORED if path.suffix.lower() in _PACKED else zipfile.ZIP_DEFLATED
    info.file_size = state.st_size
    with path.open("rb") as source, out.open(info, "w") as member:
        shutil.copyfileobj(source, member, _CHUNK)
