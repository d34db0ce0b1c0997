"""A job at its backend: submit it, update its status in the store, and follow it to its end."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reprise import durable, process
from reprise.backends.base import Backend
from reprise.backends.watch import watch_of
from reprise.errors import RepriseError
from reprise.named_tuple import NamedTuple
from reprise.runner.jobs.lease import Lease
from reprise.runner.jobs.signals import shielded
from reprise.schemas.job import Job, JobId, JobStatus, RunStatus

if TYPE_CHECKING:
    from reprise.backends.output_copy import OutputCopy
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

SECRETS = "secrets.json"
"""In the folder of a scheduler's job: what another process that closes its run masks in its log."""

_CANCEL_PATIENCE = 60.0  # seconds that a scheduler has to end a job
_LOOK_PAUSE = 0.5  # seconds between looks for a request to stop


class Placed(NamedTuple):
    """A job with its id at the backend where it is performed."""

    backend: Backend
    job_id: JobId
    job: Job


def tell_state(tracking: Tracking, run_id: str, status: JobStatus) -> None:
    """Store that a job is waiting, with the reason, or has started.

    A status set by the run's own script is kept.
    """
    try:
        if status.state is RunStatus.SCHEDULED:
            tracking.update_run(run_id, status=RunStatus.SCHEDULED)
        elif tracking.get_run(run_id).status == RunStatus.SCHEDULED:
            tracking.update_run(run_id, status=RunStatus.RUNNING)
    except RepriseError as error:
        log.warning("Could not store yet that run %s is %s: %s", run_id, status.state, error)
    if status.message:
        log.info("Run %s is %s: %s", run_id, status.state, status.message)


def perform_job(
    backend: Backend,
    config: Any,
    job: Job,
    lease: Lease,
    tell: Callable[[JobStatus], None],
    started: Callable[[], None],
) -> JobStatus:
    """Submit a job and wait until it has ended; an exception or signal cancels it.

    Args:
        tell: called with the state of a waiting job whenever it changes.
        started: called when the job is submitted.
    """
    placed, is_over = None, True
    try:
        if lease.stop_requested():
            return JobStatus(RunStatus.KILLED, None, "stopped before it started")
        with shielded():
            placed = submit_job(backend, config, job, lease, tell)
        started()
        return _follow(placed, lease, tell)
    except BaseException as reason:
        if placed is not None:
            is_over = _cancel(placed, interrupted=type(reason) is KeyboardInterrupt)
        raise
    finally:
        if placed is None and job.command.release:
            process.run(job.command.release, check=False)
        elif placed is not None:
            watch_of(backend.NAME).forget(placed.job_id)
            if is_over:
                backend.clean_up([placed.job_id])


def submit_job(
    backend: Backend, config: Any, job: Job, lease: Lease, tell: Callable[[JobStatus], None]
) -> Placed:
    """Submit a job whose id the lease has first."""
    (job_id,) = backend.assign_ids([job], config)
    lease.submits(backend.NAME, job_id, outlives_us=backend.IS_SCHEDULER)
    if backend.IS_SCHEDULER:
        if job.secrets:
            durable.write_note(job.folder / SECRETS, json.dumps(job.secrets))
        tell(JobStatus(RunStatus.SCHEDULED))
    backend.submit({job_id: job}, config)
    if backend.IS_SCHEDULER:
        lease.has_submitted()
    return Placed(backend, job_id, job)


def _copy_output(job: Job) -> OutputCopy:
    from reprise.backends.output_copy import OutputCopy

    return OutputCopy(job.output, job.log, job.secrets, _show_of(job))


def _follow(placed: Placed, lease: Lease, tell: Callable[[JobStatus], None]) -> JobStatus:
    backend, job_id, job = placed
    watch = watch_of(backend.NAME)
    copy = _copy_output(job) if backend.IS_SCHEDULER else None
    state, is_cancelled = RunStatus.SCHEDULED if backend.IS_SCHEDULER else RunStatus.RUNNING, False
    while True:
        status = watch.wait(job_id, _LOOK_PAUSE)
        if copy is not None:
            backend.bring_output(job_id, job.output)
            copy.advance()
        if status is not None and status.state.has_ended:
            if copy is not None:
                copy.finish()
            return status
        if status is not None and status.state is not state:
            state = status.state
            tell(status)
        if lease.stop_requested() and not is_cancelled:
            backend.cancel([job_id])
            is_cancelled = True
        lease.beat()


def _cancel(placed: Placed, *, interrupted: bool) -> bool:
    """End a job, and wait for that; False where its backend does not confirm it in time."""
    backend, job_id, job = placed
    backend.cancel([job_id], interrupted=interrupted)
    if not backend.IS_SCHEDULER:
        return True
    deadline = time.monotonic() + _CANCEL_PATIENCE
    while time.monotonic() < deadline:
        status = watch_of(backend.NAME).wait(job_id, _LOOK_PAUSE)
        if status is not None and status.state.has_ended:
            backend.bring_output(job_id, job.output)
            _copy_output(job).finish()
            return True
    log.warning("Backend %s was asked to end job %s, and has not confirmed it", backend.NAME, job_id)
    return False


def _show_of(job: Job) -> Callable[[bytes], object] | None:
    """What shows the output of a scheduler's job where we are."""
    if not job.attached:
        return None
    stream = sys.stderr if job.stdout_to_stderr else sys.stdout

    def show(data: bytes) -> None:
        stream.write(data.decode("utf-8", "replace"))
        stream.flush()

    return show
