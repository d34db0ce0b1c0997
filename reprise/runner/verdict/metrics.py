"""Series of metrics, point by point: step, order and value; when they were logged does not count.

A store keeps the time of a point in ms, and points of one ms without their order; two points of one ms with
equal step and value it keeps once. So two series are the same when one order of points explains both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple, TypeAlias

from reprise.runner.verdict.numbers import agreement
from reprise.runner.verdict.values import IDENTICAL, Agreement, Finding, diverged, within
from reprise.schemas.entities import Metric
from reprise.schemas.tolerance import EXACT, Closeness

_Place: TypeAlias = tuple[int, str, str]
"""The step, and the dataset that it was measured on."""


class _Point(NamedTuple):
    """``digits`` is the value in hexadecimal: so NaN equals itself, and 0.0 is not -0.0."""

    place: _Place
    digits: str


class _Moment:
    """The points of one ms, which have no order."""

    def __init__(self, points: Iterable[_Point]) -> None:
        self.points: dict[_Place, Counter[str]] = {}
        self.size = 0
        for place, digits in points:
            self.points.setdefault(place, Counter())[digits] += 1
            self.size += 1

    def take(self, point: _Point, closeness: Closeness) -> bool:
        """Take the point away, or else one that is close; whether there was one."""
        here = self.points.get(point.place, Counter())
        found: str | None = point.digits
        if point.digits not in here:
            value = float.fromhex(point.digits)
            near = (digits for digits in here if _is_close(float.fromhex(digits), value, closeness))
            found = min(near, key=lambda digits: abs(float.fromhex(digits) - value), default=None)
        if found is None:
            return False
        here[found] -= 1
        if not here[found]:
            del here[found]
        self.size -= 1
        return True


def compare_series(a: Sequence[Metric], b: Sequence[Metric], closeness: Closeness) -> Finding:
    """Two series as the store tells them: by time, then step."""
    moments_a, moments_b = _moments(a), _moments(b)
    if _explained(moments_a, moments_b, EXACT):
        return IDENTICAL
    if closeness != EXACT and _explained(moments_a, moments_b, closeness):
        return within(note=_spread(a, b))
    if _explained(_without_repetitions(moments_a), _without_repetitions(moments_b), closeness):
        return within(note=f"{len(b)} points, was {len(a)}: a store keeps equal points of one ms once")
    return _first_difference(a, b, closeness)


def _moments(series: Sequence[Metric]) -> list[list[_Point]]:
    """The points of each ms; those of one are sorted."""
    ordered = sorted(series, key=lambda metric: metric.timestamp)
    return [
        sorted(map(_point, metrics), key=lambda point: (point.place, float.fromhex(point.digits)))
        for _time, metrics in groupby(ordered, key=lambda metric: metric.timestamp)
    ]


def _point(metric: Metric) -> _Point:
    place = (metric.step, metric.dataset_name or "", metric.dataset_digest or "")
    return _Point(place, float(metric.value).hex())


def _explained(a: list[list[_Point]], b: list[list[_Point]], closeness: Closeness) -> bool:
    """Whether one order of points agrees with the times of both.

    So it is when of the two moments that come next, again and again, the larger one holds the smaller one.
    """
    left, right = iter(a), iter(b)
    one, other = _Moment(()), _Moment(())
    while True:
        one = one if one.size else _Moment(next(left, ()))
        other = other if other.size else _Moment(next(right, ()))
        if not one.size or not other.size:
            return one.size == other.size
        small, large = (one, other) if one.size <= other.size else (other, one)
        if not _holds(large, small, closeness):
            return False
        one, other = (large, _Moment(())) if small is other else (_Moment(()), large)


def _holds(large: _Moment, small: _Moment, closeness: Closeness) -> bool:
    """Take the points of ``small`` out of ``large``: first those that are equal; whether all were there."""
    points = [
        _Point(place, digits)
        for place, values in small.points.items()
        for digits in sorted(values.elements(), key=float.fromhex)
    ]
    left = [point for point in points if not large.take(point, EXACT)]
    return all(large.take(point, closeness) for point in left)


def _is_close(a: float, b: float, closeness: Closeness) -> bool:
    return closeness != EXACT and agreement(a, b, closeness) is not Agreement.DIVERGED


def _without_repetitions(moments: list[list[_Point]]) -> list[list[_Point]]:
    """Each point once where it comes again before another one does."""
    found: list[list[_Point]] = []
    before: _Point | None = None
    for points in moments:
        pairs = zip(points, [before, *points], strict=False)
        if kept := [point for point, last in pairs if point != last]:
            found.append(kept)
        before = points[-1]
    return found


def _first_difference(a: Sequence[Metric], b: Sequence[Metric], closeness: Closeness) -> Finding:
    """Where it begins, by step and then by order."""
    steps_a, steps_b = _by_step(a), _by_step(b)
    for step in sorted({*steps_a, *steps_b}):
        one, other = steps_a.get(step, []), steps_b.get(step, [])
        for was, found in zip(one, other, strict=False):
            if _apart(was, found, closeness):
                return diverged(f"step {step}", f"{found.value!r}, was {was.value!r}", step)
        if len(one) != len(other):
            return diverged(f"step {step}", _counted(one, other), step)
    return diverged(note="the same points in another order")


def _apart(a: Metric, b: Metric, closeness: Closeness) -> bool:
    one, other = _point(a), _point(b)
    if one == other:
        return False
    return one.place != other.place or not _is_close(a.value, b.value, closeness)


def _by_step(series: Sequence[Metric]) -> dict[int, list[Metric]]:
    steps: dict[int, list[Metric]] = {}
    for metric in series:
        steps.setdefault(metric.step, []).append(metric)
    return steps


def _counted(a: Sequence[Metric], b: Sequence[Metric]) -> str:
    if not a:
        return f"{b[0].value!r} is new"
    return f"{len(b)} points, was {len(a)}" if b else f"{a[0].value!r} is missing"


def _spread(a: Sequence[Metric], b: Sequence[Metric]) -> str:
    """The largest distance of two points that stand at the same place in both series."""
    distances = [abs(one.value - other.value) for one, other in zip(a, b, strict=True)]
    finite = [distance for distance in distances if distance == distance]
    return f"by up to {max(finite, default=0.0):.3g}"
