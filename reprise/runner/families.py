"""A run and its child runs: runs deleted with their parent are restored with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reprise.runner.jobs.find import experiment_names, iterate_runs
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.tracking.base import Tracking


def find_descendants(tracking: Tracking, run: Run) -> list[Run]:
    """The active runs in ``run`` and in those, each once."""
    experiments = list(experiment_names(tracking))
    found: dict[str, Run] = {}
    waiting = [run.run_id]
    while waiting:
        for child in _find_children(tracking, experiments, waiting.pop()):
            if child.run_id not in found and child.run_id != run.run_id:
                found[child.run_id] = child
                waiting.append(child.run_id)
    return list(found.values())


def delete_family(tracking: Tracking, run: Run, descendants: Sequence[Run]) -> None:
    """Delete ``run`` with its ``descendants``. A store of reprise restores them with it."""
    tracking.delete_run(run.run_id, with_children=True)
    for child in descendants:  # MLflow's servers delete the run alone
        if tracking.get_run(child.run_id).lifecycle_stage == "active":
            tracking.delete_run(child.run_id)


def _find_children(tracking: Tracking, experiments: Sequence[str], run_id: str) -> Iterator[Run]:
    return iterate_runs(tracking, experiments, f"tags.`{tags.PARENT_RUN_ID}` = '{run_id}'")
