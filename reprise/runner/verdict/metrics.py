"""Series of metrics, step by step: the values of each in their order; when they were logged does not count.

A store keeps the time of a point in ms, and points of one ms without their order; two points of one ms with
equal step and value it keeps once. So the points of a step are the same when one order explains both runs.
Steps have no order among each other: threads and buffers log them as they come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeAlias

from reprise.runner.verdict.numbers import compare_numbers
from reprise.runner.verdict.values import IDENTICAL, Agreement, Finding, make_diverged, make_within
from reprise.schemas.entities import Metric
from reprise.schemas.tolerance import EXACT, Closeness

_Place: TypeAlias = tuple[int, str, str]
"""The step, and the dataset that it was measured on."""

_Moments: TypeAlias = list[list[str]]
"""The values of each ms in which a step was logged, in hexadecimal, so that NaN equals itself; sorted."""


class _Moment:
    """The values of one ms, which have no order."""

    def __init__(self, values: Iterable[str]) -> None:
        self.values = Counter(values)
        self.size = self.values.total()

    def take_value(self, digits: str, closeness: Closeness) -> bool:
        """Take the value away, or else one that is close; whether there was one."""
        found: str | None = digits
        if digits not in self.values:
            value = float.fromhex(digits)
            near = (known for known in self.values if _is_close(float.fromhex(known), value, closeness))
            found = min(near, key=lambda known: abs(float.fromhex(known) - value), default=None)
        if found is None:
            return False
        self.values[found] -= 1
        if not self.values[found]:
            del self.values[found]
        self.size -= 1
        return True


def compare_series(a: Sequence[Metric], b: Sequence[Metric], closeness: Closeness) -> Finding:
    """How two series compare, and at which step they first differ."""
    steps_a, steps_b = _by_place(a), _by_place(b)
    pairs = [
        (_group_moments(steps_a.get(place, [])), _group_moments(steps_b.get(place, [])))
        for place in {**steps_a, **steps_b}
    ]
    if all(_is_explained(one, other, EXACT) for one, other in pairs):
        return IDENTICAL
    if closeness != EXACT and all(_is_explained(one, other, closeness) for one, other in pairs):
        return make_within(note=_describe_spread(steps_a, steps_b))
    if all(
        _is_explained(_without_repetitions(one), _without_repetitions(other), closeness)
        for one, other in pairs
    ):
        return make_within(note=f"{len(b)} points, was {len(a)}: a store keeps equal points of one ms once")
    return _first_difference(steps_a, steps_b, closeness)


def _by_place(series: Sequence[Metric]) -> dict[_Place, list[Metric]]:
    """The points of each step, in the order of their times."""
    places: dict[_Place, list[Metric]] = {}
    for metric in sorted(series, key=lambda metric: metric.timestamp):
        place = (metric.step, metric.dataset_name or "", metric.dataset_digest or "")
        places.setdefault(place, []).append(metric)
    return places


def _group_moments(points: Sequence[Metric]) -> _Moments:
    return [
        sorted(map(_digits_of, metrics), key=float.fromhex)
        for _time, metrics in groupby(points, key=lambda metric: metric.timestamp)
    ]


def _digits_of(metric: Metric) -> str:
    return (float(metric.value) + 0.0).hex()  # the sum makes 0.0 of -0.0


def _is_explained(a: _Moments, b: _Moments, closeness: Closeness) -> bool:
    """Whether one order of values agrees with the times of both.

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
        if not _take_moment(large, small, closeness):
            return False
        one, other = (large, _Moment(())) if small is other else (_Moment(()), large)


def _take_moment(large: _Moment, small: _Moment, closeness: Closeness) -> bool:
    """Take the values of ``small`` out of ``large``: first those that are equal; whether all were there."""
    values = sorted(small.values.elements(), key=float.fromhex)
    left = [digits for digits in values if not large.take_value(digits, EXACT)]
    return all(large.take_value(digits, closeness) for digits in left)


def _is_close(a: float, b: float, closeness: Closeness) -> bool:
    return closeness != EXACT and compare_numbers(a, b, closeness) is not Agreement.DIVERGED


def _without_repetitions(moments: _Moments) -> _Moments:
    """Each value once where it comes again before another one does."""
    found: _Moments = []
    before: str | None = None
    for values in moments:
        pairs = zip(values, [before, *values], strict=False)
        if kept := [digits for digits, last in pairs if digits != last]:
            found.append(kept)
        before = values[-1]
    return found


def _first_difference(
    a: dict[_Place, list[Metric]], b: dict[_Place, list[Metric]], closeness: Closeness
) -> Finding:
    """Where it begins, by step and then by time."""
    for place in sorted({*a, *b}):
        step = place[0]
        one, other = a.get(place, []), b.get(place, [])
        for was, found in zip(one, other, strict=False):
            if _digits_of(was) != _digits_of(found) and not _is_close(was.value, found.value, closeness):
                return make_diverged(f"step {step}", f"{found.value!r}, was {was.value!r}", step)
        if len(one) != len(other):
            return make_diverged(f"step {step}", _describe_counts(one, other), step)
    return make_diverged(note="the same points in another order")


def _describe_counts(a: Sequence[Metric], b: Sequence[Metric]) -> str:
    if not a:
        return f"{b[0].value!r} is new"
    return f"{len(b)} points, was {len(a)}" if b else f"{a[0].value!r} is missing"


def _describe_spread(a: dict[_Place, list[Metric]], b: dict[_Place, list[Metric]]) -> str:
    """Return the largest difference of two points at the same place in both series."""
    pairs = (pair for place in a for pair in zip(a[place], b[place], strict=False))
    distances = [abs(one.value - other.value) for one, other in pairs]
    finite = [distance for distance in distances if distance == distance]
    return f"by up to {max(finite, default=0.0):.3g}"
