"""The tabs Metrics and System of a run: a chart for each series, a table for single points.

The page contains no points: the browser requests those of the charts that come into view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import Metric
from reprise.server.api.artifacts import store_of
from reprise.server.api.wire import encode, invalid, number
from reprise.tracking.views import MetricLine
from reprise.ui.html import render
from reprise.ui.numbers import natural
from reprise.ui.run.overview import SYSTEM
from reprise.ui.run.page import head_of

MOST_POINTS = 1000
"""Points of one series in an answer: as many as a chart has pixels."""

_MOST_KEYS = 50
_MOST_SHOWN = 5000  # metrics on a page


class ChartSection(NamedTuple):
    """The metrics whose names begin with ``name/``; ``name`` is empty for metrics without a prefix."""

    name: str
    metrics: Sequence[Metric]


class Charts(NamedTuple):
    """The charts; ``single`` are the metrics with one point; ``left_out`` counts metrics above the
    limit.
    """

    sections: Sequence[ChartSection]
    single: Sequence[Metric]
    left_out: int


def metrics(request: Request) -> Response:
    return _page(request, "metrics")


def system(request: Request) -> Response:
    return _page(request, "system")


def _page(request: Request, tab: str) -> Response:
    head = head_of(request, request.path_params["run_id"])
    keys = [key for key in head.run.metrics if key.startswith(SYSTEM) is (tab == "system")]
    wanted = [head.run.metrics[key] for key in sorted(keys, key=natural)]
    with_lines = store_of(request).metrics_with_lines(head.run.run_id)
    return render(request, "run_metrics.html", head=head, tab=tab, charts=arranged(wanted, with_lines))


def arranged(wanted: Sequence[Metric], with_lines: set[str]) -> Charts:
    shown = wanted[:_MOST_SHOWN]
    sections: dict[str, list[Metric]] = {}
    for metric in shown:
        if metric.key in with_lines:
            sections.setdefault(_prefix(metric.key), []).append(metric)
    single = [metric for metric in shown if metric.key not in with_lines]
    found = [ChartSection(name, sections[name]) for name in sorted(sections, key=natural)]
    return Charts(found, single, len(wanted) - len(shown))


def _prefix(key: str) -> str:
    rest = key.removeprefix(SYSTEM)
    return rest.partition("/")[0] if "/" in rest else ""


def lines(request: Request) -> Response:
    """``GET /runs/{run_id}/lines?key=a&key=b``: the points of these metrics.

    ``since=1&since=``, a time in ms for each key, requests points from that time on, or all points.
    """
    keys = request.query_params.getlist("key")
    if len(keys) > _MOST_KEYS:
        raise invalid(f"{len(keys)} metrics in one request; the maximum is {_MOST_KEYS}")
    found = store_of(request).metric_lines(
        [request.path_params["run_id"]], keys, most=MOST_POINTS, since=_since(request, keys)
    )
    return Response(encode({"lines": [_shape(line) for line in found]}), media_type="application/json")


def _since(request: Request, keys: Sequence[str]) -> Mapping[str, int]:
    given = request.query_params.getlist("since")
    if given and len(given) != len(keys):
        raise invalid(f"'since' needs a time for each of {len(keys)} metrics, found {len(given)}")
    times = zip(keys, given, strict=False)
    try:
        return {key: max(-(2**63), min(int(time), 2**63 - 1)) for key, time in times if time}
    except ValueError:
        raise invalid(f"'since' must be a time in ms, found {', '.join(given)[:50]!r}") from None


def _shape(line: MetricLine) -> dict[str, Any]:
    figures = line.figures
    return {
        "key": line.key,
        "count": figures.points,
        "nans": figures.nans,
        "infinite": figures.infinite,
        "low": figures.low,
        "high": figures.high,
        "step": [step for step, _, _ in line.points],
        "time": [timestamp for _, timestamp, _ in line.points],
        "value": [number(value) for _, _, value in line.points],
    }


ROUTES = (
    Route("/runs/{run_id}/metrics", metrics),
    Route("/runs/{run_id}/system", system),
    Route("/runs/{run_id}/lines", lines),
)
