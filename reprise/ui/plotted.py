"""What the browser draws of a comparison: columns of values by run, and the points of a metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from reprise.schemas.entities import Run
from reprise.server.wire import Answer, number
from reprise.tracking.embedded import EmbeddedStore
from reprise.ui.numbers import all_finite

_MOST_COLUMNS = 300
_LONGEST = 120  # characters of a param that is no number
_MOST_POINTS = 60_000  # of all runs together
_POINTS = (100, 1000)  # of a run, at least and at most


def values(runs: Sequence[Run]) -> dict[str, Any]:
    """The runs, and every param and metric that varies: a value for each run, None where it has none.

    The ids of columns are those of the table of runs: ``params.depth``, ``metrics.loss``.
    """
    columns = [column for column in _columns(runs) if len(set(column["values"])) > 1]
    return {
        "runs": [{"id": run.run_id, "name": run.run_name[:_LONGEST]} for run in runs],
        "columns": columns[:_MOST_COLUMNS],
        "beyond": max(len(columns) - _MOST_COLUMNS, 0),
    }


def _columns(runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    for name in sorted({name for run in runs for name in run.params}):
        texts = [run.params.get(name) for run in runs]
        yield _column(
            f"params.{name}", name, all_finite(texts) or [text and text[:_LONGEST] for text in texts]
        )
    for name in sorted({name for run in runs for name in run.metrics}):
        found = [run.metrics.get(name) for run in runs]
        yield _column(f"metrics.{name}", name, [metric and _finite(metric.value) for metric in found])
    took = [None if run.end_time is None else (run.end_time - run.start_time) / 1000 for run in runs]
    yield _column("duration", "duration (s)", took)


def _column(id: str, title: str, values: Sequence[float | str | None]) -> dict[str, Any]:
    is_numeric = not any(isinstance(value, str) for value in values)
    return {"id": id, "title": title, "numeric": is_numeric, "values": values}


def lines(store: EmbeddedStore, runs: Sequence[Run], metric: str) -> Answer:
    """The points of a metric, a line for each run that has it; fewer of each where there are many runs."""
    least, most = _POINTS
    each = min(max(_MOST_POINTS // max(len(runs), 1), least), most)
    found = store.metric_lines([run.run_id for run in runs], [metric], most=each)
    return {
        "lines": [
            {
                "run": line.run_id,
                "step": [step for step, _, _ in line.points],
                "time": [timestamp for _, timestamp, _ in line.points],
                "value": [number(value) for _, _, value in line.points],
            }
            for line in found
        ]
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
