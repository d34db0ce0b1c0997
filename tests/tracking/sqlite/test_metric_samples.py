"""Which points of a series are drawn: the same that MLflow draws."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest

from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.metric_samples import evenly
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.fakes import mlflow_server

API = "/api/2.0/mlflow"
Point = tuple[int, float, int]
"""Step, value, timestamp."""


def _series() -> dict[str, Sequence[Point]]:
    draw = random.Random(3)
    return {
        "ten": [(step, float(step), 1000 + step) for step in range(10)],
        "ties": [(step, float(i), 1000 + i) for i, step in enumerate([0, 0, 1, 1, 5, 5, 100])],
        "below zero": [(step, float(i), 1000 + i) for i, step in enumerate([-5, -3, 0, 2, 2, 2])],
        "backwards": [(50 - step, float(step), 1000 + step) for step in range(50)],
        "scattered": [(draw.randrange(500), float(i), draw.randrange(1, 400)) for i in range(777)],
        "none": [],
        "one": [(3, 1.0, 1)],
        "many": [(step, float(step % 7), 1000 + step) for step in range(5000)],
    }


class Charts:
    """A server that holds the series, one to a run."""

    def __init__(self, uri: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=uri, headers=headers, timeout=60)
        experiment = str(self._post("experiments/create", {"name": "charts"})["experiment_id"])
        self.runs = {name: self._run(experiment, points) for name, points in _series().items()}

    def close(self) -> None:
        self._client.close()

    def drawn(self, names: Sequence[str], **options: int) -> object:
        """The points as (series, step, value, timestamp), or the status and code of the refusal."""
        chosen = [("run_ids", self.runs[name]) for name in names]
        query: list[tuple[str, str | int | float | bool | None]] = [
            *chosen,
            ("metric_key", "m"),
            *((key, str(value)) for key, value in options.items()),
        ]
        path = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
        response = self._client.get(path, params=query)
        if response.status_code != 200:
            return response.status_code, response.json()["error_code"]
        series = {run_id: name for name, run_id in self.runs.items()}
        return [
            (series[point["run_id"]], point["step"], str(point["value"]), point["timestamp"])
            for point in response.json().get("metrics", [])
        ]

    def _run(self, experiment: str, points: Sequence[Point]) -> str:
        run = self._post("runs/create", {"experiment_id": experiment, "start_time": 1})
        run_id: str = run["run"]["info"]["run_id"]
        metrics = [
            {"key": "m", "step": step, "value": value, "timestamp": time} for step, value, time in points
        ]
        for start in range(0, len(metrics), 1000):
            self._post("runs/log-batch", {"run_id": run_id, "metrics": metrics[start : start + 1000]})
        return run_id

    def _post(self, path: str, body: Mapping[str, object]) -> Any:
        response = self._client.post(f"{API}/{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Charts]:
    folder = tmp_path_factory.mktemp("charts") / "mlruns"
    with EmbeddedStore(folder) as store, Loopback.start(store, "0" * 32) as loopback:
        charts = Charts(loopback.uri, loopback.environ["MLFLOW_TRACKING_TOKEN"])
        yield charts
        charts.close()


@pytest.fixture(scope="module")
def theirs() -> Iterator[Charts]:
    charts = Charts(mlflow_server.tracking_uri())
    yield charts
    charts.close()


@pytest.mark.mlflow
@pytest.mark.parametrize("most", [0, 1, 2, 3, 4, 6, 7, 9, 49, 50, 320, 776, 2499, 2500, 2501])
def test_the_points_are_those_that_mlflow_draws(ours: Charts, theirs: Charts, most: int) -> None:
    for name in ours.runs:
        assert ours.drawn([name], max_results=most) == theirs.drawn([name], max_results=most), name


@pytest.mark.mlflow
@pytest.mark.parametrize(
    ("start", "end"), [(2, 7), (0, 0), (-4, 2), (40, 45), (100, 3000), (7, 2), (9000, 9001)]
)
def test_between_two_steps_too(ours: Charts, theirs: Charts, start: int, end: int) -> None:
    for name in ours.runs:
        asked = {"start_step": start, "end_step": end, "max_results": 5}
        assert ours.drawn([name], **asked) == theirs.drawn([name], **asked), name
    assert ours.drawn(["ten"], start_step=start) == theirs.drawn(["ten"], start_step=start)


@pytest.mark.mlflow
def test_several_runs_are_drawn_one_by_one_as_they_are_named(ours: Charts, theirs: Charts) -> None:
    for names in (["many", "none", "ten"], ["ten", "ties", "scattered"], ["ten", "ten"]):
        assert ours.drawn(names, max_results=7) == theirs.drawn(names, max_results=7)


@pytest.mark.parametrize(("count", "most"), [(10, 1), (10, 3), (11, 10), (1_000_000, 320)])
def test_the_first_and_the_last_are_among_them(count: int, most: int) -> None:
    chosen = evenly(count, most)
    assert len(chosen) == most and chosen[-1] == count
    assert most == 1 or chosen[0] == 1
    assert list(chosen) == sorted(set(chosen))
