"""Lines of a log as the rows of a page."""

from __future__ import annotations

from collections.abc import Sequence

from reprise.named_tuple import NamedTuple
from reprise.ui.html import templates
from reprise.ui.log import ansi
from reprise.ui.log.lines import LineWindow


class LogRow(NamedTuple):
    """A row; ``number`` counts from 1; ``whole`` is the size in bytes of a shortened line, else 0."""

    number: int
    pieces: Sequence[tuple[str, ansi.AnsiStyle]]
    whole: int


def rows_of(window: LineWindow) -> list[LogRow]:
    """Return the rows of lines; a colour without a reset continues in the next line."""
    _, style = ansi.shown(window.colours)
    rows = []
    for at, line in enumerate(window.lines):
        pieces, style = ansi.shown(line, style)
        rows.append(LogRow(window.first + at + 1, pieces, window.cut.get(at, 0)))
    return rows


def told(window: LineWindow) -> dict[str, object]:
    """Return JSON for log.js: ``html`` has the rows of ``count`` lines from ``first`` (from 0) of
    ``total``.
    """
    html = templates().get_template("_log_rows.html").render(rows=rows_of(window))
    return {"first": window.first, "count": len(window.lines), "html": html, "total": window.total}
