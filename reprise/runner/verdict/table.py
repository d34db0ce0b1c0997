"""A verdict for people: what is identical is counted, everything else has a line of its own."""

from __future__ import annotations

from collections.abc import Iterator

from reprise.runner.verdict.report import names_set_aside
from reprise.runner.verdict.values import (
    CHILD_RUN,
    KINDS,
    OUTPUT_LOG,
    Agreement,
    ChildVerdict,
    Part,
    Verdict,
)

HEAD = ("PART", "VERDICT", "")

_SHOWN = 3  # names of what was set aside
_PLURALS = {
    "input": "inputs",
    "parameter": "parameters",
    "metric": "metrics",
    "artifact": "artifacts",
    "model": "models",
    "tag": "tags",
    CHILD_RUN: "child runs",
    "duration": "durations",
    "clock": "clocks",
    "rate": "rates",
    "latency": "latencies",
    "memory": "memory values",
    "machine": "metrics of the machine",
    "id": "ids",
}


def make_rows(found: Verdict, *, only_differences: bool = False) -> Iterator[tuple[str, str, str]]:
    """Part, verdict, and where or why; in the order of the parts, the worst of each kind first."""
    for kind in KINDS:
        yield from _rows_of_kind([item for item in found.parts if item.kind == kind], only_differences)
        if kind == CHILD_RUN:
            for child in found.children:
                yield from _rows_of_child(child, "")


def summarise(found: Verdict) -> Iterator[tuple[str, str]]:
    """Return titles and texts below the table: what decided, and what was set aside."""
    if found.decided_by:
        yield "decided by", ", ".join(_PLURALS.get(kind, kind) for kind in found.decided_by)
    if aside := names_set_aside(found.set_aside):
        yield "set aside", ", ".join(_count_names(kind, names) for kind, names in aside.items())


def title_of(kind: str, number: int) -> str:
    """``1 duration``, ``12 child runs``"""
    return f"{number:,} {kind if number == 1 else _PLURALS.get(kind, kind)}"


def _count_names(kind: str, names: list[str]) -> str:
    """``4 durations (mean_fit_time, std_fit_time, mean_score_time, ...)``"""
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{title_of(kind, len(names))} ({', '.join(names[:_SHOWN])}{more})"


def _rows_of_kind(parts: list[Part], only_differences: bool) -> Iterator[tuple[str, str, str]]:
    alike = [item for item in parts if item.agreement is Agreement.IDENTICAL and item.decides]
    others = [item for item in parts if item not in alike and not _tells_nothing(item)]
    if only_differences:
        others = [item for item in others if item.agreement is not Agreement.IDENTICAL]
    for item in sorted(others, key=lambda item: (not item.decides, -item.agreement.rank)):
        yield _make_row(item)
    if only_differences or not alike:
        return
    if len(alike) == 1:
        yield _make_row(alike[0])
    else:
        yield title_of(alike[0].kind, len(alike)), Agreement.IDENTICAL, ""


def _rows_of_child(child: ChildVerdict, above: str) -> Iterator[tuple[str, str, str]]:
    """What differs in a child run, below the line that says that something does."""
    path = f"{above}{child.name} -> "
    for item in child.parts:
        if item.agreement is not Agreement.IDENTICAL and item.kind != CHILD_RUN:
            title, word, note = _make_row(item)
            yield f"  {path}{title}", word, note
    for inner in child.children:
        yield from _rows_of_child(inner, path)


def _tells_nothing(item: Part) -> bool:
    """Whether it is the same and does not decide; what was set aside is named below the table."""
    return not item.decides and item.agreement is Agreement.IDENTICAL and item.kind != OUTPUT_LOG


def _make_row(item: Part) -> tuple[str, str, str]:
    said = ": ".join(filter(None, (item.where, item.note)))
    aside = "" if item.decides else "does not decide"
    return f"{item.kind} {item.name}".strip(), item.agreement, "; ".join(filter(None, (aside, said)))
