"""The log of a job: its streams in one file, line by line, and beside it the stream of each range of bytes.

The file beside it, ``output.streams`` for ``output.log``, has a line for each change: the offset in the
log, and the stream from there on (``o`` stdout, ``e`` stderr, ``t`` a terminal, which is both, ``-`` none).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from reprise import disk

if TYPE_CHECKING:
    from reprise.backends.masking import Masker

log = logging.getLogger(__name__)

STDOUT, STDERR, TERMINAL = "o", "e", "t"
NO_STREAM = "-"

_LONGEST = 1 << 16  # bytes of a line without an end that are held back
_PATIENCE = 0.3  # seconds that a line without an end is held back, as a progress bar or a question is
_MOST_CHANGES = 500_000  # that are noted; a file of 5 MB


class KeptLog:
    """The log at ``path``, which may have a beginning already.

    A line that one stream has begun is not torn by what the other writes, unless it takes long to end.
    ``secrets`` are masked.
    """

    def __init__(self, path: Path, secrets: Collection[str] = ()) -> None:
        self.fault = ""
        """Why the log is not complete; empty while it is."""
        self._path = path
        self._secrets = secrets
        self._maskers: dict[str, Masker] = {}
        self._log: FileIO | None = FileIO(path, "ab")
        self._offset = self._log.tell()
        self._changes: FileIO | None = FileIO(streams_beside(path), "ab")
        self._stream = NO_STREAM
        self._noted = 0
        self._pending: dict[str, tuple[float, bytes]] = {}
        """What each stream has begun, and since when."""

    def add(self, stream: str, data: bytes) -> None:
        """Keep what came on a stream: whole lines now, the rest when its line has ended."""
        if stream not in self._maskers:
            from reprise.backends.masking import Masker

            self._maskers[stream] = Masker(self._secrets)
        self._add_masked(stream, self._maskers[stream].mask(data))

    def _add_masked(self, stream: str, data: bytes) -> None:
        since, begun = self._pending.pop(stream, (time.monotonic(), b""))
        end = data.rfind(b"\n") + 1
        if end:
            self._write(stream, begun + data[:end])
            since, begun = time.monotonic(), b""
        if rest := begun + data[end:]:
            self._pending[stream] = since, rest
            if len(rest) > _LONGEST:
                self._write_pending(stream)

    def add_waiting(self) -> None:
        """Keep the beginnings of lines that have waited long enough for their end."""
        now = time.monotonic()
        for stream, (since, _) in [*self._pending.items()]:
            if now - since >= _PATIENCE:
                self._write_pending(stream)

    def close(self) -> None:
        for stream, masker in self._maskers.items():
            self._add_masked(stream, masker.rest())
        for stream in [*self._pending]:
            self._write_pending(stream)
        if self._stream != NO_STREAM:
            self._note(NO_STREAM)
        for file in (self._log, self._changes):
            if file is not None:
                file.close()
        self._log = self._changes = None

    def _write_pending(self, stream: str) -> None:
        self._write(stream, self._pending.pop(stream)[1])

    def _write(self, stream: str, data: bytes) -> None:
        if self._log is None:
            return
        if stream != self._stream:
            self._note(stream)
        try:
            self._log.write(data)
            self._offset += len(data)
        except OSError as error:  # a full disk must not end the training
            self.fault = disk.reason_of(error, self._path)
            log.warning("the run's log ends here: %s", self.fault)
            self._log.close()
            self._log = None

    def _note(self, stream: str) -> None:
        """Note that what follows is of ``stream``; without a note it is of none that is known."""
        self._stream = stream
        self._noted += 1
        if self._changes is None or self._noted > _MOST_CHANGES:
            return
        shown = stream if self._noted < _MOST_CHANGES else NO_STREAM
        try:
            self._changes.write(f"{self._offset} {shown}\n".encode())
        except OSError as error:
            log.warning(
                "the streams of the run's log cannot be distinguished from here on: %s",
                disk.reason_of(error, self._path),
            )
            self._changes.close()
            self._changes = None


def streams_beside(path: Path) -> Path:
    """The file that names the stream of each range of bytes in the log at ``path``."""
    return path.with_suffix(".streams")


def split_streams(data: bytes, changes: str) -> dict[str, bytes]:
    """The bytes of each stream of a log, in their order; those of no known stream under ``-``.

    Raises:
        ValueError: ``changes`` is not what :class:`KeptLog` writes.
    """
    pieces: dict[str, list[bytes]] = {}
    begin, stream = 0, NO_STREAM
    for line in [*changes.splitlines(), f"{len(data)} {NO_STREAM}"]:
        offset, following = line.split(" ")
        if int(offset) < begin:
            raise ValueError(f"the offset {offset} is before {begin}")
        if piece := data[begin : int(offset)]:
            pieces.setdefault(stream, []).append(piece)
        begin, stream = int(offset), following
    return {name: b"".join(found) for name, found in pieces.items()}
