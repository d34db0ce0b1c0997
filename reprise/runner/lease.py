"""Who watches a run: a job folder with a lock that the operating system frees when its holder dies.

``<jobs>/<name>/lease`` is held with ``flock`` from before the run is opened until it is closed, and
names the run. A lease that can be taken belongs to nobody any more: its run is closed as KILLED by
whoever looks next (:func:`reap`). A run is therefore never RUNNING for ever.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from reprise.errors import RepriseError
from reprise.paths import write_atomically
from reprise.schemas import tags
from reprise.schemas.job import Outcome, RunStatus
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

JOB_VARIABLE = "REPRISE_JOB"

_LEASE = "lease"
_RECORD = "job.json"
_STOP = "stop"
_MAKING = ".making-"
_BEAT = 60.0  # seconds
_SILENCE = 3600.0  # seconds without a beat after which the lease of another machine is believed free


class Lease(NamedTuple):
    """A job folder that this process holds; ``descriptor`` carries the lock."""

    folder: Path
    descriptor: int

    @classmethod
    def take(cls, jobs: Path, tracking_uri: str | None, temporary: Path | None) -> Self:
        """Make a job folder under ``jobs`` and hold it.

        Args:
            tracking_uri: the store of its run; None when ``jobs`` lies in that store.
            temporary: a folder that goes when its run is closed.
        """
        name = os.urandom(8).hex()
        making = jobs / f"{_MAKING}{name}"  # not to be seen before it is held
        making.mkdir(parents=True, mode=0o700)
        descriptor = os.open(making / _LEASE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _write_record(making, _Record(tracking_uri, temporary=str(temporary) if temporary else None))
        return cls(making.rename(jobs / name), descriptor)

    @property
    def name(self) -> str:
        return self.folder.name

    def names(self, run_id: str) -> None:
        """Record which run this job carries."""
        _write_record(self.folder, _read_record(self.folder)._replace(run_id=run_id))

    def ends(self, outcome: Outcome) -> None:
        """Record how the run ended, before the store is told."""
        record = _read_record(self.folder)._replace(
            run_id=outcome.run_id,
            status=outcome.status,
            exit_code=outcome.exit_code,
            reason=outcome.reason,
        )
        _write_record(self.folder, record)

    def stop_requested(self) -> bool:
        return (self.folder / _STOP).exists()

    def beat(self) -> None:
        """Show that somebody watches, to machines that do not see our lock; called often, done seldom."""
        if time.time() - os.fstat(self.descriptor).st_mtime > _BEAT:
            os.utime(self.descriptor)

    def abandon(self) -> None:
        """Let go, and leave the folder to whoever looks next."""
        os.close(self.descriptor)

    def release(self) -> None:
        """The run is closed: the folder goes, then the lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self.descriptor)


class _Record(NamedTuple):
    """What a job folder says of its run, for whoever has to close it."""

    tracking_uri: str | None
    run_id: str | None = None
    temporary: str | None = None
    status: str = RunStatus.KILLED
    exit_code: int | None = None
    reason: str = "the process that watched this run died"
    host: str = os.uname().nodename


def request_stop(jobs: Path, name: str) -> bool:
    """Ask the holder of the job ``name`` to end it; False when nobody holds it."""
    folder = jobs / name
    if not (folder / _LEASE).exists():
        return False
    with _unheld(folder) as free:
        if free:
            return False
    (folder / _STOP).touch()
    return True


def reap(tracking: Tracking, jobs: Path) -> None:
    """Close every run in ``tracking`` whose holder has died.

    A store that cannot be written now is left for the next time.
    """
    try:
        folders = list(jobs.iterdir())
    except OSError:  # none yet, or not ours to look into
        return
    for folder in folders:
        if folder.name.startswith(_MAKING):
            continue
        try:
            with _unheld(folder) as free:
                if free and _reap_one(tracking, folder):
                    shutil.rmtree(folder, ignore_errors=True)
        except (RepriseError, OSError, ValueError) as error:
            log.debug("cannot close the run of %s: %s", folder, error)


@contextmanager
def _unheld(folder: Path) -> Iterator[bool]:
    """Hold the folder's lease for the block when nobody does; yields whether that is so."""
    try:
        descriptor = os.open(folder / _LEASE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        # between our open and our lock the holder may have released it and removed the folder
        yield (folder / _LEASE).exists()
    finally:
        os.close(descriptor)


def _reap_one(tracking: Tracking, folder: Path) -> bool:
    """Close the run of a dead holder; False when it is not ours to close."""
    record = _read_record(folder)
    if record.tracking_uri not in (None, tracking.uri):
        return False
    if record.host != os.uname().nodename and time.time() - (folder / _LEASE).stat().st_mtime < _SILENCE:
        return False  # a network file system may not show us the lock of a live one
    _end_orphans(folder.name)
    for run_id in [record.run_id] if record.run_id else _runs_of(tracking, folder.name):
        if not RunStatus(tracking.get_run(run_id).status).ended:
            told = {tags.REASON: record.reason}
            if record.exit_code is not None:
                told[tags.EXIT_CODE] = str(record.exit_code)
            tracking.log_batch(run_id, tags=told)
            tracking.update_run(run_id, status=record.status, end_time=now())
            log.warning("Closed run %s as %s: %s", run_id, record.status, record.reason)
    if record.temporary is not None:
        shutil.rmtree(record.temporary, ignore_errors=True)
    return True


def _runs_of(tracking: Tracking, job: str) -> list[str]:
    """The run that was opened for ``job`` in the instant before the lease could name it."""
    experiments = [found.experiment_id for found in tracking.search_experiments().items]
    page = tracking.search_runs(experiments, filter=f"tags.`{tags.JOB}` = '{job}'")
    return [run.run_id for run in page.items]


def _end_orphans(job: str) -> None:
    """End the process groups that a job left behind, where its guard was killed as well."""
    import psutil

    from reprise.backends.guard import end_group

    groups = set()
    for process in psutil.process_iter():
        try:
            if process.environ().get(JOB_VARIABLE) == job:
                groups.add(os.getpgid(process.pid))
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's
    for group in groups:
        end_group(group, grace=5.0)


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _write_record(folder: Path, record: _Record) -> None:
    write_atomically(folder / _RECORD, json.dumps(record._asdict()))


def _read_record(folder: Path) -> _Record:
    """Raises ValueError for what we did not write, or not in this version."""
    fields = json.loads((folder / _RECORD).read_text())
    if not isinstance(fields, dict) or not fields.keys() <= set(_Record._fields):
        raise ValueError(f"{folder / _RECORD} is no record of a job")
    return _Record(**fields)
