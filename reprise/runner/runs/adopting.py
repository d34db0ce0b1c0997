"""Jobs that have outlived the process that submitted them: query their state from their backend."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.backends import local, registry
from reprise.backends.base import Backend
from reprise.backends.output_copy import OutputCopy
from reprise.backends.watch import watch_of
from reprise.runner.jobs.lease import LeaseRecord, is_at_scheduler, is_given_up, read_record
from reprise.runner.jobs.stores import artifact_folder
from reprise.runner.runs.lifecycle import LOG_ARTIFACT
from reprise.runner.runs.performing import SECRETS, tell_state
from reprise.schemas.job import OUTPUT, JobId, JobStatus, RunStatus

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)


def backend_of(record: LeaseRecord) -> Backend:
    """Return the backend of a job folder; a job that was not submitted has its processes on this machine.

    Raises:
        UsageError: the package that brings it is not installed here.
    """
    return registry.get(record.backend or local.NAME)


def ask_jobs(folders: Iterable[Path]) -> dict[JobId, JobStatus]:
    """Return the states of the jobs of ``folders`` that schedulers have; unknown jobs are left out.

    Each scheduler is queried once for all of them.
    """
    ids: dict[str, list[JobId]] = {}
    for folder in folders:
        try:
            record = read_record(folder)
        except (OSError, ValueError):
            continue  # it was removed meanwhile, or is not ours
        if is_at_scheduler(record):
            ids.setdefault(record.backend, []).append(JobId(record.job_id))
    found: dict[JobId, JobStatus] = {}
    for name, jobs in ids.items():
        found |= watch_of(name).look(jobs)
    return found


def adopt_job(
    tracking: Tracking, record: LeaseRecord, folder: Path, status: JobStatus | None
) -> LeaseRecord | None:
    """Return ``record`` with how its job ended; None while it lives or is not known.

    The store and the run's log get what is new of it.
    """
    assert record.run_id is not None
    backend, job_id = backend_of(record), JobId(record.job_id)
    backend.bring_output(job_id, folder / OUTPUT)
    place = artifact_folder(tracking, record.run_id) or folder
    copy = OutputCopy(folder / OUTPUT, place / LOG_ARTIFACT, _read_secrets(folder))
    if status is None and is_given_up(folder, record):
        status = JobStatus(RunStatus.KILLED, message=f"backend {backend.NAME} does not know its job")
    if status is None or not status.state.has_ended:
        copy.advance()
        if status is not None and status.state is RunStatus.RUNNING:
            tell_state(tracking, record.run_id, status)
        return None
    copy.finish()
    watch_of(backend.NAME).forget(job_id)
    return record._replace(status=status.state, exit_code=status.exit_code, reason=status.message)


def cancel_job(record: LeaseRecord) -> None:
    """Cancel the job of a run that none of our processes watches at its backend."""
    backend_of(record).cancel([JobId(record.job_id)])


def clean_up_job(record: LeaseRecord, name: str) -> None:
    """Remove what the job called ``name`` has left behind."""
    backend_of(record).clean_up([JobId(record.job_id or name)])


def _read_secrets(folder: Path) -> tuple[str, ...]:
    path = folder / SECRETS
    return tuple(json.loads(path.read_text())) if path.exists() else ()
