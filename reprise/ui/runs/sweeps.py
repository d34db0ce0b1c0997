"""``/sweeps``: running and waiting runs, and the results of nested runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import Run
from reprise.server.api.artifacts import store_of
from reprise.tracking.artifacts.files import ArtifactFolder
from reprise.tracking.names import now
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.views import CACHED, Best, Goal
from reprise.ui.html import render
from reprise.ui.runs.metric_goals import goal_of, main_metric

_QUEUE = 100  # shown runs of the queue
_PAGE = 20  # sweeps on a page
_COMPARED = 200  # maximum runs of a comparison
_LINE = 300  # characters of a log's last line
_ESCAPES = r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]"

_GOALS: Mapping[str | None, Goal] = {"min": "min", "max": "max"}
_WORDS = {
    "FINISHED": "finished",
    CACHED: "cached",
    "FAILED": "failed",
    "KILLED": "killed",
    "RUNNING": "running",
    "SCHEDULED": "waiting",
}
"""The label of each status of a nested run, in the order of the bar."""


class Waiting(NamedTuple):
    """A run of the queue; ``line`` is its last line of output."""

    run: Run
    experiment: str
    line: str


class Segment(NamedTuple):
    """A segment of the bar; ``start`` and ``width`` are percentages."""

    word: str
    runs: int
    start: float
    width: float


class Sweep(NamedTuple):
    """A sweep; ``metrics`` are the available metrics; ``metric`` is None if no nested run has one yet."""

    run: Run
    experiment: str
    segments: tuple[Segment, ...]
    ended: int
    total: int
    elapsed: float
    metrics: tuple[str, ...]
    metric: str | None
    goal: Goal
    best: Best | None


def page(request: Request) -> Response:
    return render(request, "sweeps.html", **_shown(request))


def fragment(request: Request) -> Response:
    """The parts of the page that change while runs are running."""
    return render(request, "_sweeps.html", **_shown(request))


def compare(request: Request) -> Response:
    """Return the address of the comparison of nested runs."""
    store = store_of(request)
    ids = store.ids_at(store.child_numbers(request.path_params["run_id"])[:_COMPARED])
    return RedirectResponse(f"/compare?{urlencode({'runs': ','.join(ids)})}", status_code=303)


def _shown(request: Request) -> Mapping[str, Any]:
    store, query = store_of(request), request.query_params
    number = _number(query.get("page", ""))
    queue = store.going_on(limit=_QUEUE)
    found = store.sweeps(limit=_PAGE, offset=(number - 1) * _PAGE)
    counts = store.nested_counts(run.run_id for run in found.runs)
    names = _experiments(store, [*queue.runs, *found.runs])
    sweeps = [
        _sweep(store, run, names[run.experiment_id], counts.get(run.run_id, {}), query)
        for run in found.runs
    ]
    return {
        "queue": [Waiting(run, names[run.experiment_id], _last_line(store, run)) for run in queue.runs],
        "queued": queue.total,
        "sweeps": sweeps,
        "total": found.total,
        "page": number,
        "pages": -(-found.total // _PAGE),
        "newer": request.url.include_query_params(page=number - 1).query,
        "older": request.url.include_query_params(page=number + 1).query,
        "metrics": sorted({name for sweep in sweeps for name in sweep.metrics}),
        "metric": query.get("metric", ""),
        "goal": query.get("goal", ""),
    }


def _number(text: str) -> int:
    """Return the requested page number, or the first."""
    return max(int(text), 1) if text.isdecimal() and len(text) < 9 else 1


def _sweep(
    store: TrackingStore, run: Run, experiment: str, counts: Mapping[str, int], query: Mapping[str, str]
) -> Sweep:
    metrics = store.nested_metrics(run.run_id)
    metric, goal = _chosen(run.run_id, metrics, query)
    total = sum(counts.values())
    going_on = counts.get("RUNNING", 0) + counts.get("SCHEDULED", 0)
    ended = run.end_time if run.end_time is not None and not going_on else now()
    return Sweep(
        run,
        experiment,
        _segments(counts),
        total - going_on,
        total,
        (ended - run.start_time) / 1000,
        metrics,
        metric,
        goal,
        store.best_nested(run.run_id, metric, goal) if metric else None,
    )


def _chosen(run_id: str, metrics: Sequence[str], query: Mapping[str, str]) -> tuple[str | None, Goal]:
    """Return the metric in the address for this sweep, else for all sweeps, else a guess from the names."""
    for suffix in (f".{run_id}", ""):
        if (metric := query.get(f"metric{suffix}")) in metrics:
            break
    else:
        metric = main_metric(metrics)
    for goal in (query.get(f"goal.{run_id}"), query.get("goal")):
        if goal in _GOALS:
            return metric, _GOALS[goal]
    return metric, goal_of(metric or "")


def _segments(counts: Mapping[str, int]) -> tuple[Segment, ...]:
    """Return the segments of a sweep's bar."""
    total = sum(counts.values())
    found: list[Segment] = []
    start = 0.0
    for status, word in _WORDS.items():
        if count := counts.get(status, 0):
            width = 100 * count / total
            found.append(Segment(word, count, round(start, 3), round(width, 3)))
            start += width
    return tuple(found)


def _experiments(store: TrackingStore, runs: Sequence[Run]) -> dict[str, str]:
    return {number: store.get_experiment(number).name for number in {run.experiment_id for run in runs}}


def _last_line(store: TrackingStore, run: Run) -> str:
    """Return the last line of the log, or "" for a remote log: fetching it would delay the page."""
    from reprise.runner.runs.lifecycle import LOG_ARTIFACT, tail

    try:
        artifacts = store.artifacts_of(run.run_id)
        line = tail(artifacts.file(LOG_ARTIFACT), 1) if isinstance(artifacts, ArtifactFolder) else ""
    except (TrackingError, OSError):
        return ""
    return re.sub(_ESCAPES, "", line).strip()[:_LINE]


ROUTES = (
    Route("/sweeps", page),
    Route("/sweeps/now", fragment),
    Route("/sweeps/{run_id}/compare", compare),
)
