"""What is drawn of long series: few points, but the right ones."""

from __future__ import annotations

from reprise.schemas.entities import Metric, RunMetric
from reprise.tracking.metric_samples import sampled


def series(run_id: str, steps: range) -> list[RunMetric]:
    return [RunMetric(run_id, Metric("loss", float(step), 1, step)) for step in steps]


def steps_of(points: list[RunMetric], run_id: str) -> list[int]:
    return [point.metric.step for point in points if point.run_id == run_id]


def test_a_short_series_is_whole() -> None:
    points = series("a", range(5))
    assert sampled(points, None, None, 5) == points
    assert sampled([], None, None, 5) == []


def test_a_long_series_keeps_its_ends_and_is_even() -> None:
    steps = steps_of(sampled(series("a", range(100_001)), None, None, 101), "a")
    assert steps == list(range(0, 100_001, 1000))


def test_only_the_steps_asked_for_count_and_both_ends_do() -> None:
    assert steps_of(sampled(series("a", range(100)), 10, 12, 50), "a") == [10, 11, 12]
    assert steps_of(sampled(series("a", range(100)), 10, 90, 3), "a") == [10, 50, 90]
    assert sampled(series("a", range(10)), 20, 30, 5) == []


def test_runs_are_drawn_at_the_same_steps_and_none_loses_its_ends() -> None:
    points = sampled([*series("a", range(1000)), *series("b", range(300, 500))], None, None, 10)
    assert set(steps_of(points, "b")) - {300, 499} <= set(steps_of(points, "a"))
    assert {0, 999} <= set(steps_of(points, "a")) and {300, 499} <= set(steps_of(points, "b"))
    assert len(steps_of(points, "a")) == 10


def test_all_points_of_a_chosen_step_are_drawn() -> None:
    twice = [*series("a", range(100)), *series("a", range(100))]
    assert len(sampled(twice, None, None, 10)) == 20
