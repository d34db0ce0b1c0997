"""Progress bars: on a terminal only, on stderr only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(description, total=total)
        yield lambda amount: progress.advance(task, amount)


@contextmanager
def spinner(description: str) -> Iterator[Callable[[str], None]]:
    """Show that something of unknown length is going on; yields the function that describes it anew.

    Without a terminal the yielded function does nothing.
    """
    if not sys.stderr.isatty():
        yield lambda _description: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(escape(description)) as status:
        yield lambda description: status.update(escape(description))
