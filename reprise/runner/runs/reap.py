"""Close runs whose watcher has died; every command on their store does this first."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from reprise import durable, paths
from reprise.envs import registry as envs
from reprise.errors import RepriseError
from reprise.runner.jobs.lease import (
    CARRIER_LOG,
    LeaseRecord,
    is_at_scheduler,
    is_silent,
    job_folders,
    read_record,
    unheld,
)
from reprise.runner.jobs.stores import artifact_folder, jobs_folder
from reprise.runner.record.records import send_record
from reprise.runner.runs.lifecycle import keep_logs, tail, tell_outcome
from reprise.runner.runs.sweep import sweep_cache, sweep_store
from reprise.runner.sources import working_copy
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.job import JobId, JobStatus, Outcome, RunStatus

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_SERVER_PAUSE = 30.0  # seconds between two looks of a process that stays
_BOOTS = "boots-v1"
"""Return the cache folder that notes the last check of each store by boot of the machine."""


def reap(tracking: Tracking) -> None:
    """Close every run in ``tracking`` whose watcher has died, and remove what dead processes left behind.

    For a job at a scheduler, the scheduler is queried, and the run is closed when the job has ended. A
    store that cannot be written now is left for the next time.
    """
    folders = job_folders(jobs_folder(tracking))
    living = cache(lambda: _ask_jobs(folders))  # one query for all, and none if all jobs are watched
    for folder in folders:
        try:
            with unheld(folder) as free:
                if free and _close(tracking, folder, living):
                    durable.remove_folder(folder)
        except (RepriseError, OSError, ValueError) as error:
            log.debug("cannot close the run of %s: %s", folder, error)
    try:
        _close_lost(tracking)
    except (RepriseError, OSError) as error:
        log.debug("cannot look for runs of an earlier start of the machine: %s", error)
    sweep_store(tracking)
    sweep_cache()


@contextmanager
def reaping(tracking: Tracking) -> Iterator[None]:
    """Within, :func:`reap` is called now and then, for a process that stays: a server."""
    is_over = threading.Event()

    def reap_often() -> None:
        while not is_over.is_set():
            try:
                reap(tracking)
            except Exception:  # the server continues, whatever state the store's folder is in
                log.warning("runs whose processes have died cannot be closed", exc_info=True)
            is_over.wait(_SERVER_PAUSE)

    thread = threading.Thread(target=reap_often, name="reap", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _close_lost(tracking: Tracking) -> None:
    """Close runs whose job folders a power cut took; looked for once after each start of the machine."""
    jobs = jobs_folder(tracking)
    if tracking.home is None or not tracking.exists or not jobs.is_dir():
        return
    key = hashlib.sha256(os.fsencode(f"{os.uname().nodename}\0{tracking.uri}")).hexdigest()[:32]
    note, boot = paths.cache_dir() / _BOOTS / key, durable.current_boot()
    if not boot or (note.exists() and note.read_text() == boot):
        return
    for run in _running(tracking):
        if _is_lost(tracking, run, jobs):
            folder = artifact_folder(tracking, run.run_id) or jobs
            reason = "the machine stopped during this run"
            tell_outcome(tracking, Outcome(run.run_id, RunStatus.KILLED, reason=reason), folder, folder)
            log.warning("Closed run %s as KILLED: %s", run.run_id, reason)
    durable.write_note(note, boot)


def _is_lost(tracking: Tracking, run: Run, jobs: Path) -> bool:
    """Whether a run that was listed as RUNNING has no job folder, which goes after the run has ended."""
    job = run.tags.get(tags.JOB)
    if not job or (jobs / job).exists() or tags.COPIED_FROM in run.tags or run.end_time is not None:
        return False
    return not RunStatus(tracking.get_run(run.run_id).status).has_ended


def _running(tracking: Tracking) -> Iterator[Run]:
    from reprise.runner.jobs.find import experiment_names, iterate_runs

    experiments = list(experiment_names(tracking))
    for status in (RunStatus.RUNNING, RunStatus.SCHEDULED):
        yield from iterate_runs(tracking, experiments, f"status = '{status}'")


def _ask_jobs(folders: Sequence[Path]) -> Mapping[JobId, JobStatus]:
    from reprise.runner.runs.adopting import ask_jobs

    return ask_jobs(folders)


def _close(tracking: Tracking, folder: Path, living: Callable[[], Mapping[JobId, JobStatus]]) -> bool:
    """Close the run of a dead watcher; return False if we must not close it."""
    from reprise.runner.runs.adopting import adopt_job, clean_up_job

    record = read_record(folder)
    if record.tracking_uri not in (None, tracking.uri) or not is_silent(folder, record):
        return False
    if is_at_scheduler(record):
        ended = adopt_job(tracking, record, folder, living().get(JobId(record.job_id)))
        if ended is None:
            return False
        record = ended
    clean_up_job(record, folder.name)
    for run_id in [record.run_id] if record.run_id else _runs_of(tracking, folder.name):
        run = tracking.get_run(run_id)
        if (manager := envs.MANAGERS.get(run.tags.get(tags.PROJECT_ENV, ""))) is not None:
            manager.remove_left_behind(folder.name)
        if record.status is not None or not RunStatus(run.status).has_ended:
            outcome = tell_outcome(
                tracking, _outcome(run_id, record, folder), folder, folder, record.end_time
            )
            log.warning("Closed run %s as %s: %s", run_id, outcome.status, outcome.reason or "late news")
        keep_logs(tracking, run_id, folder)
        send_record(tracking, run_id, folder, folder)
    if record.temporary is not None:
        working_copy.sweep_folder(Path(record.temporary))
    return True


def _outcome(run_id: str, record: LeaseRecord, folder: Path) -> Outcome:
    """Return the reason noted by the watcher before it died, or that it died without one."""
    if record.status is None:
        reason = f"the process that watched this run died\n{tail(folder / CARRIER_LOG)}".strip()
        return Outcome(run_id, RunStatus.KILLED, reason=reason)
    return Outcome(run_id, RunStatus(record.status), record.exit_code, record.reason)


def _runs_of(tracking: Tracking, job: str) -> list[str]:
    """The run that was opened for ``job`` in the instant before the lease could name it."""
    from reprise.runner.jobs.find import experiment_names

    page = tracking.search_runs(list(experiment_names(tracking)), filter=f"tags.`{tags.JOB}` = '{job}'")
    return [run.run_id for run in page.items]
