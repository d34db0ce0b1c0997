"""Series point by point: any change is found, and what a store cannot tell is no change."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from reprise.runner.verdict.metrics import compare_series
from reprise.runner.verdict.values import IDENTICAL, Agreement
from reprise.schemas.entities import Metric
from reprise.schemas.tolerance import EXACT, Closeness

VALUES = st.floats(width=64)
POINTS = st.lists(st.tuples(st.integers(0, 4), VALUES), min_size=1, max_size=12)


def logged(points: list[tuple[int, float]], times: list[int]) -> list[Metric]:
    """The points as a store tells them that were logged in this order, at these times."""
    series = [Metric("loss", value, time, step) for (step, value), time in zip(points, times, strict=True)]
    return sorted(series, key=lambda point: (point.timestamp, point.step, point.value))


def times(draw: st.DrawFn, count: int) -> list[int]:
    """Clock readings that do not run backwards; several may be of one ms."""
    steps = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    return [sum(steps[: number + 1]) for number in range(count)]


@given(POINTS, st.data())
def test_when_points_were_logged_does_not_count(
    points: list[tuple[int, float]], data: st.DataObject
) -> None:
    one, other = (logged(points, data.draw(st.composite(times)(len(points)))) for _ in range(2))
    assert compare_series(one, other, EXACT).agreement is Agreement.IDENTICAL


@given(POINTS, st.data())
def test_any_other_value_is_found(points: list[tuple[int, float]], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(points) - 1))
    step, value = points[number]
    changed = data.draw(VALUES.filter(lambda other: other != value and (other == other or value == value)))
    again = [*points[:number], (step, changed), *points[number + 1 :]]
    clock = list(range(len(points)))
    found = compare_series(logged(points, clock), logged(again, clock), EXACT)
    # Beside an equal point it may look like one that a store has kept once.
    assert found.agreement is not Agreement.IDENTICAL


@given(POINTS, st.data())
def test_a_missing_point_is_found(points: list[tuple[int, float]], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(points) - 1))
    fewer = [*points[:number], *points[number + 1 :]]
    clock = list(range(len(points)))
    one, other = logged(points, clock), logged(fewer, clock[:-1])
    assert compare_series(one, other, EXACT).agreement is not Agreement.IDENTICAL
    assert compare_series(other, one, Closeness(0.1, 0.1)).agreement is not Agreement.IDENTICAL


@given(POINTS, st.data())
def test_another_step_is_found(points: list[tuple[int, float]], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(points) - 1))
    step, value = points[number]
    again = [*points[:number], (step + 5, value), *points[number + 1 :]]
    clock = list(range(len(points)))
    found = compare_series(logged(points, clock), logged(again, clock), EXACT)
    assert found.agreement is Agreement.DIVERGED


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12), st.integers(0, 2**32))
def test_what_is_close_is_within_tolerance(values: list[float], seed: int) -> None:
    noise = random.Random(seed)
    points = list(enumerate(values))
    near = [(step, value * (1 + noise.uniform(-1e-9, 1e-9))) for step, value in points]
    clock = list(range(len(points)))
    found = compare_series(logged(points, clock), logged(near, clock), Closeness(rel=1e-6))
    assert found.agreement in (Agreement.IDENTICAL, Agreement.WITHIN_TOLERANCE)
    assert (found.agreement is Agreement.IDENTICAL) == (near == points)


def test_it_says_where_it_diverged_first() -> None:
    one = logged([(0, 1.0), (1, 2.0), (2, 3.0)], [0, 1, 2])
    found = compare_series(one, logged([(0, 1.0), (1, 2.5), (2, 3.5)], [0, 1, 2]), Closeness(0.1))
    assert found[:4] == (Agreement.DIVERGED, "step 1", "2.5, was 2.0", 1)


def test_points_of_one_step_in_another_order_have_diverged() -> None:
    one, other = logged([(0, 1.0), (0, 2.0)], [0, 1]), logged([(0, 2.0), (0, 1.0)], [0, 1])
    assert compare_series(one, other, EXACT).agreement is Agreement.DIVERGED


@given(POINTS, st.randoms(use_true_random=False))
def test_steps_have_no_order_among_each_other(
    points: list[tuple[int, float]], chance: random.Random
) -> None:
    """Threads and buffers log steps as they come; what is of one step stays in its order."""
    order = {step: chance.random() for step, _ in points}
    mixed = sorted(points, key=lambda point: order[point[0]])
    clock = list(range(len(points)))
    assert (
        compare_series(logged(points, clock), logged(mixed, clock), EXACT).agreement is Agreement.IDENTICAL
    )


def test_zero_has_no_sign() -> None:
    one, other = logged([(0, 0.0), (1, -0.0)], [0, 1]), logged([(0, -0.0), (1, 0.0)], [0, 1])
    assert compare_series(one, other, EXACT) == IDENTICAL


def test_equal_points_of_one_ms_are_kept_once_by_stores() -> None:
    one, other = logged([(0, 1.0), (0, 1.0), (0, 2.0)], [0, 1, 2]), logged([(0, 1.0), (0, 2.0)], [0, 1])
    found = compare_series(one, other, EXACT)
    assert found.agreement is Agreement.WITHIN_TOLERANCE
    assert found.note.startswith("2 points, was 3")


def test_nan_is_nan_and_infinity_is_close_to_nothing() -> None:
    odd = [(0, math.nan), (1, math.inf), (2, -math.inf)]
    one = logged(odd, [0, 1, 2])
    assert compare_series(one, logged(odd, [5, 5, 6]), EXACT).agreement is Agreement.IDENTICAL
    other = logged([(0, math.nan), (1, 1e308), (2, -math.inf)], [0, 1, 2])
    assert compare_series(one, other, Closeness(0.5, 1e300)).where == "step 1"


def test_the_dataset_of_a_point_counts() -> None:
    point = Metric("loss", 1.0, 0, dataset_name="d", dataset_digest="1")
    found = compare_series([point], [point._replace(dataset_digest="2")], Closeness(1.0))
    assert found.agreement is Agreement.DIVERGED
