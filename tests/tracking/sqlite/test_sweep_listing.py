"""What the page of sweeps asks of the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.schemas import tags
from reprise.schemas.entities import Metric, Run
from reprise.tracking.sqlite.store import EmbeddedStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "mlruns") as opened:
        yield opened


def _run(
    store: EmbeddedStore,
    at: int,
    parent: Run | None = None,
    status: str = "FINISHED",
    more: dict[str, str] | None = None,
    metrics: dict[str, float] | None = None,
) -> Run:
    told = {**({tags.PARENT_RUN_ID: parent.run_id} if parent else {}), **(more or {})}
    run = store.create_run("0", start_time=at, user_id="ada", tags=told)
    points = [Metric(key, value, at) for key, value in (metrics or {}).items()]
    store.log_batch(run.run_id, metrics=points)
    store.update_run(run.run_id, status=status, end_time=None if status == "RUNNING" else at + 1)
    return store.get_run(run.run_id)


def test_what_runs_is_told_before_what_waits_and_deleted_runs_are_not(store: EmbeddedStore) -> None:
    _run(store, 1)
    old, new = (_run(store, at, status="RUNNING") for at in (2, 3))
    waiting = _run(store, 5, status="SCHEDULED")
    store.delete_run(_run(store, 4, status="RUNNING").run_id)
    found = store.going_on(limit=10)
    assert [run.run_id for run in found.runs] == [new.run_id, old.run_id, waiting.run_id]
    assert store.going_on(limit=1).total == found.total == 3


def test_a_sweep_is_a_run_with_active_runs_in_it(store: EmbeddedStore) -> None:
    first, second, emptied = (_run(store, at) for at in (1, 2, 3))
    for parent in (first, second, second):
        _run(store, 5, parent)
    store.delete_run(_run(store, 5, emptied).run_id)
    assert [run.run_id for run in store.sweeps(limit=5).runs] == [second.run_id, first.run_id]
    assert [run.run_id for run in store.sweeps(limit=1, offset=1).runs] == [first.run_id]
    assert store.sweeps(limit=1).total == 2


def test_nested_runs_are_counted_by_status_and_those_taken_over_apart(store: EmbeddedStore) -> None:
    parent = _run(store, 1, status="RUNNING")
    for status in ("FINISHED", "FINISHED", "FAILED", "SCHEDULED"):
        _run(store, 2, parent, status)
    _run(store, 2, parent, more={tags.REUSES: "a" * 32})
    assert store.nested_counts([parent.run_id, "f" * 32]) == {
        parent.run_id: {"FINISHED": 2, "FAILED": 1, "SCHEDULED": 1, "CACHED": 1}
    }


def test_the_best_nested_run_is_a_number_and_the_first_of_equals(store: EmbeddedStore) -> None:
    parent = _run(store, 1)
    _run(store, 2, parent, metrics={"loss": float("nan")})
    _run(store, 3, parent, metrics={"loss": float("-inf")})
    first, _, worst = (
        _run(store, at, parent, metrics={"loss": loss}) for at, loss in ((4, 0.1), (5, 0.1), (6, 0.3))
    )
    lowest, highest = (store.best_nested(parent.run_id, "loss", goal) for goal in ("min", "max"))
    assert lowest is not None and (lowest.run.run_id, lowest.value) == (first.run_id, 0.1)
    assert highest is not None and highest.run.run_id == worst.run_id
    assert store.best_nested(parent.run_id, "accuracy", "max") is None


def test_metrics_of_nested_runs_are_named_without_those_of_the_machine(store: EmbeddedStore) -> None:
    parent = _run(store, 1, metrics={"own": 1.0})
    _run(store, 2, parent, metrics={"loss": 1.0, "system/cpu": 3.0})
    _run(store, 3, parent, metrics={"accuracy": 1.0})
    assert store.nested_metrics(parent.run_id) == ("accuracy", "loss")
