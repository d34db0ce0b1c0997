"""Files that one run alone was seen to read: one line, where the runs came out the same."""

from __future__ import annotations

from collections.abc import Sequence

from reprise.runner.verdict.observed import READ_BY_ONE
from reprise.runner.verdict.values import REPRODUCED, ChildVerdict, Part, make_diverged, make_part

_SHOWN = 3


def fold_reads(parts: Sequence[Part]) -> tuple[Part, ...]:
    """``parts`` with one for all files that one run alone read; they may differ, and did not matter."""
    alone = [item for item in parts if item.note in READ_BY_ONE and not item.decides]
    if len(alone) < 2:
        return tuple(parts)
    names = ", ".join(item.name for item in alone[:_SHOWN])
    note = f"{names}, ..." if len(alone) > _SHOWN else names
    title = f"{len(alone)} files that one run alone was seen to read"
    folded = make_part("input", title, make_diverged(note=note), decides=False)
    at = parts.index(alone[0])
    return (*parts[:at], folded, *(item for item in parts[at:] if item not in alone))


def fold_reads_of_child(child: ChildVerdict) -> ChildVerdict:
    """``child`` and the runs below it, each as :func:`fold_reads` where it came out the same."""
    parts = fold_reads(child.parts) if child.agreement in REPRODUCED else child.parts
    return child._replace(parts=parts, children=tuple(map(fold_reads_of_child, child.children)))
