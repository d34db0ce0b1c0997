"""Which points of a series to draw, where a chart cannot show them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from reprise.schemas.entities import RunMetric


def sampled(
    points: Sequence[RunMetric], start_step: int | None, end_step: int | None, most: int
) -> list[RunMetric]:
    """The points between two steps (inclusive; None: all), about ``most`` (> 0) of each run, in order.

    The steps are chosen evenly among those of all runs, so that the curves can be compared; of each run the
    first and the last step are among them.
    """
    inside = [
        point
        for point in points
        if (start_step is None or point.metric.step >= start_step)
        and (end_step is None or point.metric.step <= end_step)
    ]
    by_run: dict[str, set[int]] = defaultdict(set)
    for point in inside:
        by_run[point.run_id].add(point.metric.step)
    shared = set(_evenly(sorted(set().union(*by_run.values())), most))
    chosen = {run_id: (shared & steps) | {min(steps), max(steps)} for run_id, steps in by_run.items()}
    return [point for point in inside if point.metric.step in chosen[point.run_id]]


def _evenly(steps: Sequence[int], most: int) -> Sequence[int]:
    if len(steps) <= most:
        return steps
    gaps = max(1, most - 1)
    return [steps[i * (len(steps) - 1) // gaps] for i in range(most)]
