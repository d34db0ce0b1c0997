"""How values are shown: aligned columns and pairs for people, JSON for programs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from reprise.schemas.entities import Run


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


def ago(milliseconds: int) -> str:
    """How long a time is past: ``12 s ago``, ``3 min ago``, ``2 h ago``, ``5 d ago``."""
    return f"{duration(time.time() - milliseconds / 1000)} ago"


def duration(seconds: float) -> str:
    """``0.8 s``, ``12 s``, ``3 min``, ``2 h``, ``5 d``."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(count: int) -> str:
    """Bytes for people: ``0 bytes``, ``12 kB``, ``1.2 GB``."""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if count >= 10**power:
            return f"{count / 10**power:.{1 if count < 10 ** (power + 1) else 0}f} {unit}"
    return f"{count} bytes"


def took(run: Run) -> str:
    """How long it lasted; nothing while it lasts."""
    return "" if run.end_time is None else duration((run.end_time - run.start_time) / 1000)


def counted(number: int, noun: str) -> str:
    """``1 run``, ``1,200 runs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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
