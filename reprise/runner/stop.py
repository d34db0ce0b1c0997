"""End a run from outside: its watcher is asked, and does it as it does for Ctrl-C."""

from __future__ import annotations

import time

from reprise.errors import UsageError
from reprise.runner.lease import request_stop
from reprise.runner.reap import reap
from reprise.runner.stores import jobs_folder
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.job import RunStatus
from reprise.tracking.base import Tracking

_PAUSE = 0.1
_PATIENCE = 60.0  # seconds; the grace period of a job is 10 unless its backend config says more


def stop(tracking: Tracking, run: Run) -> None:
    """Ask the process that watches ``run`` to end it, and return when it is closed.

    Raises:
        UsageError: the run has ended already, or nobody on this machine watches it.
    """
    if RunStatus(run.status).ended:
        raise UsageError(f"run {run.run_id} has ended already: {run.status}")
    job = run.tags.get(tags.JOB)
    if job is None or not request_stop(jobs_folder(tracking), job):
        raise UsageError(
            f"run {run.run_id} is not watched by any process of this machine",
            hint="stop it where it was started",
        )
    deadline = time.monotonic() + _PATIENCE
    while not RunStatus(tracking.get_run(run.run_id).status).ended:
        reap(tracking)  # its watcher may be killed instead of doing what it was asked
        if time.monotonic() > deadline:
            raise UsageError(f"run {run.run_id} was asked to end, but goes on", hint="reprise runs logs -f")
        time.sleep(_PAUSE)
