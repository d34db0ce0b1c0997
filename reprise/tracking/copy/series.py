"""Sums of metric points, by which two stores are compared without holding all of a run's points at once."""

from __future__ import annotations

import math
from collections.abc import Iterable

from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import Metric

_NAN = hash("nan")
_MASK = (1 << 64) - 1


class Series(NamedTuple):
    """Points in any order: how many they are, and the sum of their hashes (of this process)."""

    size: int = 0
    digest: int = 0


def add_points(sums: dict[str, Series], points: Iterable[Metric]) -> None:
    """Add each point to the sum of its key."""
    for point in points:
        size, digest = sums.get(point.key, _NOTHING)
        sums[point.key] = Series(size + 1, (digest + _hash_metric(point)) & _MASK)


def sums_of(points: Iterable[Metric]) -> dict[str, Series]:
    sums: dict[str, Series] = {}
    add_points(sums, points)
    return sums


def point_of(metric: Metric) -> tuple[int, int, float | str]:
    """What makes two points of one key the same; NaN, which differs from itself, counts as equal."""
    value = metric.value
    return metric.timestamp, metric.step, "nan" if math.isnan(value) else value


def _hash_metric(metric: Metric) -> int:
    value = metric.value
    return hash((metric.timestamp, metric.step, _NAN if math.isnan(value) else value))


_NOTHING = Series()
