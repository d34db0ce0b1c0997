"""Texts line by line: exactly, or but for what is of one run alone and for numbers within the tolerance."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import TypeAlias

from reprise.runner.verdict import asides
from reprise.runner.verdict.asides import NOTHING, Aside
from reprise.runner.verdict.numbers import agreement
from reprise.runner.verdict.values import IDENTICAL, Agreement, Finding, diverged, within, worst
from reprise.schemas.faults import shortened
from reprise.schemas.tolerance import EXACT, Closeness

Mask: TypeAlias = Callable[[str], str]

_DECIMAL = re.compile(
    r"(?<![\w.])[-+]?(?:\d+\.\d*(?:[eE][-+]?\d{1,6})?|\.\d+(?:[eE][-+]?\d{1,6})?|\d+[eE][-+]?\d{1,6})"
    r"(?!\w|\.\w)"
)


def decoded(data: bytes) -> str | None:
    """The text that ``data`` is; None when it is none: not UTF-8, or with zero bytes."""
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def compare_texts(
    a: str,
    b: str,
    closeness: Closeness = EXACT,
    of_a: Aside = NOTHING,
    of_b: Aside = NOTHING,
    *,
    log: bool = False,
) -> Finding:
    """Two texts that are not equal, but for what is of one run alone.

    Where that was ids alone they are identical. Where it was recognised by its look (times, durations,
    temporary paths), or where numbers were close, they are within tolerance. Of lines that a terminal
    would have written over (progress bars) the last state counts.
    """
    mask_a, mask_b = (partial(asides.masked, aside=aside, log=log) for aside in (of_a, of_b))
    lines_a, lines_b = _lines(a), _lines(b)
    said: list[str] = []
    found = worst(_differences(lines_a, lines_b, mask_a, mask_b, closeness, said))
    if found.agreement is not Agreement.DIVERGED:
        note = f"but for {', '.join(dict.fromkeys(said)) or 'line ends'}"
        exact = asides.without_ids(a, of_a) == asides.without_ids(b, of_b)
        return IDENTICAL._replace(note=note) if exact else within(note=note)
    if Counter(map(mask_a, lines_a)) == Counter(map(mask_b, lines_b)):
        return found._replace(note="the same lines in another order")
    return found


def compare_words(
    a: str, b: str, of_a: Aside = NOTHING, of_b: Aside = NOTHING, closeness: Closeness = EXACT
) -> Finding:
    """One text of a larger whole: a cell, a value, a parameter."""
    found = compare_texts(a, b, closeness, of_a, of_b)
    if found.agreement is Agreement.DIVERGED:
        return diverged(note=f'"{shortened(b)}", was "{shortened(a)}"')
    return found


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r").rpartition("\r")[2] for line in text.split("\n")]


def _differences(
    lines_a: list[str],
    lines_b: list[str],
    mask_a: Mask,
    mask_b: Mask,
    closeness: Closeness,
    said: list[str],
) -> Iterator[Finding]:
    """What diverged; ``said`` is told what was set aside in lines that are equal without it."""
    for number, (line_a, line_b) in enumerate(zip(lines_a, lines_b, strict=False), start=1):
        if line_a == line_b:
            continue
        one, other = mask_a(line_a), mask_b(line_b)
        word = _agreement(one, other, closeness)
        if word is Agreement.DIVERGED:
            shown = f'"{shortened(line_b.strip())}", was "{shortened(line_a.strip())}"'
            yield diverged(f"line {number}", shown)
        said += asides.kinds(other)
        if word is Agreement.WITHIN_TOLERANCE:
            said.append("numbers")
    if len(lines_a) != len(lines_b):
        where = f"line {min(len(lines_a), len(lines_b)) + 1}"
        yield diverged(where, f"{len(lines_b)} lines, was {len(lines_a)}")


def _agreement(a: str, b: str, closeness: Closeness) -> Agreement:
    if a == b:
        return Agreement.IDENTICAL
    if _DECIMAL.sub("\0", a) != _DECIMAL.sub("\0", b):
        return Agreement.DIVERGED
    pairs = zip(_DECIMAL.findall(a), _DECIMAL.findall(b), strict=True)
    words = [agreement(Decimal(one), Decimal(other), closeness) for one, other in pairs]
    # The texts differ, so that they are not identical even where the numbers are.
    return max([Agreement.WITHIN_TOLERANCE, *words], key=lambda word: word.rank)
