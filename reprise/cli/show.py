"""Print values: aligned columns and pairs for people, JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from reprise.legible import OutputFilter, make_legible, make_legible_line
from reprise.units import ago, counted, duration, size

if TYPE_CHECKING:
    from reprise.schemas.entities import Run

__all__ = [
    "ago",
    "as_json",
    "counted",
    "duration",
    "pairs",
    "print_line",
    "print_note",
    "print_output",
    "print_value",
    "size",
    "table",
    "took",
]


def as_json(value: Any) -> None:
    """Print ``value`` as JSON: named tuples as objects, NaN and infinities as MLflow's API writes them."""
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str)
    click.echo(text if text.isascii() else "".join(map(_json_character, text)))


def print_line(text: str, *, label: str = "") -> None:
    """Print one line on stdout: ``text`` after ``label``, which may contain colour codes."""
    indent = " " * (len(text) - len(text.lstrip(" ")))
    click.echo(f"{label}: {make_legible_line(text)}" if label else f"{indent}{make_legible_line(text)}")


def print_note(text: str) -> None:
    """Print ``text`` on stderr: what was done, and other notes."""
    click.echo(make_legible(text).replace("\n", "\\n"), err=True)


def print_value(text: str) -> None:
    """Print a path, a name or an id on stdout: unchanged to a program, escaped on a terminal."""
    click.echo(make_legible(text) if sys.stdout.isatty() else text)


def print_output(pieces: Iterable[bytes]) -> None:
    """Print the output of a program: every byte to a file or pipe, only harmless text to a terminal."""
    if not sys.stdout.isatty():
        for data in pieces:
            click.echo(data, nl=False)
        return
    output = OutputFilter()
    for data in pieces:
        click.echo(output.feed(data), nl=False, color=True)
    click.echo(output.finish(), nl=False, color=True)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns, each as wide as its widest cell; the last column is not padded."""
    lines = [tuple(head), *(tuple(make_legible_line(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for number, line in enumerate(lines):
        padded = [cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=False)]
        text = "  ".join([*padded, line[-1]])
        click.echo(click.style(text, bold=True) if number == 0 else text)


def pairs(title: str, values: Iterable[tuple[str, str]]) -> None:
    """Print a titled block of names and values, or nothing if there are none."""
    items = [(make_legible_line(name), value) for name, value in values]
    if not items:
        return
    click.echo(click.style(title, bold=True))
    width = max(len(name) for name, _ in items)
    for name, value in items:
        indented = value.replace("\n", "\n" + " " * (width + 4))
        click.echo(f"  {name.ljust(width)}  {make_legible(indented)}".rstrip())


def took(run: Run) -> str:
    """Return the duration of a run, or "" while it is running."""
    return "" if run.end_time is None else duration((run.end_time - run.start_time) / 1000)


def _json_character(char: str) -> str:
    """Return ``char``, or its JSON escape if it is a control character or invisible."""
    return char if char.isascii() or char.isprintable() else json.dumps(char)[1:-1]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if hasattr(value, "_asdict"):  # our values are named tuples
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
