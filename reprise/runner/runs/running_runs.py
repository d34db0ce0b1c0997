"""Running runs: a process of this machine holds their job folder."""

from __future__ import annotations

from reprise.errors import UsageError
from reprise.runner.jobs.find import iterate_runs
from reprise.runner.jobs.lease import job_lives
from reprise.runner.jobs.stores import jobs_folder
from reprise.schemas import tags
from reprise.schemas.entities import Experiment, Run
from reprise.schemas.job import RunStatus
from reprise.tracking.base import Tracking


def is_watched(tracking: Tracking, run: Run) -> bool:
    """Whether a process of this machine performs the run now."""
    job = run.tags.get(tags.JOB)
    return job is not None and job_lives(jobs_folder(tracking), job)


def refuse_watched(tracking: Tracking, run: Run) -> None:
    """Raise UsageError if the run is running: the end of a deleted run cannot be recorded."""
    if is_watched(tracking, run):
        raise UsageError(
            f"run {run.run_id} is running", hint=f"stop it with reprise runs stop {run.run_id[:8]}"
        )


def refuse_watched_in(tracking: Tracking, experiment: Experiment) -> None:
    """Raise UsageError if a run of the experiment is running."""
    for status in (RunStatus.RUNNING, RunStatus.SCHEDULED):
        found = iterate_runs(tracking, [experiment.experiment_id], f"attributes.status = '{status}'")
        for run in found:
            refuse_watched(tracking, run)
