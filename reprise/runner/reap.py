"""Runs whose watcher has died are closed by whoever looks at their store next."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from reprise.errors import RepriseError
from reprise.runner import sources
from reprise.runner.find import experiment_names
from reprise.runner.lease import (
    CARRIER_LOG,
    Record,
    end_orphans,
    is_silent,
    job_folders,
    read_record,
    unheld,
)
from reprise.runner.record import jobs_folder, keep_logs, tail, tell_outcome
from reprise.runner.records import send
from reprise.schemas import tags
from reprise.schemas.job import Outcome, RunStatus
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)


def reap(tracking: Tracking) -> None:
    """Close every run in ``tracking`` whose watcher has died.

    A store that cannot be written now is left for the next time.
    """
    for folder in job_folders(jobs_folder(tracking)):
        try:
            with unheld(folder) as free:
                if free and _close(tracking, folder):
                    shutil.rmtree(folder, ignore_errors=True)
        except (RepriseError, OSError, ValueError) as error:
            log.debug("cannot close the run of %s: %s", folder, error)


def _close(tracking: Tracking, folder: Path) -> bool:
    """Close the run of a dead watcher; False when it is not ours to close."""
    record = read_record(folder)
    if record.tracking_uri not in (None, tracking.uri) or not is_silent(folder, record):
        return False
    end_orphans(folder.name)
    for run_id in [record.run_id] if record.run_id else _runs_of(tracking, folder.name):
        run = tracking.get_run(run_id)
        if run.tags.get(tags.PROJECT_ENV) == "docker":
            _remove_containers(folder.name)
        if record.status is not None or not RunStatus(run.status).ended:
            outcome = tell_outcome(
                tracking, _outcome(run_id, record, folder), folder, folder, record.end_time
            )
            log.warning("Closed run %s as %s: %s", run_id, outcome.status, outcome.reason or "late news")
        keep_logs(tracking, run_id, folder)
        send(tracking, run_id, folder, folder)
    if record.temporary is not None:
        sources.sweep(Path(record.temporary))
    return True


def _remove_containers(job: str) -> None:
    from reprise.envs import docker

    if docker.unusable() is None:
        docker.remove(job)


def _outcome(run_id: str, record: Record, folder: Path) -> Outcome:
    """What the watcher told before it died, or that it told nothing."""
    if record.status is None:
        reason = f"the process that watched this run died\n{tail(folder / CARRIER_LOG)}".strip()
        return Outcome(run_id, RunStatus.KILLED, reason=reason)
    return Outcome(run_id, RunStatus(record.status), record.exit_code, record.reason)


def _runs_of(tracking: Tracking, job: str) -> list[str]:
    """The run that was opened for ``job`` in the instant before the lease could name it."""
    page = tracking.search_runs(list(experiment_names(tracking)), filter=f"tags.`{tags.JOB}` = '{job}'")
    return [run.run_id for run in page.items]
