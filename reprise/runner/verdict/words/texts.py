"""Texts line by line: exactly, or but for what is of one run alone and for numbers within the tolerance."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.files.spread import Spread
from reprise.runner.verdict.numbers import compare_numbers
from reprise.runner.verdict.values import (
    IDENTICAL,
    Agreement,
    Finding,
    SetAside,
    find_worst,
    make_diverged,
    make_within,
)
from reprise.runner.verdict.words.clocks import mark_clocks
from reprise.runner.verdict.words.costs import mark_costs, mark_fields
from reprise.runner.verdict.words.known_texts import Aside, mark_names, read_marks, remove_marks
from reprise.runner.verdict.words.logs import log_lines, mark_folders, mark_log_line
from reprise.runner.verdict.words.renames import rename_ids
from reprise.runner.verdict.words.tables import mark_tables
from reprise.schemas.faults import shorten_text
from reprise.schemas.tolerance import Closeness

Mask: TypeAlias = Callable[[str], str]

_DECIMAL = re.compile(
    r"(?<![\w.])[-+]?(?:\d+\.\d*(?:[eE][-+]?\d{1,6})?|\.\d+(?:[eE][-+]?\d{1,6})?|\d+[eE][-+]?\d{1,6})"
    r"(?!\w|\.\w)"
)
_ELLIPSIS = "..."
_SHOWN_BEFORE = 25  # characters before a difference that are shown
_LONG = 4000  # characters; of a longer line only the part that differs is looked at
_BESIDE = 300  # characters on both sides of it that are looked at, too


_BY_ITS_LOOK = frozenset(
    {
        "address",
        "clock",
        "duration",
        "folder",
        "id",
        "latency",
        "memory",
        "port",
        "process",
        "progress",
        "rate",
    }
    | {"temporary path", "ignored"}
)
"""Kinds of what is set aside for its look, or by its name; all others are known to the letter."""


class _Told(NamedTuple):
    """What was set aside in a line; ``name`` is empty where the line gives it none."""

    kind: str
    name: str
    line: int


class TextStyle(Enum):
    """What a text is: ``DATA`` counts but for what is known of a run to the letter. In ``PROSE`` dates and
    times
    of the run, and costs behind their names, are set aside, and ids may be renamed; ``MARKUP`` is prose
    that declares ids. In a ``LOG`` everything is set aside that a run does not say twice.
    """

    DATA = "data"
    PROSE = "prose"
    MARKUP = "markup"
    LOG = "log"


def decode_text(data: bytes) -> str | None:
    """The text that ``data`` is; None when it is none: not UTF-8, or with zero bytes."""
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def compare_texts(
    a: str, b: str, looking: Looking, style: TextStyle, *, may_rename: bool = True
) -> Finding:
    """Two texts: line by line, and without what is of one run alone.

    Where that was known to the letter they are identical. Where it was recognised by its look (times,
    durations), or where numbers were close, they are within tolerance.

    Args:
        may_rename: whether ids of the one may be named otherwise in the other; in a piece of a document
            they may not, for they are renamed in all of it at once.
    """
    if a == b:
        return IDENTICAL
    spread = looking.spread or Spread()
    renamed = a
    if may_rename and style in (TextStyle.PROSE, TextStyle.MARKUP):
        renamed = rename_ids(a, b, markup=style is TextStyle.MARKUP)
    mask_a, mask_b = (_make_mask(aside, looking, style) for aside in (looking.of_a, looking.of_b))
    lines_a, lines_b = (_split_lines(text, style) for text in (renamed, b))
    if style is TextStyle.PROSE and not looking.tolerance.strict:
        kind_of_field = looking.tolerance.kind_set_aside
        lines_a, lines_b = (mark_tables(lines, kind_of_field) for lines in (lines_a, lines_b))
    said: list[_Told] = []
    found = find_worst(_compare_texts(lines_a, lines_b, mask_a, mask_b, looking.closeness, said, spread))
    if found.agreement is Agreement.DIVERGED:
        if Counter(map(mask_a, lines_a)) == Counter(map(mask_b, lines_b)):
            return found._replace(note="the same lines in another order")
        return found
    found = _note_asides(found, said, renamed != a)
    return found if looking.spread else spread.noted(found)


def compare_words(a: str, b: str, looking: Looking) -> Finding:
    """One text of a larger whole (a cell, a value): it counts but for what is known to the letter."""
    if a == b:
        return IDENTICAL
    if mark_names(a, looking.of_a) == mark_names(b, looking.of_b):
        return IDENTICAL._replace(note="but for what is of one run alone")
    return make_diverged(note=f'"{shorten_text(b)}", was "{shorten_text(a)}"')


def _make_mask(aside: Aside, looking: Looking, style: TextStyle) -> Mask:
    kind_of_field = looking.tolerance.kind_set_aside

    def mask_line(line: str) -> str:
        line = mark_names(line, aside)
        if style is TextStyle.DATA:
            return line
        if looking.tolerance.strict:
            return line
        if style is not TextStyle.LOG:
            return mark_fields(mark_clocks(line, aside, epochs=False), kind_of_field)
        line = mark_log_line(mark_folders(line, aside), aside)
        return mark_costs(mark_clocks(line, aside, epochs=True), aside, kind_of_field)

    return mask_line


def _split_lines(text: str, style: TextStyle) -> list[str]:
    if style is TextStyle.LOG:
        return log_lines(text)
    return [line.removesuffix("\r") for line in text.split("\n")]


def _compare_texts(
    lines_a: Sequence[str],
    lines_b: Sequence[str],
    mask_a: Mask,
    mask_b: Mask,
    closeness: Closeness,
    said: list[_Told],
    spread: Spread,
) -> Iterator[Finding]:
    """Line by line; ``said`` gets what was set aside."""
    for number, (line_a, line_b) in enumerate(zip(lines_a, lines_b, strict=False), start=1):
        if line_a == line_b:
            said += [_Told(kind, name, number) for kind, name in read_marks(line_b)]
            continue
        part_a, part_b = _differing_parts(line_a, line_b)
        one, other = mask_a(part_a), mask_b(part_b)
        word = _compare_lines(one, other, closeness, spread)
        if word is Agreement.DIVERGED:
            yield make_diverged(f"line {number}", _show_difference(part_a, part_b))
        said += [_Told(kind, name, number) for kind, name in read_marks(other)]
        if word is Agreement.WITHIN_TOLERANCE:
            yield make_within(f"line {number}")
    if len(lines_a) != len(lines_b):
        where = f"line {min(len(lines_a), len(lines_b)) + 1}"
        yield make_diverged(where, f"{len(lines_b)} lines, was {len(lines_a)}")


def _show_difference(a: str, b: str) -> str:
    """Two texts from shortly before the place where they part."""
    place = next((place for place, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), 0)
    begin = place - _SHOWN_BEFORE if place > _SHOWN_BEFORE + len(_ELLIPSIS) else 0
    texts = (remove_marks(text[begin:]).strip() for text in (a, b))
    one, other = (f"{_ELLIPSIS if begin else ''}{text}" for text in texts)
    return f'"{shorten_text(other)}", was "{shorten_text(one)}"'


def _differing_parts(a: str, b: str) -> tuple[str, str]:
    """Two lines; of long ones the part that differs, with something on both sides of it."""
    if max(len(a), len(b)) < _LONG:
        return a, b
    limit = min(len(a), len(b))
    begin = next((place for place in range(limit) if a[place] != b[place]), limit)
    end = next((place for place in range(limit - begin) if a[-1 - place] != b[-1 - place]), limit - begin)
    begin, end = max(0, begin - _BESIDE), max(0, end - _BESIDE)
    return a[begin : len(a) - end], b[begin : len(b) - end]


def _compare_lines(a: str, b: str, closeness: Closeness, spread: Spread) -> Agreement:
    if a == b:
        return Agreement.IDENTICAL
    if _DECIMAL.sub("\0", a) != _DECIMAL.sub("\0", b):
        return Agreement.DIVERGED
    pairs = zip(_DECIMAL.findall(a), _DECIMAL.findall(b), strict=True)
    words = []
    for one, other in pairs:
        words.append(compare_numbers(Decimal(one), Decimal(other), closeness))
        if words[-1] is not Agreement.IDENTICAL:
            spread.add(Decimal(one), Decimal(other))
    # The texts differ, so that they are not identical even where the numbers are.
    return max([Agreement.WITHIN_TOLERANCE, *words], key=lambda word: word.rank)


def _note_asides(found: Finding, said: Sequence[_Told], is_renamed: bool) -> Finding:
    """``found`` with what was set aside; known texts alone leave it identical."""
    asides = [told for told in said if told.kind in _BY_ITS_LOOK]
    kinds = [*dict.fromkeys(told.kind for told in said)]
    if is_renamed:
        kinds.append("ids that are named otherwise")
    is_exact = found.agreement is Agreement.IDENTICAL and not asides
    if found.agreement is Agreement.WITHIN_TOLERANCE:
        kinds.append("numbers")
    note = f"but for {', '.join(kinds) or 'line ends'}"
    agreed = Agreement.IDENTICAL if is_exact and kinds else Agreement.WITHIN_TOLERANCE
    where = found.where if found.agreement is Agreement.WITHIN_TOLERANCE else ""
    return Finding(agreed, where, note, set_aside=tuple(_set_aside(asides)))


def _set_aside(asides: Sequence[_Told]) -> Iterator[SetAside]:
    """Each name once; what has none by the first of its lines."""
    for kind in dict.fromkeys(told.kind for told in asides):
        told_of_kind = [told for told in asides if told.kind == kind]
        yield from (
            SetAside(kind, name) for name in dict.fromkeys(told.name for told in told_of_kind if told.name)
        )
        lines = [*dict.fromkeys(told.line for told in told_of_kind if not told.name)]
        if lines:
            yield SetAside(
                kind,
                f"line {lines[0]}" if len(lines) == 1 else f"line {lines[0]} and {len(lines) - 1} more",
            )
