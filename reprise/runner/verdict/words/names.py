"""Names of files of two runs: those that differ only in what is of one run alone are the same name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reprise.runner.verdict.words.clocks import mark_clocks, mark_times_of_day
from reprise.runner.verdict.words.known_texts import Aside, mark_names, mark_processes, mark_text
from reprise.runner.verdict.words.renames import find_drawn_parts

_DRAWN = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|tmp[a-z0-9_]{8})(?![0-9A-Za-z])"
)
_EVENTS = re.compile(r"(?<=events\.out\.tfevents\.)\d{10}\.[^/]*?(?=(?:\.\d{1,2})?(?:\.v2)?$)")
"""What TensorBoard's writers put into a name: the time, the machine, and the process."""


def match_names(
    a: Sequence[str], b: Sequence[str], of_a: Aside, of_b: Aside
) -> Iterator[tuple[str | None, str | None]]:
    """Match the names of ``a`` and ``b``, with None for names that the other does not have.

    Names that differ in ids, times or numbers of processes of the two runs, or in what was drawn at
    random, are the same where both have as many of them; then they are in their order.
    """
    there = {*b}
    left_a = [name for name in a if name not in there]
    left_b = [name for name in b if name not in {*a}]
    twins = _match_marked(left_a, left_b, of_a, of_b)
    twins |= _match_drawn(
        [name for name in left_a if name not in twins],
        [name for name in left_b if name not in {*twins.values()}],
    )
    for name in a:
        yield name, name if name in there else twins.get(name)
    for name in left_b:
        if name not in {*twins.values()}:
            yield None, name


def _match_marked(a: Sequence[str], b: Sequence[str], of_a: Aside, of_b: Aside) -> dict[str, str]:
    groups: dict[str, tuple[list[str], list[str]]] = {}
    for place, (names, aside) in enumerate(((a, of_a), (b, of_b))):
        for name in names:
            marked = mark_name(name, aside)
            if marked != name:
                groups.setdefault(marked, ([], []))[place].append(name)
    pairs = [group for group in groups.values() if len(group[0]) == len(group[1])]
    return {one: other for left, right in pairs for one, other in zip(left, right, strict=True)}


def _match_drawn(a: Sequence[str], b: Sequence[str]) -> dict[str, str]:
    """Pairs of names that could be each other's alone."""
    fits = {name: [other for other in b if find_drawn_parts(name, other)] for name in a}
    back = [others[0] for others in fits.values() if len(others) == 1]
    return {name: found[0] for name, found in fits.items() if len(found) == 1 and back.count(found[0]) == 1}


def mark_name(name: str, aside: Aside) -> str:
    """``name`` with a mark for each id, time and number of a process of the run, and for what was drawn."""
    name = mark_processes(mark_names(name, aside), aside, inside_names=True)
    name = _DRAWN.sub(mark_text("id"), _EVENTS.sub(mark_text("id"), name))
    return mark_times_of_day(mark_clocks(name, aside, epochs=True), aside)
