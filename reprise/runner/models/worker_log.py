"""The output of a worker: errors quote its end, and only a limited amount is kept."""

from __future__ import annotations

import logging
import os
import re
import shutil
from pathlib import Path

log = logging.getLogger(__name__)

_SHOWN = 15  # lines
_TAIL = 1 << 16  # bytes
_LARGEST = 10 << 20  # bytes
_TRACEBACK = "Traceback (most recent call last):"
_OUTER = re.compile(r"Exception: Command .* returned non zero return code(?:.*= (?P<code>-?\d+))?")
"""The last line of MLflow's command, which says only that the server under it has ended."""


class Printed:
    """Return the file ``path`` from byte ``begin`` on; a worker keeps appending to it."""

    def __init__(self, path: Path, begin: int) -> None:
        self.path = path
        self._begin = begin

    def read_tail(self) -> str:
        """The last lines, indented, without the traceback of MLflow's command."""
        return "\n".join(f"  {line}" for line in _find_cause(self._last_lines())[-_SHOWN:])

    def find_code(self) -> int | None:
        """The exit code of the server under MLflow's command, which itself only fails."""
        lines = self._last_lines()
        outer = _OUTER.match(lines[-1]) if lines else None
        return int(outer["code"]) if outer and outer["code"] else None

    def bound_size(self) -> None:
        """Truncate the file if it has become large, after moving its content to ``....log.1``."""
        try:
            if self.path.stat().st_size > _LARGEST:
                shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
                os.truncate(self.path, 0)  # writers in append mode continue at the new end
        except OSError as error:  # a full disk, or a removed file
            log.debug("%s is not bounded: %s", self.path, error)

    def _last_lines(self) -> list[str]:
        """The last ones, without what is empty at the end."""
        try:
            with self.path.open("rb") as stream:
                size = self.path.stat().st_size
                begin = self._begin if self._begin <= size else 0  # it was truncated since
                stream.seek(max(begin, size - _TAIL))
                return stream.read().decode("utf-8", "replace").rstrip().splitlines()
        except OSError:
            return []


def _find_cause(lines: list[str]) -> list[str]:
    if lines and _OUTER.match(lines[-1]) and _TRACEBACK in lines:
        last = len(lines) - 1 - lines[::-1].index(_TRACEBACK)
        return lines[:last] or lines
    return lines
