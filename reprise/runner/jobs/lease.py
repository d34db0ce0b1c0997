"""The lease of a run: a job folder with a lock that the operating system releases when its holder dies.

``<jobs>/<name>/lease`` is locked with ``flock`` from before the run is opened until it is closed, and
contains the run id. It has its full size from the start, so that the end of the run can be written even if
the disk is full. A lease without a holder is closed by the next process that looks (``reap.py``), so a run
is never stuck in RUNNING.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from reprise import disk, durable, file_lock, paths
from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas.job import JobId, Outcome
from reprise.schemas.json_text import read_json

CARRIER_LOG = "carrier.log"
"""In a job's folder: the message of the process of a detached run."""

_LEASE = "lease"
_SIZE = 16384  # bytes; a record is shorter
_REASON_LIMIT = 2000  # characters
_STOP = "stop"
_GIVEN_UP = "given-up"
_HIDDEN = "."  # names of entries that are not jobs, or not yet
_BEAT = 60.0  # seconds
_SILENCE = 3600.0  # seconds without a beat after which the lease of another machine is believed free


class Lease(NamedTuple):
    """A job folder that this process holds; ``descriptor`` carries the lock."""

    folder: Path
    descriptor: int

    @classmethod
    def take(cls, jobs: Path, tracking_uri: str | None, temporary: Path | None) -> Self:
        """Create a job folder under ``jobs`` and hold it.

        Args:
            tracking_uri: the store of its run; None if ``jobs`` is in that store.
            temporary: a folder that is removed when its run is closed.

        Raises:
            TrackingError: the folder cannot be written.
        """
        name = os.urandom(8).hex()
        descriptor = None
        try:
            paths.make_private(jobs.parent)  # the store's, or our state
            with file_lock.arriving_folder(jobs, mode=0o700) as making:  # not visible before it is held
                descriptor = os.open(making / _LEASE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                _write(
                    descriptor, LeaseRecord(tracking_uri, temporary=str(temporary) if temporary else None)
                )
                durable.put_in_place(making, jobs / name)
            return cls(jobs / name, descriptor)
        except OSError as error:
            if descriptor is not None:
                os.close(descriptor)
            raise TrackingError(
                f"cannot write to {jobs}: {disk.reason_of(error, jobs)}",
                hint="another store is named by --tracking-uri or MLFLOW_TRACKING_URI",
            ) from error

    @property
    def name(self) -> str:
        return self.folder.name

    def names(self, run_id: str) -> None:
        """Record which run this job carries."""
        _write(self.descriptor, read_record(self.folder)._replace(run_id=run_id))

    def submits(self, backend: str, job_id: JobId, *, outlives_us: bool) -> None:
        """Record where the job is going to be, before it is there: no job is lost with its submitter."""
        record = read_record(self.folder)._replace(backend=backend, job_id=job_id, outlives_us=outlives_us)
        _write(self.descriptor, record)

    def has_submitted(self) -> None:
        """Record that the backend has taken the job."""
        _write(self.descriptor, read_record(self.folder)._replace(is_submitted=True))

    def ends(self, outcome: Outcome, end_time: int) -> None:
        """Record how the run ended and when (ms since the epoch), before the store gets it."""
        record = read_record(self.folder)._replace(
            run_id=outcome.run_id,
            status=outcome.status,
            exit_code=outcome.exit_code,
            reason=outcome.reason[:_REASON_LIMIT],
            end_time=end_time,
        )
        _write(self.descriptor, record)

    def stop_requested(self) -> bool:
        return (self.folder / _STOP).exists()

    def beat(self) -> None:
        """Show other machines, which do not see our lock, that the run is watched; rate-limited."""
        # Also if the clock was set back, and the last beat is in the future.
        if abs(time.time() - os.fstat(self.descriptor).st_mtime) > _BEAT:
            os.utime(self.descriptor)

    def abandon(self) -> None:
        """Release the lease, and leave the folder to the next process that looks."""
        os.close(self.descriptor)

    def release(self) -> None:
        """The run is closed: the folder goes, then the lock."""
        durable.remove_folder(self.folder)
        os.close(self.descriptor)


class LeaseRecord(NamedTuple):
    """The content of a job folder, for the process that has to close its run.

    ``backend`` and ``job_id`` are empty until the job is being submitted, ``is_submitted`` says that the
    backend took it. ``outlives_us``: a scheduler has it,
    and decides when it is over.
    """

    tracking_uri: str | None
    run_id: str | None = None
    temporary: str | None = None
    status: str | None = None  # None: its holder died before
    exit_code: int | None = None
    reason: str = ""
    end_time: int | None = None
    backend: str = ""
    job_id: str = ""
    outlives_us: bool = False
    is_submitted: bool = False
    host: str = os.uname().nodename


def request_stop(jobs: Path, name: str) -> bool:
    """Request that the holder of the job ``name`` ends it; return False if it has no holder."""
    if not is_held(jobs, name):
        return False
    (jobs / name / _STOP).touch()
    return True


def is_held(jobs: Path, name: str) -> bool:
    """Return whether a process watches the job."""
    with unheld(jobs / name) as free:
        return not free and (jobs / name / _LEASE).exists()


def job_lives(jobs: Path, name: str) -> bool:
    """Return whether the job's run is running: a process watches it, or a scheduler still has it."""
    if is_held(jobs, name):
        return True
    try:
        return is_at_scheduler(read_record(jobs / name))
    except (OSError, ValueError):
        return False


def is_at_scheduler(record: LeaseRecord) -> bool:
    """Whether the job may live, though no process watches it."""
    return record.outlives_us and record.status is None


@contextmanager
def unheld(folder: Path) -> Iterator[bool]:
    """Hold the folder's lease for the block if it is free; yield whether it is held."""
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


def job_folders(jobs: Path) -> list[Path]:
    """Return the folders of all jobs, held or not; empty if there are none or they are not readable."""
    try:
        return [folder for folder in jobs.iterdir() if not folder.name.startswith(_HIDDEN)]
    except OSError:
        return []


def give_up(folder: Path) -> None:
    """Record that the user says that the job is gone, whatever its backend does not say."""
    (folder / _GIVEN_UP).touch()


def is_given_up(folder: Path, record: LeaseRecord) -> bool:
    """Whether a job that its backend does not mention is gone: by the user's word, or never submitted."""
    if (folder / _GIVEN_UP).exists():
        return True
    return not record.is_submitted and time.time() - (folder / _LEASE).stat().st_mtime > _SILENCE


def is_silent(folder: Path, record: LeaseRecord) -> bool:
    """Whether a lease that we could take is really free.

    A network file system may not show us the lock of another machine; its beat is seen there.
    """
    if record.host == os.uname().nodename:
        return True
    return time.time() - (folder / _LEASE).stat().st_mtime > _SILENCE


def _write(descriptor: int, record: LeaseRecord) -> None:
    os.pwrite(descriptor, json.dumps(record._asdict()).encode().ljust(_SIZE), 0)


def read_record(folder: Path) -> LeaseRecord:
    """Return the record in the job folder; after a power failure its run may be unknown.

    Raises:
        ValueError: it is invalid, or of another version.
    """
    data = (folder / _LEASE).read_bytes().strip(b"\0 ")
    if not data and folder.parent != paths.state_dir() / "jobs":
        return LeaseRecord(None)
    fields = read_json(data)
    if not isinstance(fields, dict) or not fields.keys() <= set(LeaseRecord._fields):
        raise ValueError(f"{folder / _LEASE} is not a record of a job")
    return LeaseRecord(**fields)
