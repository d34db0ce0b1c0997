"""Log messages of the library on stderr, one line each; stdout is for data only."""

from __future__ import annotations

import logging
import os

import click

from reprise.legible import make_legible
from reprise.redact import redact

_STYLES = {logging.WARNING: ("warning", "yellow"), logging.ERROR: ("error", "red")}


class _OnStderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = make_legible(redact(record.getMessage()))
        if record.levelno in _STYLES:
            word, colour = _STYLES[record.levelno]
            text = f"{click.style(word, fg=colour, bold=True)}: {text}"
        click.echo(text, err=True)


def colour() -> bool | None:
    """Return False if colours are disabled, None if it depends on the stream."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def tell(*, verbose: bool, quiet: bool) -> None:
    """Show the messages of the library from INFO on; DEBUG too when ``verbose``."""
    click.get_current_context().color = colour()
    logger = logging.getLogger("reprise")
    logger.handlers = [_OnStderr()]
    logger.propagate = False
    logger.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
