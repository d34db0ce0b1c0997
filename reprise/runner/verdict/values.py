"""What a comparison of two runs says: of each part one of four words, and the worst that decides of all."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from reprise.named_tuple import NamedTuple
from reprise.schemas.faults import on_one_line
from reprise.schemas.tolerance import Tolerance


class Agreement(StrEnum):
    """From the best to the worst; what diverged is known to, whatever else could not be looked at."""

    IDENTICAL = "identical"
    WITHIN_TOLERANCE = "within tolerance"
    NOT_COMPARABLE = "cannot be compared"
    DIVERGED = "diverged"

    @property
    def rank(self) -> int:
        return list(Agreement).index(self)


FAILED_ALIKE = "failed the same way"
"""The word for two runs that agree and failed: it is not a success."""

REPRODUCED = (Agreement.IDENTICAL, Agreement.WITHIN_TOLERANCE)


class SetAside(NamedTuple):
    """A value that does not decide: ``name`` is that of its metric, key or column, ``kind`` what it is:
    ``duration``, ``clock``, ``rate``, ``latency``, ``memory``, ``machine``, ``id``, or ``ignored`` by a
    tolerance file.
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

    @property
    def place(self) -> str:
        """``metric loss, step 3``, ``child run train -> metric acc, step 3``"""
        if self.kind == CHILD_RUN and not self.name:
            return "number of child runs"
        title = f"{self.kind} {self.name}".strip()
        between = " -> " if self.kind == CHILD_RUN else ", "
        return on_one_line(between.join(filter(None, (title, self.where))))


class ChildVerdict(NamedTuple):
    """How a run that is nested in both compares; None as the id of a run that is missing.

    ``parts`` are those that are not identical or do not decide.
    """

    name: str
    original: str | None
    again: str | None
    agreement: Agreement
    where: str = ""
    parts: tuple[Part, ...] = ()
    children: tuple[ChildVerdict, ...] = ()


class Verdict(NamedTuple):
    """``original`` and ``again`` are run ids; ``where`` is the first part that diverged or is not known.

    ``failed``: both runs ended FAILED or KILLED. ``reservations`` are sentences to be read first, whatever
    the word is: a run was killed, resumed, or not recorded whole. ``causes`` are known reasons of what
    differs, the likeliest first. ``children`` are the nested runs in which something is not identical.
    """

    original: str
    again: str
    agreement: Agreement
    where: str
    tolerance: Tolerance
    parts: tuple[Part, ...]
    failed: bool = False
    reservations: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    children: tuple[ChildVerdict, ...] = ()

    def __bool__(self) -> bool:
        """As :attr:`reproduced`: ``if verdict`` must not take a run that differs for one that does not."""
        return self.reproduced

    def __repr__(self) -> str:
        words = "; ".join((self.sentence, *self.reservations))
        return f"<Verdict on run {self.again[:8]} and its original {self.original[:8]}: {words}>"

    @property
    def reproduced(self) -> bool:
        """Whether the runs came out the same, within the tolerance; False where it is not known."""
        return self.agreement in REPRODUCED and not self.failed

    @property
    def failed_alike(self) -> bool:
        """Return whether both runs failed in the same way: it is not a success."""
        return self.agreement in REPRODUCED and self.failed

    @property
    def word(self) -> str:
        """A word of :class:`Agreement`, or ``failed the same way``."""
        return FAILED_ALIKE if self.failed_alike else str(self.agreement)

    @property
    def sentence(self) -> str:
        """``diverged at metric loss, step 3``, ``cannot be compared: source``"""
        if not self.where:
            return self.word
        return f"{self.word}{' at' if self.agreement is Agreement.DIVERGED else ':'} {self.where}"

    @property
    def decided_by(self) -> tuple[str, ...]:
        """The kinds of parts that the word is made of, in the order of :data:`KINDS`."""
        deciding = {item.kind for item in self.parts if item.decides}
        return tuple(kind for kind in KINDS if kind in deciding)

    @property
    def set_aside(self) -> tuple[SetAside, ...]:
        """What was not compared in any part but a log that does not decide, each name once."""
        parts = (item for item in self.parts if item.kind != OUTPUT_LOG or item.decides)
        return tuple(dict.fromkeys(aside for item in parts for aside in item.set_aside))


OUTPUT_LOG = "output log"
CHILD_RUN = "child run"

KINDS = (
    "source",
    "environment",
    "input",
    "parameter",
    "metric",
    "artifact",
    "model",
    "predictions",
    "tag",
    CHILD_RUN,
    "exit code",
    OUTPUT_LOG,
)
"""In the order of the report."""

FIRST_TOLD = ("metric", "artifact", "model", "predictions", "tag", CHILD_RUN, "exit code", OUTPUT_LOG)
"""Divergence is reported for results first, then for inputs."""

IDENTICAL = Finding(Agreement.IDENTICAL)


def make_diverged(where: str = "", note: str = "", step: int | None = None) -> Finding:
    return Finding(Agreement.DIVERGED, where, note, step)


def make_within(where: str = "", note: str = "") -> Finding:
    return Finding(Agreement.WITHIN_TOLERANCE, where, note)


def make_unknown(reason: str, where: str = "") -> Finding:
    return Finding(Agreement.NOT_COMPARABLE, where, reason)


def set_aside(kind: str, name: str) -> Finding:
    """What a value of this name comes to that is not compared."""
    return Finding(Agreement.IDENTICAL, set_aside=(SetAside(kind, name),), decides=False)


def find_worst(findings: Iterable[Finding]) -> Finding:
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


def make_part(kind: str, name: str, finding: Finding, *, decides: bool = True) -> Part:
    """``finding`` as that of a part; ``decides``: it counts unless all of it was set aside."""
    fields = finding._replace(decides=finding.decides and decides)
    return Part(kind, name, **fields._asdict())


def worst_agreement(parts: Iterable[Part]) -> tuple[Agreement, Part | None]:
    """The worst of the parts that decide, and the first part that it is said of.

    Without a part that decides nothing is known.
    """
    deciding = [item for item in parts if item.decides]
    if not deciding:
        return Agreement.NOT_COMPARABLE, None
    agreement = max((item.agreement for item in deciding), key=lambda word: word.rank)
    decisive = [item for item in deciding if item.agreement is agreement]
    return agreement, min(decisive, key=_order_of)


def _order_of(item: Part) -> tuple[int, int]:
    kinds = [*FIRST_TOLD, *(kind for kind in KINDS if kind not in FIRST_TOLD)]
    return kinds.index(item.kind), item.step if item.step is not None else 0
