"""The page of all experiments, most recently active first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import RUN_STATUSES, Experiment, ViewType
from reprise.server.api.artifacts import store_of
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.views import Activity
from reprise.ui.html import render
from reprise.ui.notes import NOTE, first_words

MOST = 1000
"""Experiments on a page; others are found by name."""


class Shown(NamedTuple):
    """An experiment; ``last`` is the time of the last change to a run, or else to the experiment."""

    experiment: Experiment
    counts: Mapping[str, int]
    last: int

    @property
    def note(self) -> str:
        return first_words(self.experiment.tags.get(NOTE, ""))

    @property
    def runs(self) -> int:
        return sum(self.counts.values())


def page(request: Request) -> Response:
    return _answer(request, "experiments.html")


def rows(request: Request) -> Response:
    return _answer(request, "_experiments_rows.html")


def _answer(request: Request, template: str) -> Response:
    store = store_of(request)
    name = request.query_params.get("q", "").strip()
    deleted = request.query_params.get("view") == "deleted"
    found, more = _found(store, name, "DELETED_ONLY" if deleted else "ACTIVE_ONLY")
    return render(
        request,
        template,
        shown=found,
        more=more,
        q=name,
        deleted=deleted,
        is_new=not (name or deleted) and not any(one.runs for one in found),
        url=str(request.base_url).rstrip("/"),
        statuses=RUN_STATUSES,
    )


def _found(store: TrackingStore, name: str, view: ViewType) -> tuple[Sequence[Shown], bool]:
    """Return the experiments whose name contains ``name``, and whether there are more than fit on a
    page.
    """
    holding = name.replace("'", "''")
    page = store.search_experiments(
        filter=f"name ILIKE '%{holding}%'" if name else "",
        order_by=["last_update_time DESC"],
        view_type=view,
        max_results=MOST,
    )
    activity = store.activity()
    shown = [_shown(one, activity.get(one.experiment_id, Activity({}))) for one in page.items]
    return sorted(shown, key=lambda one: one.last, reverse=True), page.next_token is not None


def _shown(experiment: Experiment, activity: Activity) -> Shown:
    return Shown(experiment, activity.counts, max(activity.last or 0, experiment.last_update_time))


ROUTES = (
    Route("/experiments", page),
    Route("/experiments/rows", rows),
)
