"""The census of a copy: what the source holds, what of it is in the destination, and why the rest is not.

It is taken from what is read of both ends after each thing was copied, not from what the copying did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprise.named_tuple import NamedTuple
from reprise.tracking.copy.parts import KINDS, Parts
from reprise.tracking.protocols.copying import Fault, Note, Put

UNEXPLAINED = "it is missing for an unknown reason"


class CensusLine(NamedTuple):
    """One kind of pieces. ``unknown`` owners may have had some that could not be counted."""

    kind: str
    source: int = 0
    arrived: int = 0
    different: int = 0
    left_out: int = 0
    unknown: int = 0


class Census(NamedTuple):
    """``differences`` are all that makes the destination less than the source, or other than it.

    ``new`` and ``there`` count runs: those that were copied now, and those that had been before.
    """

    source: str
    destination: str
    lines: tuple[CensusLine, ...]
    differences: tuple[Fault, ...]
    notes: tuple[str, ...]
    new: int = 0
    there: int = 0

    def line_of(self, kind: str) -> CensusLine:
        return next((line for line in self.lines if line.kind == kind), CensusLine(kind))


class Tally:
    """Counts as things are compared, one after the other."""

    def __init__(self) -> None:
        self._lines: dict[str, CensusLine] = {kind: CensusLine(kind) for kind in KINDS}
        self._differences: list[Fault] = []
        self._notes: dict[str, None] = {}
        self._reasons: dict[tuple[str, str, str], str] = {}
        self._runs = {True: 0, False: 0}

    def make_census(self, source: str, destination: str) -> Census:
        """All that was counted until now."""
        lines = tuple(line for line in self._lines.values() if line.kind in KINDS or line.source)
        return Census(
            source,
            destination,
            lines,
            tuple(self._differences),
            tuple(self._notes),
            self._runs[True],
            self._runs[False],
        )

    def add_note(self, text: str) -> None:
        self._notes[text] = None

    def hear_source(self, said: Fault | Note) -> None:
        """What a source says of itself: a piece that cannot be read is one that it has, and lacks here."""
        if isinstance(said, Note):
            self.add_note(said.text)
            return
        self.add_difference(said)
        self.count_pieces(said.kind, source=said.pieces, left_out=said.pieces)

    def add_difference(self, fault: Fault) -> None:
        """Report something without counting it."""
        self._differences.append(fault)

    def explain_owner(self, owner: str, put: Put) -> None:
        """Remember why pieces of ``owner`` will be found otherwise than in the source."""
        for kind, name, reason in put.kept:
            self._reasons[kind, owner, name] = reason
        for text in put.notes:
            self.add_note(text)

    def explain_piece(self, kind: str, owner: str, name: str, reason: str) -> None:
        self._reasons[kind, owner, name] = reason

    def find_reason(self, kind: str, owner: str, name: str) -> str | None:
        """Why a piece is otherwise than in the source, if that is known."""
        return self._reasons.get((kind, owner, name))

    def add_run(self, put: Put) -> None:
        self._runs[put.is_new] += 1

    def count_pieces(
        self,
        kind: str,
        *,
        source: int = 0,
        arrived: int = 0,
        different: int = 0,
        left_out: int = 0,
        unknown: int = 0,
    ) -> None:
        line = self._lines.get(kind) or CensusLine(kind)
        self._lines[kind] = CensusLine(
            kind,
            line.source + source,
            line.arrived + arrived,
            line.different + different,
            line.left_out + left_out,
            line.unknown + unknown,
        )

    def compare_parts(
        self, owner: str, theirs: Parts, ours: Parts | None, refused: str | None = None
    ) -> None:
        """Count the pieces of ``owner``; ``ours`` is None if it is missing, ``refused`` says why."""
        for kind, pieces in theirs.items():
            for name, value in pieces.items():
                here = (ours or {}).get(kind, {})
                if name not in here:
                    self._count_lack(kind, owner, name, refused, is_there=ours is not None)
                elif differing := _describe_difference(value, here[name]):
                    self._found_otherwise(kind, owner, name, differing, refused)
                else:
                    self.count_pieces(kind, source=1, arrived=1)

    def _count_lack(self, kind: str, owner: str, name: str, refused: str | None, *, is_there: bool) -> None:
        self.count_pieces(kind, source=1, left_out=1)
        if is_there or not name:  # the pieces of a missing item are not reported separately
            reason = self._reasons.get((kind, owner, name)) or refused or UNEXPLAINED
            self.add_difference(Fault(kind, owner, name, reason))

    def _found_otherwise(
        self, kind: str, owner: str, name: str, differing: str, refused: str | None
    ) -> None:
        self.count_pieces(kind, source=1, different=1)
        reason = self._reasons.get((kind, owner, name)) or refused
        self.add_difference(Fault(kind, owner, name, f"{differing}: {reason}" if reason else differing))


def _describe_difference(theirs: Any, ours: Any) -> str:
    """How two values of a piece differ, empty where they do not."""
    if theirs == ours:
        return ""
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        names = [name for name in theirs if theirs[name] != ours.get(name)]
        shown = "; ".join(
            f"{name} is {_show_value(theirs[name])}, here {_show_value(ours.get(name))}" for name in names
        )
        return shown if names else ""
    return f"it is {_show_value(theirs)}, here {_show_value(ours)}"


def _show_value(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
