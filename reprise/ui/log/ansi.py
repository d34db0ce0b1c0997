"""A line as a terminal shows it: colours, and text that overwrites itself.

Other control sequences are dropped: they move the cursor elsewhere, or query the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from reprise.legible import COLOUR, SEQUENCE, escape_hidden
from reprise.named_tuple import NamedTuple

_PALETTE = re.compile(r"([34]8:2):\d*(:\d+:\d+:\d+)")  # the name of a colour space, never used
_CODES = re.compile("[;:]")
_MARKS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike"}
_LEVELS = (0, 95, 135, 175, 215, 255)
_OVERWRITING = re.compile(r"[\r\b]|\x1b\[\d*[CDGK]")
_TO_COLUMN: Mapping[str, Callable[[int, int], int]] = {
    "C": lambda cursor, count: cursor + max(1, count),
    "D": lambda cursor, count: max(0, cursor - max(1, count)),
    "G": lambda _, column: max(0, column - 1),
}
"""Sequences that move the cursor within its line, used by progress bars."""
_WIDEST = 1000  # maximum column of the cursor
_MOST = 500  # styled pieces of a line


class AnsiStyle(NamedTuple):
    """A style; ``marks`` are classes of log.css. A colour is ``1`` for one of the 16, or RGB: ``0 0
    90``.
    """

    marks: frozenset[str] = frozenset()
    fore: str = ""
    back: str = ""

    @property
    def classes(self) -> str:
        fore, back = self.fore, self.back
        if "inverse" in self.marks:
            fore, back = back or "back", fore or "fore"
        named = (
            f"{letter}-{'own' if ' ' in colour else colour}"
            for letter, colour in (("f", fore), ("b", back))
            if colour
        )
        return " ".join((*sorted(self.marks), *named))

    @property
    def own(self) -> Sequence[tuple[str, str]]:
        """Return the colours without a class: ``("f", "0 0 90")``."""
        letters = "bf" if "inverse" in self.marks else "fb"
        return [(letter, own) for letter, own in zip(letters, self[1:], strict=True) if " " in own]


PLAIN = AnsiStyle()
_Piece = tuple[str, AnsiStyle]


def shown(line: str, style: AnsiStyle = PLAIN) -> tuple[list[_Piece], AnsiStyle]:
    """Return the pieces of a line that begins in ``style``, and the style at its end."""
    line = escape_hidden(line.rstrip("\r"))
    overwrites = _OVERWRITING.search(line) is not None
    cells: list[_Piece] = []  # single characters if the line overwrites itself, else pieces of any length
    cursor = done = 0
    for found in re.finditer(SEQUENCE, line):
        cursor = _write(cells, cursor, line[done : found.start()], style, overwrites)
        done = found.end()
        if found[0] == "\r":
            cursor = 0
        elif found[0] == "\b":
            cursor = max(0, cursor - 1)
        elif found["letter"] == COLOUR:
            style = _after(style, found["parameters"])
        elif found["letter"] == "K":
            _erase(cells, cursor, found["parameters"])
        elif found["letter"] in _TO_COLUMN:
            count = _number(found["parameters"])
            cursor = min(_TO_COLUMN[found["letter"]](cursor, count), _WIDEST)
            cells += [(" ", PLAIN)] * (cursor - len(cells))
    _write(cells, cursor, line[done:], style, overwrites)
    joined = [
        ("".join(text for text, _ in same), its) for its, same in groupby(cells, lambda cell: cell[1])
    ]
    rest = "".join(text for text, _ in joined[_MOST:])
    return joined[:_MOST] + ([(rest, PLAIN)] if rest else []), style


def _write(cells: list[_Piece], cursor: int, text: str, style: AnsiStyle, overwrites: bool) -> int:
    """Return the column of the cursor after ``text``."""
    pieces: Iterable[str] = text if overwrites else [text] if text else []
    written = [(piece, style) for piece in pieces]
    cells[cursor : cursor + len(written)] = written
    return cursor + len(written)


def _erase(cells: list[_Piece], cursor: int, how: str) -> None:
    """Erase from the cursor, up to the cursor, or all."""
    if how in ("", "0"):
        del cells[cursor:]
    else:
        count = len(cells) if how == "2" else min(len(cells), cursor + 1)
        cells[:count] = [(" ", PLAIN)] * count


def _after(style: AnsiStyle, parameters: str) -> AnsiStyle:
    """Return ``style`` after a colour sequence with ``parameters``."""
    codes = iter([_number(code) for code in _CODES.split(_PALETTE.sub(r"\1\2", parameters))])
    for code in codes:
        tens, digit = divmod(code, 10)
        if code == 0:
            style = PLAIN
        elif tens in (3, 4, 9, 10):
            named = str(digit + (8 if code >= 90 else 0)) if digit < 8 else ""
            colour = _own(codes) if digit == 8 else named
            style = style._replace(fore=colour) if tens in (3, 9) else style._replace(back=colour)
        elif code in _MARKS:
            style = style._replace(marks=style.marks | {_MARKS[code]})
        elif code == 22:
            style = style._replace(marks=style.marks - {"bold", "dim"})
        else:
            style = style._replace(marks=style.marks - {_MARKS.get(code - 20, "")})
    return style


def _own(codes: Iterator[int]) -> str:
    """Return the colour of ``5;226`` (one of 256) or ``2;0;0;90``."""
    if next(codes, 0) != 5:
        return " ".join(str(min(next(codes, 0), 255)) for _ in range(3))
    number = min(next(codes, 0), 255)
    if number < 16:
        return str(number)
    if number >= 232:
        return " ".join([str(8 + (number - 232) * 10)] * 3)
    return " ".join(str(_LEVELS[(number - 16) // size % 6]) for size in (36, 6, 1))


def _number(code: str) -> int:
    return int(code) if code.isdecimal() and len(code) < 6 else 0
