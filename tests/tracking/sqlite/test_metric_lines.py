"""What charts read of metric series."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.schemas.entities import Metric, Run
from reprise.tracking.sqlite.listing import metric_lines
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.tracking.views import StoreFigures


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "mlruns") as opened:
        yield opened


def logged(store: EmbeddedStore, key: str, count: int) -> Run:
    run = store.create_run("0", start_time=1, user_id="ada")
    points = [Metric(key, number / 2, 100 + number, number) for number in range(count)]
    store.log_batch(run.run_id, metrics=points)
    return run


def test_lines_come_in_the_order_of_metrics_and_of_runs(store: EmbeddedStore) -> None:
    first, second = logged(store, "loss", 2), logged(store, "loss", 3)
    store.log_batch(second.run_id, metrics=[Metric("f1", 1.0, 1)])
    found = store.metric_lines([second.run_id, "nobody", first.run_id], ["f1", "loss", "none"], most=10)
    assert [(line.run_id, line.key) for line in found] == [
        (second.run_id, "f1"),
        (second.run_id, "loss"),
        (first.run_id, "loss"),
    ]
    assert found[2].points == [(0, 100, 0.0), (1, 101, 0.5)]


@pytest.mark.parametrize(
    ("most", "expected"), [(5, [0, 1, 8, 9]), (6, [0, 1, 4, 5, 8, 9]), (10, list(range(10)))]
)
def test_of_many_points_those_are_kept_that_stand_out_in_their_part(
    store: EmbeddedStore, most: int, expected: list[int]
) -> None:
    (line,) = store.metric_lines([logged(store, "loss", 10).run_id], ["loss"], most=most)
    assert [step for step, _, _ in line.points] == expected
    assert line.figures == StoreFigures(points=10, nans=0, infinite=0, low=0.0, high=4.5)


def test_no_spike_is_lost_where_points_are_thinned(store: EmbeddedStore) -> None:
    odd = {311: 1e9, 312: math.nan, 555: -1e9, 777: math.inf}
    run = store.create_run("0", start_time=1, user_id="ada")
    points = [Metric("loss", odd.get(step, step % 7), 100 + step // 3, step) for step in range(1001)]
    store.log_batch(run.run_id, metrics=points)
    (line,) = store.metric_lines([run.run_id], ["loss"], most=50)
    assert len(line.points) <= 50
    steps = [step for step, _, _ in line.points]
    assert steps == sorted(steps)
    assert {0, *odd, 1000} <= set(steps)


def test_the_newest_points_since_a_time_are_read(store: EmbeddedStore) -> None:
    run = logged(store, "loss", 10)
    (line,) = store.metric_lines([run.run_id], ["loss"], most=2, since={"loss": 105})
    assert [step for step, _, _ in line.points] == [8, 9]


def test_each_metric_is_read_since_its_own_time(store: EmbeddedStore) -> None:
    run = logged(store, "loss", 10)
    store.log_batch(run.run_id, metrics=[Metric("epoch", 1.0, 100, 0), Metric("f1", 1.0, 100, 0)])
    found = store.metric_lines(
        [run.run_id], ["loss", "epoch", "f1"], most=9, since={"loss": 108, "epoch": 100}
    )
    assert [[timestamp for _, timestamp, _ in line.points] for line in found] == [[108, 109], [100], [100]]


def test_the_figures_of_very_many_points_are_not_counted_unasked(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = logged(store, "loss", 10)
    assert store.metric_figures(run.run_id)["loss"].high == 4.5
    monkeypatch.setattr(metric_lines, "MANY_POINTS", 9)
    assert store.metric_figures(run.run_id) == {}


def test_a_metric_of_one_point_has_no_line(store: EmbeddedStore) -> None:
    run = logged(store, "loss", 2)
    store.log_batch(run.run_id, metrics=[Metric("f1", 1.0, 1)])
    assert store.metrics_with_lines(run.run_id) == {"loss"}
