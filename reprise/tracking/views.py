"""What the pages and the wire get from a store beyond the entities: orders, keys, lines, counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import Run

PointRow = tuple[float | str, int, int, str | None, str | None, str | None]

Goal = Literal["min", "max"]

CACHED = "CACHED"
"""A pseudo status: the run reused the results of another run."""

_PRIOR = 0.5
"""Added to each count, so that few traces do not make a certainty (Jeffreys' prior)."""


class RunOrder(NamedTuple):
    """The runs that a search finds, in its order, by their row numbers, which ``runs_at`` reads.

    ``parents`` has an entry for each of them that is nested in a run of the same experiments, found or not.
    """

    numbers: Sequence[int]
    parents: Mapping[int, int]


class Keys(NamedTuple):
    """The names under which the runs of some experiments logged something, each sorted."""

    metrics: tuple[str, ...]
    params: tuple[str, ...]
    tags: tuple[str, ...]


class Activity(NamedTuple):
    """How many active runs there are, by status; ``last`` is the last start or end of one, in ms."""

    counts: Mapping[str, int]
    last: int | None = None


class RunsWindow(NamedTuple):
    """Some of a list of runs; ``total`` is how long it is."""

    runs: Sequence[Run]
    total: int


class Best(NamedTuple):
    """The nested run that is best by a metric, and the metric's last value."""

    run: Run
    value: float


class StoreFigures(NamedTuple):
    """Of all points of a series; ``low`` and ``high`` are None when none is finite."""

    points: int
    nans: int
    infinite: int
    low: float | None
    high: float | None


class MetricLine(NamedTuple):
    """``points`` are (step, timestamp, value), by time; where they were thinned, fewer than counted."""

    run_id: str
    key: str
    figures: StoreFigures
    points: Sequence[tuple[int, int, float]]


class Correlation(NamedTuple):
    """Counts of traces, and their normalised pointwise mutual information.

    That is -1 where the two never meet, 0 where they meet by chance, 1 where they always do; NaN where
    nothing is known.
    """

    total: int
    first: int
    second: int
    both: int

    @property
    def npmi(self) -> float:
        if not self._is_known:
            return math.nan
        return -1.0 if self.both == 0 else self._npmi(0.0)

    @property
    def smoothed(self) -> float:
        return self._npmi(_PRIOR) if self._is_known else math.nan

    @property
    def _is_known(self) -> bool:
        return min(self.total, self.first, self.second) > 0

    def _npmi(self, added: float) -> float:
        total = self.total + 4 * added
        both = (self.both + added) / total
        first, second = ((count + 2 * added) / total for count in (self.first, self.second))
        if both == 1:
            return 1.0
        return max(-1.0, min(1.0, math.log(both / (first * second)) / -math.log(both)))


class Aggregation(NamedTuple):
    """``COUNT``, ``SUM``, ``AVG``, ``MIN``, ``MAX`` or ``PERCENTILE`` with a value from 0 to 100."""

    kind: str
    percentile: float | None = None

    @property
    def label(self) -> str:
        return self.kind if self.percentile is None else f"P{self.percentile}"


class MetricPoint(NamedTuple):
    """The values of one group, by the label of their aggregation."""

    dimensions: Mapping[str, str]
    values: Mapping[str, float]


@dataclass(frozen=True)
class MetricsQuestion:
    """What to measure: times are in ms, both inclusive; each filter is one comparison by ``=``."""

    view: str
    metric: str
    aggregations: Sequence[Aggregation]
    dimensions: Sequence[str] = ()
    filters: Sequence[str] = ()
    interval: int | None = None  # seconds
    start: int | None = None
    end: int | None = None
