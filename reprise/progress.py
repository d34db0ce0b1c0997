"""Progress on stderr: bars on a terminal, and lines for waits that take more than a moment."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from reprise.legible import SEQUENCE, make_legible_line
from reprise.redact import redact

log = logging.getLogger(__name__)

FIRST_LINE = 3.0
"""Seconds after which a wait is mentioned."""
_LINES = (10.0, 30.0, 60.0)  # then every minute

_MARGIN = 6  # columns
_turning: list[Callable[[str], None]] = []
"""How each spinner that is turning shows a line."""


class Wait:
    """Reports long waits: ``waiting for X (10 s)``."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._next = FIRST_LINE

    def tell_when_due(self) -> None:
        """Say how long it has taken, unless that was said a moment ago."""
        taken = time.monotonic() - self._began
        if taken >= self._next:
            log.info("waiting for %s (%.0f s)", self._what, taken)
            self._next = _next_line(taken)

    def until(self, ended: Callable[[float], bool], seconds: float) -> bool:
        """Whether ``ended(most)``, which itself waits at most ``most``, was true within ``seconds``."""
        deadline = time.monotonic() + seconds
        while True:
            self.tell_when_due()
            now = time.monotonic()
            if ended(max(min(deadline, self._began + self._next) - now, 0.0)):
                return True
            if time.monotonic() >= deadline:
                return False


@contextmanager
def _lines(description: str) -> Iterator[Callable[[str], None]]:
    """Log ``<description> (10 s)`` while the block takes long; yields the function that renames it."""
    shown = [description]
    ended = threading.Event()
    began = time.monotonic()

    def tell() -> None:
        due = FIRST_LINE
        while not ended.wait(max(began + due - time.monotonic(), 0.0)):
            log.info("%s (%.0f s)", redact(shown[0]), due)
            due = _next_line(due)

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield lambda text: shown.__setitem__(0, text)
    finally:
        ended.set()
        thread.join()


def _next_line(seconds: float) -> float:
    """When the next line is due after one at ``seconds``."""
    return next((line for line in _LINES if line > seconds), seconds + 60.0)


@contextmanager
def bar(description: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Show a bar for ``total`` units (bytes; None = unknown); yields the function that advances it.

    Without a terminal a line says now and then that it is not done yet.
    """
    if not sys.stderr.isatty():
        with _lines(description):
            yield lambda _amount: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(make_legible_line(description), total=total)
        yield lambda amount: progress.advance(task, amount)


@contextmanager
def spinner(description: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner for work of unknown length; yield the function that updates its description.

    :func:`note` adds what a program says of it. Without a terminal a line says now and then that it is not
    done yet.
    """
    if not sys.stderr.isatty():
        with _lines(description) as describe:
            yield describe
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    with console.status(Text(make_legible_line(description))) as status:

        def describe(text: str, line: str = "") -> None:
            room = max(console.width - len(text) - _MARGIN, 0)
            status.update(Text.assemble(make_legible_line(text), "  ", (line[:room], "dim")))

        turning = partial(describe, description)
        _turning.append(turning)
        try:
            yield describe
        finally:
            _turning.remove(turning)


def note(line: str) -> None:
    """Show ``line``, which a program has just printed, beside the spinner that is turning, if any is."""
    if _turning:
        _turning[-1](make_legible_line(re.sub(SEQUENCE, "", line)))
