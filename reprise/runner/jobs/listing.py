"""The runs of a store that fit a search, of as many pages as the store makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reprise.runner.jobs.find import experiment_names, find_experiment
from reprise.schemas.entities import Run
from reprise.tracking.base import Tracking

NEWEST_FIRST = ("attributes.start_time DESC",)
_PAGE = 1000  # runs that MLflow's servers give at once


def name_searched_experiments(
    tracking: Tracking, experiment: str | None = None, *, deleted: bool = False
) -> Mapping[str, str]:
    """Return a map of id to name for ``experiment`` (a name or an id), or for all experiments.

    Raises:
        UsageError: the experiment does not exist.
    """
    if experiment is None:
        return experiment_names(tracking, "ALL" if deleted else "ACTIVE_ONLY")
    chosen = find_experiment(tracking, experiment)
    return {chosen.experiment_id: chosen.name}


def list_runs(
    tracking: Tracking,
    experiment_ids: Sequence[str],
    *,
    filter: str = "",
    order_by: Sequence[str] = (),
    limit: int | None = None,
    deleted: bool = False,
) -> list[Run]:
    """Return at most ``limit`` runs (None: all), by default newest first.

    Raises:
        TrackingError: ``filter`` or ``order_by`` is not of MLflow's search language.
    """
    runs: list[Run] = []
    token = None
    while limit is None or len(runs) < limit:
        page = tracking.search_runs(
            experiment_ids,
            filter=filter,
            order_by=order_by or NEWEST_FIRST,
            max_results=_PAGE if limit is None else min(limit - len(runs), _PAGE),
            page_token=token,
            view_type="DELETED_ONLY" if deleted else "ACTIVE_ONLY",
        )
        runs += page.items
        if (token := page.next_token) is None:
            break
    return runs
