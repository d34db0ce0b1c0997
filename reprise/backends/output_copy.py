"""What a scheduler's job prints, from the file that it prints to into the log of its run, masked.

The copy keeps no note of how far it has come: the log is a beginning of what the masked output is, so that
any process can continue where another stopped, and nothing comes twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from reprise.backends.masking import Masker

_PIECE = 1 << 16  # bytes


class OutputCopy:
    """Copies the file ``source`` to ``log``, as far as it has come; ``show`` gets the same bytes."""

    def __init__(
        self,
        source: Path,
        log: Path,
        secrets: Collection[str],
        show: Callable[[bytes], object] | None = None,
    ) -> None:
        self._source = source
        self._log = log
        self._masker = Masker(secrets)
        self._show = show
        self._offset = 0
        self._behind = log.stat().st_size if log.exists() else 0

    def advance(self) -> None:
        """Copy what has come since the last time."""
        try:
            source = self._source.open("rb")
        except FileNotFoundError:
            return
        with source, self._log.open("ab") as log:
            source.seek(self._offset)
            while data := source.read(_PIECE):
                self._offset += len(data)
                self._write(log.write, self._masker.mask(data))

    def finish(self) -> None:
        """Copy the rest: nothing comes any more."""
        self.advance()
        with self._log.open("ab") as log:
            self._write(log.write, self._masker.rest())

    def _write(self, write: Callable[[bytes], object], data: bytes) -> None:
        known = min(self._behind, len(data))
        self._behind -= known
        if fresh := data[known:]:
            write(fresh)
            if self._show is not None:
                self._show(fresh)
