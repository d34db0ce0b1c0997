"""Trials one after another, each replayable by its seed and its number, and what came of them."""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.crashes import checks, programs
from tests.crashes.cut import SyncedDisk
from tests.crashes.points import Calls, Killer, Point, choose_point
from tests.crashes.preloaded import DISK
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
    point: Point
    faults: tuple[str, ...]

    def __str__(self) -> str:
        again = f"--seed {self.seed} --from-trial {self.trial} --trials 1"
        return "\n  ".join([f"{self.scenario} at {self.point} ({again}):", *self.faults])


class Play(NamedTuple):
    """How trials are played: ``real`` is the share of commands that are no forks."""

    seed: int
    killer: Killer
    real: float
    power: bool = False
    keep: Path | None = None


class Campaign:
    """Worlds below ``root`` in which ``scenarios`` are killed in turn."""

    def __init__(self, root: Path, scenarios: Sequence[Scenario], play: Play) -> None:
        self._root, self._play = root, play
        turns = range(max(scenario.share for scenario in scenarios))
        self._turns = [scenario for turn in turns for scenario in scenarios if turn < scenario.share]
        self._tools = Tools(root / "tools")
        self._calls: dict[str, Calls] = {}
        self._worlds = 0
        self.counts: dict[str, Count] = {scenario.name: Count() for scenario in scenarios}
        self.violations: list[Violation] = []

    def play(self, minutes: float, trials: int | None = None, first: int = 0) -> None:
        """Play trials for so long, and at most so many."""
        deadline = time.monotonic() + minutes * 60
        world, used = self._new_world(), 0
        number = first
        while time.monotonic() < deadline and (trials is None or number < first + trials):
            is_broken = self._play_one(world, self._turns[number % len(self._turns)], number)
            number, used = number + 1, used + 1
            if is_broken or used >= _TRIALS_OF_A_WORLD:
                self._leave(world, is_broken)
                world, used = self._new_world(), 0
        self._leave(world, False)

    def _play_one(self, world: World, scenario: Scenario, number: int) -> bool:
        """Whether a promise was broken."""
        chance = random.Random(f"{self._play.seed} {number}")
        point = choose_point(self._calls_of(scenario), chance, power=self._play.power)
        scenario.prepare(world)
        is_function = callable(scenario.victim(world))
        real = chance.random() < self._play.real and not (scenario.forks_only or is_function or point.power)
        died, faults = self._kill(world, scenario, point, real, keep_names=chance.random() < 0.5)
        faults += scenario.find_faults(world, False)
        world.make_due()
        after = programs.run(world.command(scenario.next(world), real=real))
        faults += [f"a process stays: {command}" for command in programs.wait_for_descendants()]
        if after.code:
            faults.append(f"the next command ended with {after.code}: {after.output[-300:]}")
        faults += scenario.find_faults(world, True)
        faults += checks.find_faults(world)
        count = self.counts[scenario.name]
        self.counts[scenario.name] = Count(count.trials + 1, count.died + died, count.broken + bool(faults))
        if faults:
            violation = Violation(self._play.seed, number, scenario.name, point, tuple(faults[:6]))
            self.violations.append(violation)
            print(violation, file=sys.stderr, flush=True)
        return bool(faults)

    def _kill(
        self, world: World, scenario: Scenario, point: Point, real: bool, keep_names: bool
    ) -> tuple[bool, list[str]]:
        """Whether the command died, and what of it stays."""
        disk = SyncedDisk(world.root, world.aside / DISK, world.apart) if point.power else None
        victim = world.command(scenario.victim(world), real=real)
        during = scenario.during(world) if scenario.during else None
        ended = self._play.killer.run_to_death(victim, point, during)
        faults = [f"a process stays: {command}" for command in programs.wait_for_descendants()]
        if disk is not None:
            world.cut_power(disk, keep_names=keep_names)
        return ended.died, faults

    def _calls_of(self, scenario: Scenario) -> Calls:
        """Where the scenario can be killed, seen in one undisturbed run in a world that has been used."""
        if scenario.name not in self._calls:
            world = self._new_world()
            scenario.prepare(world)
            programs.run(world.command(scenario.next(world), real=False))
            programs.wait_for_descendants()
            scenario.prepare(world)
            program = world.command(scenario.victim(world), real=False)
            during = scenario.during(world) if scenario.during else None
            calls = self._play.killer.count_calls(program, during)
            self._calls[scenario.name] = Calls(calls.own, () if scenario.forks_only else calls.others)
            programs.wait_for_descendants()
            self._leave(world, False)
        return self._calls[scenario.name]

    def _new_world(self) -> World:
        self._worlds += 1
        return World(self._root / f"world-{self._worlds}", self._tools)

    def _leave(self, world: World, is_broken: bool) -> None:
        if is_broken and self._play.keep is not None:
            self._play.keep.mkdir(parents=True, exist_ok=True)
            shutil.move(world.root, self._play.keep / f"trial-{self.violations[-1].trial}")
        shutil.rmtree(world.root, ignore_errors=True)
