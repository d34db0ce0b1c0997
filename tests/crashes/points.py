"""Where a command is killed: as it is about to make a call."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple, Protocol

from tests.crashes.programs import During, Ended, Program


class Point(NamedTuple):
    """Death at the Nth ``call`` of a process.

    ``deep``: in any process of the command, its git and uv too; else in the one that was started.
    ``all_die``: everything that it has started dies with it, as when a machine kills a session.
    ``torn``: a write is half made first.
    ``power``: all die, and the disk keeps what was synced, and nothing else.
    """

    call: str
    number: int
    deep: bool = False
    all_die: bool = False
    torn: bool = False
    power: bool = False

    def __str__(self) -> str:
        words = [word for word in self._fields[2:] if getattr(self, word)]
        return " ".join([f"{self.call}:{self.number}", *words])


class Calls(NamedTuple):
    """How often each call was made in an undisturbed run: by the command ``own``, by each of ``others``."""

    own: Counter[str]
    others: tuple[Counter[str], ...] = ()


class Killer(Protocol):
    """A way to kill at a point."""

    def count_calls(self, program: Program, during: During | None = None) -> Calls:
        """Where it can be killed, in one undisturbed run."""
        ...

    def run_to_death(self, program: Program, point: Point, during: During | None = None) -> Ended:
        """Run it until it dies at ``point``, or ends because it did not come there."""
        ...


def choose_point(calls: Calls, chance: random.Random, *, power: bool = False) -> Point:
    """Every kind of call is as likely as any other: renames are few, and matter most.

    Args:
        power: whether the point may be a power cut.
    """
    deep = bool(calls.others) and chance.random() < 0.35
    counted = chance.choice(calls.others) if deep else calls.own
    call = chance.choice(sorted(counted))
    point = Point(
        call, chance.randint(1, counted[call]), deep, chance.random() < 0.3, chance.random() < 0.5
    )
    return point._replace(power=power and chance.random() < 0.3)
