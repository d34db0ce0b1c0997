"""A verdict for people: what is identical is counted, everything else has a line of its own."""

from __future__ import annotations

from collections.abc import Iterator

from reprise.runner.verdict.values import KINDS, Agreement, Part, Verdict

HEAD = ("PART", "VERDICT", "")
_PLURALS = {
    "input": "inputs",
    "parameter": "parameters",
    "metric": "metrics",
    "artifact": "artifacts",
    "model": "models",
}


def rows(found: Verdict, *, only_differences: bool = False) -> Iterator[tuple[str, str, str]]:
    """Part, verdict, and where or why; in the order of the parts, the worst of each kind first."""
    for kind in KINDS:
        parts = [item for item in found.parts if item.kind == kind]
        alike = [item for item in parts if item.agreement is Agreement.IDENTICAL and item.decides]
        others = [item for item in parts if item not in alike]
        if only_differences:
            others = [item for item in others if item.agreement is not Agreement.IDENTICAL]
        for item in sorted(others, key=lambda item: (not item.decides, -item.agreement.rank)):
            yield _row(item)
        if only_differences or not alike:
            continue
        if len(alike) == 1:
            yield _row(alike[0])
        else:
            yield f"{len(alike):,} {_PLURALS.get(kind, kind)}", Agreement.IDENTICAL, ""


def _row(item: Part) -> tuple[str, str, str]:
    said = ": ".join(filter(None, (item.where, item.note)))
    aside = "" if item.decides else "does not decide"
    return f"{item.kind} {item.name}".strip(), item.agreement, "; ".join(filter(None, (aside, said)))
