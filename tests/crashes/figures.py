"""The table of a campaign: written, added up, and put into a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.crashes.campaign import Count

ALL = "all"

_HEAD = ("| scenario | trials | deaths | broken promises |", "|---|---|---|---|")
_ROW = re.compile(r"^\| (.+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", re.MULTILINE)
_BLOCK = re.compile(r"<!-- figures -->\n.*?<!-- end of figures -->", re.DOTALL)


def format_table(counts: Mapping[str, Count]) -> str:
    """A table in Markdown, a line for each scenario and one for all."""
    rows = [*counts.items(), (ALL, _add(counts.values()))]
    lines = [f"| {name} | {row.trials:,} | {row.died:,} | {row.broken:,} |" for name, row in rows]
    return "\n".join([*_HEAD, *lines])


def read_table(text: str) -> dict[str, Count]:
    """What the table in ``text`` says of each scenario, and of ``all``."""
    return {
        name: Count(*(int(number.replace(",", "")) for number in numbers))
        for name, *numbers in _ROW.findall(text)
    }


def add_tables(texts: Iterable[str]) -> dict[str, Count]:
    """The sums of several tables, by scenario."""
    sums: dict[str, Count] = {}
    for text in texts:
        for name, count in read_table(text).items():
            if name != ALL:
                sums[name] = _add([sums.get(name, Count()), count])
    return sums


def read_figures(document: Path) -> str:
    """The text between the marks of ``document``."""
    (block,) = _BLOCK.findall(document.read_text())
    return str(block)


def write_figures(document: Path, command: str, counts: Mapping[str, Count]) -> None:
    """Put the table, and the command that made it, between the marks of ``document``."""
    block = f"<!-- figures -->\n`{command}`:\n\n{format_table(counts)}\n<!-- end of figures -->"
    document.write_text(_BLOCK.sub(lambda _: block, document.read_text()))


def _add(counts: Iterable[Count]) -> Count:
    return Count(*map(sum, zip(*counts, strict=True)))
