"""Trials one after another, each replayable by its seed and its number, and what came of them."""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.crashes import checks, injection
from tests.crashes.scenarios import Scenario
from tests.crashes.worlds import Tools, World

_TRIALS_OF_A_WORLD = 12


class Count(NamedTuple):
    """Of a scenario: ``trials`` played, and in how many the command ``died`` or a promise broke."""

    trials: int = 0
    died: int = 0
    broken: int = 0


class Violation(NamedTuple):
    """What broke, and how it is played again."""

    seed: int
    trial: int
    scenario: str
    point: injection.Point
    faults: tuple[str, ...]

    def __str__(self) -> str:
        again = f"--seed {self.seed} --from-trial {self.trial} --trials 1"
        return "\n  ".join([f"{self.scenario} at {self.point} ({again}):", *self.faults])


class Campaign:
    """Worlds below ``root`` in which ``scenarios`` are killed in turn."""

    def __init__(
        self, root: Path, scenarios: Sequence[Scenario], seed: int, real: float, keep: Path | None = None
    ) -> None:
        self._root, self._scenarios, self._seed, self._real, self._keep = root, scenarios, seed, real, keep
        self._tools = Tools(root / "tools")
        self._calls: dict[str, Counter[str]] = {}
        self._worlds = 0
        self.counts: dict[str, Count] = {scenario.name: Count() for scenario in scenarios}
        self.violations: list[Violation] = []

    def play(self, minutes: float, trials: int | None = None, first: int = 0) -> None:
        """Play trials for so long, and at most so many."""
        deadline = time.monotonic() + minutes * 60
        world, used = self._new_world(), 0
        number = first
        while time.monotonic() < deadline and (trials is None or number < first + trials):
            scenario = self._scenarios[number % len(self._scenarios)]
            is_broken = self._play_one(world, scenario, number)
            number, used = number + 1, used + 1
            if is_broken or used >= _TRIALS_OF_A_WORLD:
                self._leave(world, is_broken)
                world, used = self._new_world(), 0
        self._leave(world, False)

    def _play_one(self, world: World, scenario: Scenario, number: int) -> bool:
        """Whether a promise was broken."""
        chance = random.Random(f"{self._seed} {number}")
        point = injection.choose_point(self._calls_of(scenario), chance)
        real = chance.random() < self._real and not scenario.forks_only
        if scenario.forks_only:
            point = point._replace(deep=True, all_die=False)
        scenario.prepare(world)
        victim = world.program(*scenario.victim(world), real=real)
        during = scenario.during(world) if scenario.during else None
        ended = injection.run_to_death(victim, point, during)
        faults = [f"a process stays: {command}" for command in injection.wait_for_descendants()]
        faults += scenario.find_faults(world, False)
        world.make_due()
        after = injection.run(world.program(*scenario.next(world), real=real))
        faults += [f"a process stays: {command}" for command in injection.wait_for_descendants()]
        if after.code:
            faults.append(f"the next command ended with {after.code}: {after.output[-300:]}")
        faults += scenario.find_faults(world, True)
        faults += checks.find_faults(world)
        count = self.counts[scenario.name]
        self.counts[scenario.name] = Count(
            count.trials + 1, count.died + ended.died, count.broken + bool(faults)
        )
        if faults:
            violation = Violation(self._seed, number, scenario.name, point, tuple(faults[:6]))
            self.violations.append(violation)
            print(violation, file=sys.stderr, flush=True)
        return bool(faults)

    def _calls_of(self, scenario: Scenario) -> Counter[str]:
        """Where the scenario can be killed, seen in one undisturbed run."""
        if scenario.name not in self._calls:
            world = self._new_world()
            injection.run(world.program("runs", "list", real=False))
            scenario.prepare(world)
            program = world.program(*scenario.victim(world), real=False)
            self._calls[scenario.name] = injection.count_calls(
                program, scenario.during(world) if scenario.during else None
            )
            injection.wait_for_descendants()
            self._leave(world, False)
        return self._calls[scenario.name]

    def _new_world(self) -> World:
        self._worlds += 1
        return World(self._root / f"world-{self._worlds}", self._tools)

    def _leave(self, world: World, is_broken: bool) -> None:
        if is_broken and self._keep is not None:
            self._keep.mkdir(parents=True, exist_ok=True)
            shutil.move(world.root, self._keep / f"trial-{self.violations[-1].trial}")
        shutil.rmtree(world.root, ignore_errors=True)
