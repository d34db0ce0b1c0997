"""Messages on stderr, one line each; stdout is for data only."""

from __future__ import annotations

import logging
import os
import sys

from reprise.legible import make_legible
from reprise.redact import redact

_COLOURS = {"red": 31, "yellow": 33, "cyan": 36}
_LABELS = {logging.WARNING: ("warning", "yellow"), logging.ERROR: ("error", "red")}


class _OnStderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        label, colour = _LABELS.get(record.levelno, ("", ""))
        print_message(record.getMessage(), label, colour)


def print_message(text: str, label: str = "", colour: str = "") -> None:
    """Print ``text`` on stderr, legible and without secrets, after a ``label`` in its colour."""
    if sys.stderr is None:
        return
    if label and colour and sys.stderr.isatty() and wants_colour() is not False:
        label = f"\x1b[{_COLOURS[colour]}m\x1b[1m{label}\x1b[0m"
    print(f"{label}: " * bool(label) + make_legible(redact(text)), file=sys.stderr, flush=True)


def wants_colour() -> bool | None:
    """False where colours are not wanted, None where it depends on the stream."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def tell(*, verbose: bool, quiet: bool) -> None:
    """Show the messages of the library from INFO on; DEBUG too when ``verbose``."""
    logger = logging.getLogger("reprise")
    logger.handlers = [_OnStderr()]
    logger.propagate = False
    logger.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
