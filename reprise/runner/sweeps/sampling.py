"""Which settings a sweep tries: a setting is a value for each parameter that is varied.

A sampler is a function of the number of a trial and nothing else. So a sweep that was interrupted
continues with the same settings, on any machine, and nothing has to be kept for that.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.sweeps.space import Dimension, draw_value, list_values


class Method(StrEnum):
    """The words of ``--sampler``."""

    GRID = "grid"
    RANDOM = "random"


class Sampler(Protocol):
    @property
    def trials(self) -> int:
        """How many settings there are; they have the numbers from 0."""
        ...

    def choose_setting(self, number: int) -> Mapping[str, str]:
        """Return the value of each parameter in the trial ``number``."""
        ...


class Grid(NamedTuple):
    """Every combination; the parameter that was named last changes fastest."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    @property
    def trials(self) -> int:
        return math.prod(map(len, self.values))

    def choose_setting(self, number: int) -> Mapping[str, str]:
        setting = {}
        for name, values in reversed(list(zip(self.names, self.values, strict=True))):
            number, position = divmod(number, len(values))
            setting[name] = values[position]
        return {name: setting[name] for name in self.names}


class Random(NamedTuple):
    """Values drawn independently, the same for the same ``seed``."""

    dimensions: tuple[Dimension, ...]
    trials: int
    seed: int

    def choose_setting(self, number: int) -> Mapping[str, str]:
        draws = random.Random(f"{self.seed}/{number}")
        return {dimension.name: draw_value(dimension, draws) for dimension in self.dimensions}


def make_sampler(
    method: Method, dimensions: tuple[Dimension, ...], trials: int | None, seed: int
) -> Sampler:
    """Return the sampler of a sweep.

    Args:
        trials: how many settings are tried; a grid tries all of them without it.

    Raises:
        UsageError: a grid is to list a range that has no end of values, or a random search has no
            number of trials.
    """
    if method is Method.GRID:
        if trials is not None:
            raise UsageError("--trials is not for a grid, which tries every combination")
        names = tuple(dimension.name for dimension in dimensions)
        return Grid(names, tuple(map(list_values, dimensions)))
    if trials is None:
        raise UsageError("--sampler random has no end by itself", hint="add --trials N")
    return Random(dimensions, trials, seed)
