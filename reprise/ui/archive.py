"""A folder of artifacts as a .zip file, created while it is sent."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Generator, Iterator

from reprise.errors import TrackingError
from reprise.tracking.artifacts.files import Artifacts

LEFT_OUT = "_left-out.txt"
"""File in the archive that lists unreadable files with the reasons."""

_PIECE = 1 << 18
_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|\ud800-\udfff\u202a-\u202e\u2066-\u2069]')


class _Sink:
    """A buffer of archive data that is not sent yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Do nothing: data is not held back."""

    def close(self) -> None:
        """Do nothing at the end of the archive."""

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def zipped(artifacts: Artifacts, folder: str) -> Generator[bytes]:
    """Yield the archive of ``folder`` in pieces. Unreadable files are left out and listed in it."""
    sink = _Sink()
    prefix = f"{folder}/" if folder else ""
    names: set[str] = set()
    left_out: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in _files(artifacts, folder, left_out):
            name = _safe(path.removeprefix(prefix), names)
            try:
                reading = artifacts.reading(path)
                stream = reading.__enter__()
            except (TrackingError, OSError) as error:
                left_out.append(f"{path!r}: {error}")
                continue
            try:
                with archive.open(name, "w", force_zip64=True) as entry:
                    while piece := stream.read(_PIECE):
                        entry.write(piece)
                        yield sink.taken()
            finally:
                reading.__exit__(None, None, None)
        if left_out:
            archive.writestr(_safe(LEFT_OUT, names), "".join(f"{line}\n" for line in left_out))
    yield sink.taken()


def _files(artifacts: Artifacts, folder: str, left_out: list[str]) -> Iterator[str]:
    """Yield all files below ``folder``, folder by folder."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            children = artifacts.list(here)
        except (TrackingError, OSError) as error:
            left_out.append(f"{here!r}: {error}")
            continue
        waiting.extend(child.path for child in reversed(children) if child.is_dir)
        yield from (child.path for child in children if not child.is_dir)


def _safe(name: str, taken: set[str]) -> str:
    """Return ``name`` as a safe and unique path that every system can unpack."""
    safe = _UNSAFE.sub("_", name)
    found, number = safe, 1
    while found.casefold() in taken:
        number += 1
        stem, dot, ending = safe.rpartition(".")
        found = f"{stem} ({number}).{ending}" if dot else f"{safe} ({number})"
    taken.add(found.casefold())
    return found
