"""How two things are compared: what is close, what is set aside, what is of each run alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.values import Finding, make_unknown
from reprise.runner.verdict.words.known_texts import NOTHING, Aside
from reprise.schemas.tolerance import EXACT, Closeness, Tolerance

if TYPE_CHECKING:
    from reprise.runner.verdict.files.readings import Readings
    from reprise.runner.verdict.files.spread import Spread


FilesComparison: TypeAlias = "Callable[[str, bytes, bytes, Looking], Finding]"


def _unknown_inside(_name: str, _a: bytes, _b: bytes, _looking: Looking) -> Finding:
    return make_unknown("the bytes differ, and it is not known what they are")


class Looking(NamedTuple):
    """``tolerance`` says which fields are set aside, ``closeness`` what holds for the numbers of this file.

    ``spread`` counts the numbers that differ. ``of_files`` compares files inside of this one, ``depth`` is
    how
    deep inside others it is. ``readings`` are what libraries beside the runs make of files: None where no
    process is started for it.
    """

    closeness: Closeness = EXACT
    of_a: Aside = NOTHING
    of_b: Aside = NOTHING
    tolerance: Tolerance = Tolerance()
    depth: int = 0
    spread: Spread | None = None
    readings: Readings | None = None
    of_files: FilesComparison = _unknown_inside

    def compare_inside(self, name: str, a: bytes, b: bytes) -> Finding:
        """Two files inside of the one that is looked at; without a name by their bytes."""
        return self.of_files(name, a, b, self._replace(depth=self.depth + 1))
