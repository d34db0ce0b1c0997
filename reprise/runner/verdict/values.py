"""What a comparison of two runs says: of each part one of four words, and the worst that decides of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from reprise.schemas.faults import on_one_line
from reprise.schemas.tolerance import IGNORE, Closeness, Tolerance

VERSION = 2


class Agreement(StrEnum):
    """From the best to the worst; what diverged is known to, whatever else could not be looked at."""

    IDENTICAL = "identical"
    WITHIN_TOLERANCE = "within tolerance"
    NOT_COMPARABLE = "cannot be compared"
    DIVERGED = "diverged"

    @property
    def rank(self) -> int:
        return list(Agreement).index(self)


class SetAside(NamedTuple):
    """A value that does not decide: ``name`` is that of its metric, key or column, ``kind`` what it is:
    ``duration``, ``clock``, ``rate``, ``latency``, ``memory``, ``id``, or ``ignored`` by a tolerance file.
    """

    kind: str
    name: str


class Finding(NamedTuple):
    """How one thing compares: ``where`` in it the difference is, and ``note`` what it is, or why not known.

    ``step`` is the step of a metric, so that the first of several series can be named. ``set_aside`` lists
    what was not compared, each name once. ``decides`` is False where nothing is left beside that.
    """

    agreement: Agreement
    where: str = ""
    note: str = ""
    step: int | None = None
    set_aside: tuple[SetAside, ...] = ()
    decides: bool = True


class Part(NamedTuple):
    """One thing of two runs; ``kind`` is a word of :data:`KINDS`. ``decides``: it counts for the whole."""

    kind: str
    name: str
    agreement: Agreement
    where: str = ""
    note: str = ""
    step: int | None = None
    set_aside: tuple[SetAside, ...] = ()
    decides: bool = True


class Verdict(NamedTuple):
    """``original`` and ``again`` are run ids; ``where`` is the first part that diverged or is not known."""

    original: str
    again: str
    agreement: Agreement
    where: str
    tolerance: Tolerance
    parts: tuple[Part, ...]

    @property
    def reproduced(self) -> bool:
        return self.agreement in (Agreement.IDENTICAL, Agreement.WITHIN_TOLERANCE)

    @property
    def sentence(self) -> str:
        """``diverged at metric loss, step 3``, ``cannot be compared: source``"""
        if not self.where:
            return str(self.agreement)
        return f"{self.agreement}{' at' if self.agreement is Agreement.DIVERGED else ':'} {self.where}"


KINDS = (
    "source",
    "environment",
    "input",
    "parameter",
    "metric",
    "artifact",
    "model",
    "predictions",
    "output log",
    "exit code",
)
"""In the order in which they are told."""

_FIRST_TOLD = ("metric", "artifact", "model", "predictions", "output log", "exit code")
"""Where runs diverged is told of what came out, before what went in."""

IDENTICAL = Finding(Agreement.IDENTICAL)


def diverged(where: str = "", note: str = "", step: int | None = None) -> Finding:
    return Finding(Agreement.DIVERGED, where, note, step)


def within(where: str = "", note: str = "") -> Finding:
    return Finding(Agreement.WITHIN_TOLERANCE, where, note)


def unknown(reason: str, where: str = "") -> Finding:
    return Finding(Agreement.NOT_COMPARABLE, where, reason)


def set_aside(kind: str, name: str) -> Finding:
    """What a value of this name comes to that is not compared."""
    return Finding(Agreement.IDENTICAL, set_aside=(SetAside(kind, name),), decides=False)


def worst(findings: Iterable[Finding]) -> Finding:
    """The first of the worst, with all that was set aside; looks no further once something diverged.

    It decides when one of them does. So values that are equal are findings as well, where others beside
    them may be set aside.
    """
    found = IDENTICAL
    aside: dict[SetAside, None] = {}
    decides: bool | None = None
    for finding in findings:
        aside |= dict.fromkeys(finding.set_aside)
        decides = bool(decides) or finding.decides
        if finding.agreement.rank > found.agreement.rank:
            found = finding
        if found.agreement is Agreement.DIVERGED:
            break
    return found._replace(set_aside=tuple(aside), decides=decides is not False)


def part(kind: str, name: str, finding: Finding, *, decides: bool = True) -> Part:
    """``finding`` as that of a part; ``decides``: it counts unless all of it was set aside."""
    fields = finding._replace(decides=finding.decides and decides)
    return Part(kind, name, **fields._asdict())


def verdict(original: str, again: str, tolerance: Tolerance, parts: Sequence[Part]) -> Verdict:
    """The worst of the parts that decide; without one, nothing is known."""
    deciding = [item for item in parts if item.decides]
    agreement = max(
        (item.agreement for item in deciding),
        key=lambda word: word.rank,
        default=Agreement.NOT_COMPARABLE,
    )
    decisive = [item for item in deciding if item.agreement is agreement]
    told = agreement in (Agreement.DIVERGED, Agreement.NOT_COMPARABLE)
    where = _place(min(decisive, key=_order)) if told and decisive else ""
    return Verdict(original, again, agreement, where, tolerance, tuple(parts))


def as_data(found: Verdict) -> dict[str, Any]:
    """The verdict as JSON has it; docs/reference/verdict.md says what it means."""
    return {
        "version": VERSION,
        "verdict": str(found.agreement),
        "where": found.where,
        "reproduced": found.reproduced,
        "original": found.original,
        "again": found.again,
        "tolerance": _as_rules(found.tolerance),
        "parts": [
            {
                "part": item.kind,
                "name": item.name,
                "verdict": str(item.agreement),
                "where": item.where,
                "note": item.note,
                "set_aside": [aside._asdict() for aside in item.set_aside],
                "decides": item.decides,
            }
            for item in found.parts
        ],
    }


def _as_rules(tolerance: Tolerance) -> dict[str, Any]:
    """As a tolerance file says it."""

    def rules(named: Mapping[str, Closeness | None]) -> dict[str, Any]:
        return {name: rule._asdict() if rule else IGNORE for name, rule in named.items()}

    return {
        "default": tolerance.default._asdict(),
        "metrics": rules(tolerance.metrics),
        "artifacts": rules(tolerance.artifacts),
        "ignore": list(tolerance.ignore),
        "compare": list(tolerance.compare),
        "strict": tolerance.strict,
    }


def _order(item: Part) -> tuple[int, int]:
    kinds = [*_FIRST_TOLD, *(kind for kind in KINDS if kind not in _FIRST_TOLD)]
    return kinds.index(item.kind), item.step if item.step is not None else 0


def _place(item: Part) -> str:
    return on_one_line(", ".join(filter(None, (f"{item.kind} {item.name}".strip(), item.where))))
