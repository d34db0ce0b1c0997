"""Progress bars: on a terminal only, on stderr only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from reprise.legible import SEQUENCE, make_legible_line

_MARGIN = 6  # columns
_turning: list[Callable[[str], None]] = []
"""How each spinner that is turning shows a line."""


@contextmanager
def bar(description: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Show a bar for ``total`` units (bytes; None = unknown); yields the function that advances it.

    Without a terminal the yielded function does nothing.
    """
    if not sys.stderr.isatty():
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
    """Show that something of unknown length is going on; yields the function that describes it anew.

    :func:`note` adds what a program says of it. Without a terminal the yielded function does nothing.
    """
    if not sys.stderr.isatty():
        yield lambda _description: None
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
        _turning[-1](make_legible_line(SEQUENCE.sub("", line)))
