"""Data that the browser draws for a comparison: columns of values by run, and the points of a metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import Run
from reprise.server.api.wire import Answer, number
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui.numbers import all_finite, natural
from reprise.ui.runs.metric_goals import main_metric

_MOST_COLUMNS = 300
_LONGEST = 120  # characters of a param that is not a number
_SPAN = 1000  # ratio of the largest to the smallest number above which a log scale is used
_MOST_POINTS = 60_000  # points of all runs together
_POINTS = (100, 1000)  # points of a run, minimum and maximum

Column = Mapping[str, Any]
"""A column for the browser: ``id``, ``title``, ``numeric``, ``log``, ``values``.

``log``: its numbers span so much that they need a log scale.
"""

_Offer = tuple[str, str, Sequence[Column], Sequence[Column], str]
"""The definition of a control: name, title, columns, default columns, label of the empty choice."""


class Control(NamedTuple):
    """A selection of a column; ``nothing`` is the label of the empty choice, if there is one."""

    name: str
    title: str
    columns: Sequence[Column]
    chosen: str
    nothing: str = ""


def values(runs: Sequence[Run]) -> dict[str, Any]:
    """Return every param and metric that varies, with a value per run, None for a run without a value.

    Column ids are those of the table of runs: ``params.depth``, ``metrics.loss``.
    """
    columns = [column for column in _columns(runs) if len(set(column["values"])) > 1]
    params = [column for column in columns if column["id"].startswith("params.")]
    results = columns[len(params) :]
    room = _MOST_COLUMNS - min(len(results), _MOST_COLUMNS // 2)  # leave some columns for metrics
    shown = [*params[:room], *results][:_MOST_COLUMNS]
    return {"columns": shown, "beyond": len(columns) - len(shown)}


def controls(tab: str, columns: Sequence[Column], query: Mapping[str, str]) -> list[Control]:
    """Return the selections of a view from the address, or the defaults."""
    params = [one for one in columns if one["id"].startswith("params.")]
    measures = [one for one in columns if one["numeric"]]
    metrics = [one for one in measures if _is_result(one["id"])]
    main = main_metric(one["title"] for one in metrics)
    metrics.sort(key=lambda one: one["title"] != main)
    offered: Mapping[str, Sequence[_Offer]] = {
        "parallel": (("colour", "Colour", columns, metrics, "of each run"),),
        "scatter": (
            ("x", "X", columns, params or columns, ""),
            ("y", "Y", columns, metrics or columns, ""),
            ("colour", "Colour", columns, metrics[1:], "of each run"),
            ("size", "Size", measures, (), "the same"),
        ),
        "contour": (
            ("x", "X", measures, measures, ""),
            ("y", "Y", measures, measures[1:] or measures, ""),
            ("z", "Z", measures, metrics or measures, ""),
        ),
        "box": (
            ("y", "Y", measures, metrics or measures, ""),
            ("x", "X", params, params, ""),
        ),
    }
    return [_control(offer, query) for offer in offered[tab]]


def _control(offer: _Offer, query: Mapping[str, str]) -> Control:
    name, title, columns, first, nothing = offer
    asked = query.get(name)
    if asked is None or not (any(one["id"] == asked for one in columns) or (nothing and not asked)):
        asked = first[0]["id"] if first else ""
    return Control(name, title, columns, asked, nothing)


def _is_result(id: str) -> bool:
    return id.startswith("metrics.") and not id.startswith("metrics.system/")


def _columns(runs: Sequence[Run]) -> Iterator[Column]:
    for name in sorted({name for run in runs for name in run.params}, key=natural):
        texts = [run.params.get(name) for run in runs]
        yield column_of(
            f"params.{name}", name, all_finite(texts) or [text and text[:_LONGEST] for text in texts]
        )
    for name in sorted({name for run in runs for name in run.metrics}, key=natural):
        found = [run.metrics.get(name) for run in runs]
        yield column_of(f"metrics.{name}", name, [metric and _finite(metric.value) for metric in found])
    took = [None if run.end_time is None else (run.end_time - run.start_time) / 1000 for run in runs]
    yield column_of("duration", "duration (s)", took)


def column_of(id: str, title: str, values: Sequence[float | str | None]) -> Column:
    is_numeric = not any(isinstance(value, str) for value in values)
    there = [value for value in values if not (value is None or isinstance(value, str))]
    is_log = is_numeric and min(there, default=0) > 0 and max(there) / min(there) >= _SPAN
    return {"id": id, "title": title, "numeric": is_numeric, "log": is_log, "values": values}


def lines(store: TrackingStore, runs: Sequence[Run], metric: str) -> Answer:
    """Return the points of a metric, one line per run that has it; fewer points per run if there are
    many runs.
    """
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
