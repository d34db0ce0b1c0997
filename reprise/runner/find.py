"""Which run does the user mean: its id, a unique prefix of it, or ``@last``."""

from __future__ import annotations

import re

from reprise.errors import UsageError
from reprise.schemas import tags
from reprise.schemas.entities import Experiment, Run
from reprise.tracking.base import Tracking

LAST = "@last"


def find_run(tracking: Tracking, reference: str) -> Run:
    """The run that ``reference`` names.

    ``@last`` is the newest run that is not a step of another one.

    Raises:
        UsageError: there is none, or the prefix is not unique (then it lists the candidates).
    """
    if reference == LAST:
        return _last(tracking)
    if not re.fullmatch(r"[0-9a-f]{1,64}", reference):
        raise UsageError(f'"{reference}" is not a run', hint=f"give a run id, the start of one, or {LAST}")
    if len(reference) == 32:
        return tracking.get_run(reference)
    return _by_prefix(tracking, reference)


def all_experiments(tracking: Tracking) -> list[Experiment]:
    """Every active experiment, newest first."""
    found: list[Experiment] = []
    token = None
    while True:
        page = tracking.search_experiments(page_token=token)
        found += page.items
        if (token := page.next_token) is None:
            return found


def experiment_names(tracking: Tracking) -> dict[str, str]:
    """Id to name, of all active experiments."""
    return {experiment.experiment_id: experiment.name for experiment in all_experiments(tracking)}


def _last(tracking: Tracking) -> Run:
    page = tracking.search_runs(
        list(experiment_names(tracking)), order_by=["attributes.start_time DESC"], max_results=100
    )
    if not page.items:
        raise UsageError(f"there is no run in {tracking.uri}", hint="reprise run URI makes one")
    return next((run for run in page.items if tags.PARENT_RUN_ID not in run.tags), page.items[0])


def _by_prefix(tracking: Tracking, prefix: str) -> Run:
    found = tracking.search_runs(
        list(experiment_names(tracking)), filter=f"attributes.run_id LIKE '{prefix}%'", max_results=10
    ).items
    if not found:
        raise UsageError(f'no run begins with "{prefix}" in {tracking.uri}', hint="reprise runs list")
    if len(found) > 1:
        listed = "\n".join(f"  {run.run_id}  {run.run_name}" for run in found)
        raise UsageError(f'several runs begin with "{prefix}":\n{listed}', hint="give more of its id")
    return found[0]
