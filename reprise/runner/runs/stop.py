"""Stop a run from outside: its watcher is notified, and ends it as for Ctrl-C."""

from __future__ import annotations

import os
import time
from pathlib import Path

from reprise.errors import UsageError
from reprise.runner.jobs.lease import (
    give_up,
    is_at_scheduler,
    is_held,
    is_silent,
    read_record,
    request_stop,
)
from reprise.runner.jobs.stores import jobs_folder
from reprise.runner.runs.adopting import ask_jobs, cancel_job
from reprise.runner.runs.lifecycle import user_name
from reprise.runner.runs.reap import reap
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.job import JobId, RunStatus
from reprise.tracking.base import Tracking
from reprise.tracking.names import now

_PAUSE = 0.1
_PATIENCE = 60.0  # seconds; the grace period of a job is 10 unless its backend config says more


def stop(tracking: Tracking, run: Run) -> None:
    """Request that the process watching ``run`` ends it, and return when it is closed.

    Raises:
        UsageError: the run has already ended, or no process on this machine watches it.
    """
    if RunStatus(run.status).has_ended:
        raise UsageError(f"run {run.run_id} has ended already: {run.status}")
    job = run.tags.get(tags.JOB)
    if job is None or not (request_stop(jobs_folder(tracking), job) or _cancel_at_scheduler(tracking, job)):
        raise UsageError(
            f"run {run.run_id} is not watched by any process of this machine",
            hint="stop it on the machine where it was started, or use --force if it is no longer running",
        )
    deadline = time.monotonic() + _PATIENCE
    while not RunStatus(tracking.get_run(run.run_id).status).has_ended:
        reap(tracking)  # its watcher may be killed before it ends the run
        if time.monotonic() > deadline:
            raise UsageError(
                f"run {run.run_id} was asked to stop, but is still running", hint="reprise runs logs -f"
            )
        time.sleep(_PAUSE)


def _cancel_at_scheduler(tracking: Tracking, job: str) -> bool:
    """Ask the scheduler to end a job that no process watches; False when it is at none."""
    folder = jobs_folder(tracking) / job
    if not folder.is_dir() or not is_at_scheduler(record := read_record(folder)):
        return False
    cancel_job(record)
    return True


def end_lost_run(tracking: Tracking, run: Run, reason: str | None) -> None:
    """Close a run whose machine or process died, as KILLED with ``reason`` and who said so.

    Raises:
        UsageError: the run has ended already, or its job lives.
    """
    if RunStatus(run.status).has_ended:
        raise UsageError(f"run {run.run_id} has ended already: {run.status}")
    jobs, job = jobs_folder(tracking), run.tags.get(tags.JOB)
    if job is not None and is_held(jobs, job):
        hint = f"stop it with reprise runs stop {run.run_id[:8]}"
        raise UsageError(f"run {run.run_id} is running: a process on this machine watches it", hint=hint)
    if job is not None and (jobs / job).is_dir() and not is_silent(jobs / job, read_record(jobs / job)):
        raise UsageError(
            f"run {run.run_id} is running: its machine gave a sign of life within the last hour",
            hint="stop it on the machine where it was started",
        )
    if job is not None and (jobs / job).is_dir():
        _give_up_job(run, jobs / job)
    who = f"ended by {user_name()} on {os.uname().nodename} with reprise runs stop --force"
    told = f"{reason} ({who})" if reason else who
    tracking.log_batch(run.run_id, tags={tags.REASON: told})
    tracking.update_run(run.run_id, status=RunStatus.KILLED, end_time=now())


def _give_up_job(run: Run, folder: Path) -> None:
    """Let the job of a scheduler go that it does not know any more.

    Raises:
        UsageError: the scheduler says that the job lives.
    """
    record = read_record(folder)
    if not is_at_scheduler(record):
        return
    status = ask_jobs([folder]).get(JobId(record.job_id))
    if status is not None and not status.state.has_ended:
        raise UsageError(
            f"run {run.run_id} is running: its job is {status.state} at the backend {record.backend}",
            hint=f"reprise runs stop {run.run_id[:8]} ends it",
        )
    give_up(folder)
