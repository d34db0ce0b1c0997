"""How values are shown: aligned columns and pairs for people, JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from reprise.amounts import ago, counted, duration, size

if TYPE_CHECKING:
    from reprise.schemas.entities import Run

__all__ = ["ago", "as_json", "counted", "duration", "pairs", "plain", "printable", "size", "table", "took"]


def as_json(value: Any) -> None:
    """Print ``value`` as JSON: named tuples as objects, NaN and infinities as MLflow's API writes them."""
    click.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns, each as wide as its widest cell; the last one is not padded."""
    lines = [tuple(head), *(tuple(plain(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for number, line in enumerate(lines):
        padded = [cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=False)]
        text = "  ".join([*padded, line[-1]])
        click.echo(click.style(text, bold=True) if number == 0 else text)


def pairs(title: str, values: Iterable[tuple[str, str]]) -> None:
    """Print a titled block of names and values; nothing when there are none."""
    items = [(plain(name), value) for name, value in values]
    if not items:
        return
    click.echo(click.style(title, bold=True))
    width = max(len(name) for name, _ in items)
    for name, value in items:
        indented = value.replace("\n", "\n" + " " * (width + 4))
        click.echo(f"  {name.ljust(width)}  {printable(indented)}".rstrip())


def plain(text: str) -> str:
    """One line without control characters, for a cell."""
    return printable(" ".join(text.split()))


def took(run: Run) -> str:
    """How long it lasted; nothing while it lasts."""
    return "" if run.end_time is None else duration((run.end_time - run.start_time) / 1000)


def printable(text: str) -> str:
    """Text from a store cannot move the cursor or recolour the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)


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
