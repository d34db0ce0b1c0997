"""Parallel coordinates: each run is a line across the axes of varying values, drawn as SVG by the
template.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from starlette.datastructures import QueryParams

from reprise.named_tuple import NamedTuple
from reprise.ui.compare.chart_data import Column
from reprise.ui.numbers import finite

HEIGHT = 300
"""Height of an axis in pixels."""

_NONE = HEIGHT + 24  # the place of a run without a value on the axis
_FIRST = (("params.", 6), ("metrics.", 3))  # default number of axes
_MOST = 40  # axes
_MOST_TICKS = 12


class Tick(NamedTuple):
    y: float
    text: str


class AxisScale(NamedTuple):
    """The scale of an axis, from ``low`` to ``high`` or of ``words``; logarithmic if ``is_log``."""

    low: float = 0
    high: float = 1
    is_log: bool = False
    words: tuple[str, ...] = ()

    def place(self, value: float | str) -> float:
        """Return its place between 0 and 1."""
        if isinstance(value, str):
            return (self.words.index(value) + 0.5) / len(self.words)
        low, high = self._bent(self.low), self._bent(self.high)
        return (self._bent(value) - low) / (high - low) if high > low else 0.0

    def told(self, place: float) -> str:
        """Return the label at a place."""
        if self.words:
            return self.words[min(int(place * len(self.words)), len(self.words) - 1)]
        low, high = self._bent(self.low), self._bent(self.high)
        there = low + place * (high - low)
        return f"{10**there if self.is_log else 2 * there:.4g}"

    def _bent(self, value: float) -> float:
        return math.log10(value) if self.is_log else value / 2  # halves, for a span above the largest float


class Axis(NamedTuple):
    """An axis. ``places`` has one entry per run, None for a run without a value. ``range`` is the selected
    range.

    ``turned``: logarithmic where the default is linear, or vice versa; None if it cannot be switched.
    """

    id: str
    title: str
    scale: AxisScale
    places: tuple[float | None, ...]
    range: tuple[float, float] | None
    turned: bool | None

    @property
    def given(self) -> Mapping[str, object]:
        """The values with which the browser decides which runs are within the ranges."""
        scale = self.scale
        ends = (scale.low, scale.high)
        told = {"words": scale.words, "ends": ends, "is_log": scale.is_log, "turned": self.turned}
        return {"id": self.id, "places": self.places, "range": self.range, **told}

    @property
    def ticks(self) -> list[Tick]:
        words = self.scale.words
        shown = [self.scale.place(word) for word in words[:: -(-len(words) // _MOST_TICKS) or 1]]
        if not words:
            shown = [0, 0.25, 0.5, 0.75, 1] if self.scale.high > self.scale.low else [0]
        ticks = [Tick(HEIGHT * (1 - place), self.scale.told(place)) for place in shown]
        return [*ticks, Tick(_NONE, "none")] if None in self.places else ticks


def axes(columns: Sequence[Column], query: QueryParams) -> list[Axis]:
    """Return the axes from left to right, from the query: ``axis``, ``range``, and ``scale`` for switched
    scales.
    """
    by_id = {column["id"]: column for column in columns}
    asked = [id for id in dict.fromkeys(query.getlist("axis")) if id in by_id]
    ranges = dict(filter(None, map(_range, query.getlist("range"))))
    turned = query.getlist("scale")
    return [_axis(by_id[id], id in turned, ranges.get(id)) for id in (asked or _first(columns))[:_MOST]]


def lines(found: Sequence[Axis], runs: int) -> list[str]:
    """Return the points of each run's line; an axis is in the middle of a column of width 1."""
    return [
        " ".join(f"{at + 0.5},{_y(axis.places[run]):.1f}" for at, axis in enumerate(found))
        for run in range(runs)
    ]


def colours(column: Column | None, runs: int) -> list[str]:
    """Return the colour of each line; empty if each run has its own colour."""
    if column is None:
        return [""] * runs
    scale = scale_of(column)
    return [_colour(value, scale) for value in column["values"]]


def scale_of(column: Column, *, turned: bool = False) -> AxisScale:
    there = [value for value in column["values"] if value is not None]
    if not column["numeric"]:
        return AxisScale(words=tuple(sorted(set(there))))
    low, high = min(there), max(there)
    is_log = low > 0 and column["log"] != turned
    return AxisScale(low, high, is_log)


def _axis(column: Column, turned: bool, wanted: tuple[float, float] | None) -> Axis:
    scale = scale_of(column, turned=turned)
    places = tuple(None if value is None else scale.place(value) for value in column["values"])
    may_be_log = column["numeric"] and scale.low > 0
    return Axis(column["id"], column["title"], scale, places, wanted, turned if may_be_log else None)


def _first(columns: Sequence[Column]) -> list[str]:
    ids = [column["id"] for column in columns if not column["id"].startswith("metrics.system/")]
    found = [id for kind, most in _FIRST for id in [id for id in ids if id.startswith(kind)][:most]]
    return found if len(found) > 1 else ids[:8]


def _range(text: str) -> tuple[str, tuple[float, float]] | None:
    """Return the ranges by axis from texts like ``0.25~0.75~params.depth``."""
    low, _, rest = text.partition("~")
    high, _, id = rest.partition("~")
    ends = finite(low), finite(high)
    return None if ends[0] is None or ends[1] is None else (id, (ends[0], ends[1]))


def _y(place: float | None) -> float:
    return _NONE if place is None else HEIGHT * (1 - place)


def _colour(value: float | str | None, scale: AxisScale) -> str:
    if value is None:
        return "var(--line-strong)"
    if isinstance(value, str):
        return f"var(--series-{scale.words.index(value) % 8})"
    place = 4 * scale.place(value)
    stop = min(int(place), 3)
    return f"color-mix(in oklab, var(--scale-{stop + 1}) {100 * (place - stop):.0f}%, var(--scale-{stop}))"
