"""The page of a run: its head, its tabs (some from other modules), and the overview."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas import tags
from reprise.schemas.entities import Experiment, Run
from reprise.server.api.artifacts import store_of
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui.html import render
from reprise.ui.run.origins import origin
from reprise.ui.run.overview import SHOWN_AT_ONCE, overview_of


class RunHead(NamedTuple):
    """The part above the tabs. ``parent`` is None if the run has none, or it was removed."""

    run: Run
    experiment: Experiment
    parent: Run | None
    children: int

    @property
    def is_going_on(self) -> bool:
        return self.run.status in ("RUNNING", "SCHEDULED") and self.run.lifecycle_stage == "active"


def head_of(request: Request, run_id: str) -> RunHead:
    """Return the ``head`` for a page that extends ``run.html``."""
    store = store_of(request)
    run = store.get_run(run_id)
    experiment = store.get_experiment(run.experiment_id)
    return RunHead(run, experiment, _parent(store, run), len(store.child_numbers(run_id)))


def overview(request: Request) -> Response:
    store = store_of(request)
    head = head_of(request, request.path_params["run_id"])
    return render(
        request,
        "run_overview.html",
        head=head,
        overview=overview_of(store, head.run),
        at_once=SHOWN_AT_ONCE,
        origin=origin(store, head.run),
    )


def frame(request: Request) -> Response:
    """Return the page without its tab, for tabs with a live head only."""
    return render(request, "run.html", head=head_of(request, request.path_params["run_id"]), tab="")


def _parent(store: TrackingStore, run: Run) -> Run | None:
    parent = run.tags.get(tags.PARENT_RUN_ID)
    if not parent:
        return None
    try:
        return store.get_run(parent)
    except TrackingError:
        return None


ROUTES = (
    Route("/runs/{run_id}", overview),
    Route("/runs/{run_id}/frame", frame),
)
