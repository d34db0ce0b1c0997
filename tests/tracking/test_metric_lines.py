"""What charts read of metric series."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.schemas.entities import Metric, Run
from reprise.tracking import metric_lines
from reprise.tracking.embedded import EmbeddedStore
from reprise.tracking.metric_lines import Figures


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


@pytest.mark.parametrize(("most", "expected"), [(5, [0, 2, 4, 6, 9]), (1, [9]), (10, list(range(10)))])
def test_points_are_thinned_evenly(store: EmbeddedStore, most: int, expected: list[int]) -> None:
    (line,) = store.metric_lines([logged(store, "loss", 10).run_id], ["loss"], most=most)
    assert [step for step, _, _ in line.points] == expected
    assert line.figures == Figures(points=10, nans=0, infinite=0, low=0.0, high=4.5)


def test_the_newest_points_since_a_time_are_read(store: EmbeddedStore) -> None:
    run = logged(store, "loss", 10)
    (line,) = store.metric_lines([run.run_id], ["loss"], most=2, since=105)
    assert [step for step, _, _ in line.points] == [8, 9]


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
