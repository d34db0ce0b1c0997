"""Jobs as processes of this machine: one process group each, ended as a whole."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType

from reprise import units
from reprise.backends import base
from reprise.backends.guard import ProcessGuard, end_group, signal_group
from reprise.backends.orphans import end_carriers, end_orphans
from reprise.backends.shares import check_share, share_out
from reprise.backends.terminal import Streams
from reprise.children import Child, Ending
from reprise.errors import RepriseError, SubmitError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.process import patched, run
from reprise.schemas.job import Job, JobId, JobStatus, Resources, RunStatus, Usage

log = logging.getLogger(__name__)

NAME = "local"
IS_SCHEDULER = False

_NONE = 0  # the signal that only checks whether the process exists
_REST_GRACE = 1.0  # seconds
_RELEASE_SECONDS = 60.0


class LocalConfig(NamedTuple):
    """``grace_period``: seconds between SIGTERM (or Ctrl-C) and SIGKILL."""

    grace_period: float = 10.0


CONFIG = LocalConfig


class _RunningJob:
    """A running job, and the thread that carries its output."""

    def __init__(self, job: Job, config: LocalConfig) -> None:
        self.grace = config.grace_period
        self.cancelled = False
        self._command = job.command
        self._time_limit: threading.Timer | None = None
        self._overdue = ""
        self._ending = Ending(None)
        self._wall_seconds: float | None = None
        self._started = time.monotonic()
        self.ended = threading.Event()
        self._streams = Streams(
            job.log, job.secrets, attached=job.attached, stdout_to_stderr=job.stdout_to_stderr
        )
        try:
            self._process = Child(
                job.command.argv,
                cwd=job.command.cwd,
                env=patched(os.environ, dict(job.command.environ)),
                stdin=self._streams.stdin,
                stdout=self._streams.stdout,
                stderr=self._streams.stderr,
                start_new_session=True,
            )
        except OSError as error:
            self._streams.close()
            raise SubmitError(
                f'cannot start "{job.command.argv[0]}" in {job.command.cwd}: {error.strerror}',
                hint="commands run under bash; is it installed and on PATH?",
            ) from error
        try:
            self._guard = ProcessGuard(self.group, self.grace, job.command.release)
        except OSError as error:
            end_group(self.group, grace=0)
            self._process.wait()
            self._streams.close()
            raise SubmitError(f"cannot guard the job: {error.strerror}") from error
        self._thread = threading.Thread(target=self._carry, name=f"output of {self.group}", daemon=True)
        self._thread.start()
        self._limit_time(job.resources.time)

    @property
    def group(self) -> int:
        return self._process.pid

    def _limit_time(self, seconds: float | None) -> None:
        """End the job when it has taken so many seconds."""
        if seconds is None:
            return

        def end() -> None:
            if not self.ended.is_set():
                self._overdue = f"ended by its time limit of {units.duration(seconds)}"
                end_group(self.group, self.grace)

        self._time_limit = threading.Timer(seconds, end)
        self._time_limit.daemon = True
        self._time_limit.start()

    def _carry(self) -> None:
        """Copy the output to the end; on any error, still wait for the job and report its end."""
        with ExitStack() as last_first:
            last_first.callback(self._tell_end)
            last_first.callback(self._guard.dismiss)
            last_first.callback(self._streams.close)
            last_first.callback(self._release)
            last_first.callback(self._streams.drain)
            last_first.callback(self._end_rest)
            last_first.callback(self._await_end)
            exit_descriptor = self._process.end_descriptor()
            if exit_descriptor is not None:
                last_first.callback(os.close, exit_descriptor)
            try:
                self._streams.started()
                self._streams.pump(lambda: self._process.poll() is not None, exit_descriptor)
            except Exception:
                log.exception("the output of the job cannot be carried on")
                self._streams.close()  # a child without a reader must not block

    def _tell_end(self) -> None:
        with _changed:
            self.ended.set()
            _changed.notify_all()

    def _await_end(self) -> None:
        self._ending = self._process.wait()
        self._wall_seconds = round(time.monotonic() - self._started, 3)
        if self._time_limit is not None:
            self._time_limit.cancel()

    def _end_rest(self) -> None:
        """What the job left in the background ends with it; when cancelled, after its grace period."""
        if self.cancelled:
            end_group(self.group, self.grace, _NONE)
        else:
            end_group(self.group, _REST_GRACE)

    def _release(self) -> None:
        """Remove what the job has outside of its group; usually it is already removed."""
        if self._command.release:
            try:
                run(self._command.release, check=False, timeout=_RELEASE_SECONDS)
            except RepriseError as error:
                log.warning("what the job has left behind may still be there: %s", error)

    def cancel(self, number: signal.Signals) -> None:
        if not self.ended.is_set():
            self.cancelled = True
            end_group(self.group, self.grace, number)
        self._thread.join()

    def rest(self) -> None:
        """Stop, and give the terminal back, until SIGCONT."""
        self._streams.rest()
        signal_group(self.group, signal.SIGSTOP)

    def status(self) -> JobStatus:
        if not self.ended.is_set():
            return JobStatus(RunStatus.RUNNING)
        code = self._ending.exit_code
        usage = Usage(self._wall_seconds, self._ending.cpu_seconds, self._ending.peak_memory)
        if self.cancelled:
            return JobStatus(RunStatus.KILLED, code, "cancelled", usage)
        if self._overdue:
            return JobStatus(RunStatus.FAILED, code, self._overdue, usage)
        cut_short = self._streams.log_fault and f"its log is not complete: {self._streams.log_fault}"
        if code == 0 and not cut_short:
            return JobStatus(RunStatus.FINISHED, code, usage=usage)
        reason = "exit code 0" if code == 0 else _reason(code, dict(self._command.meanings))
        return JobStatus(RunStatus.FAILED, code, f"{reason}; {cut_short}" if cut_short else reason, usage)


_jobs: dict[JobId, _RunningJob] = {}
"""The jobs of this process: a child belongs to the process that started it."""
_changed = threading.Condition()
"""Notified when a job of this process has ended."""


assign_ids = base.assign_names
reach = base.at_loopback
bring_output = base.prints_there


def check(resources: Resources, config: LocalConfig) -> Sequence[str]:
    if config.grace_period < 0:
        raise UsageError(f"backend config: grace_period is {config.grace_period:g}, below 0")
    return check_share(resources)


def prepare(job: Job, config: LocalConfig) -> Job:
    return share_out(job)


def submit(jobs: Mapping[JobId, Job], config: LocalConfig) -> None:
    started: list[JobId] = []
    try:
        for job_id, job in jobs.items():
            _jobs[job_id] = _RunningJob(job, config)
            started.append(job_id)
    except BaseException:
        cancel(started)
        clean_up(started)
        raise


def wait(ids: Sequence[JobId], timeout: float) -> bool:
    """Return when one of the jobs has ended, or another one of this process."""
    running = [_jobs[job_id] for job_id in ids if job_id in _jobs]
    others = _count_ended()
    with _stopping_with_us(running), _changed:
        _changed.wait_for(
            lambda: any(job.ended.is_set() for job in running) or _count_ended() > others, timeout
        )
    return True


def poll(ids: Sequence[JobId]) -> dict[JobId, JobStatus]:
    return {job_id: _jobs[job_id].status() for job_id in ids if job_id in _jobs}


def cancel(ids: Sequence[JobId], *, interrupted: bool = False) -> None:
    """End the jobs with all processes that have their name, carriers of runs that they started first."""
    for job_id in ids:
        if (job := _jobs.get(job_id)) is not None:
            asked = end_carriers(job_id)
            job.cancel(signal.SIGINT if interrupted else signal.SIGTERM)
            end_orphans(job_id, asked)


def clean_up(ids: Sequence[JobId]) -> None:
    """Forget the jobs of this process; of one that has died, end the processes."""
    for job_id in ids:
        if _jobs.pop(job_id, None) is None:
            end_orphans(job_id)


def _count_ended() -> int:
    return sum(job.ended.is_set() for job in [*_jobs.values()])


@contextmanager
def _stopping_with_us(jobs: Sequence[_RunningJob]) -> Iterator[None]:
    """Within, Ctrl-Z stops the jobs too, which then continue when we do."""

    def stop(number: int, frame: FrameType | None) -> None:
        for job in jobs:
            job.rest()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)  # here we are suspended until SIGCONT
        signal.signal(signal.SIGTSTP, stop)
        for job in jobs:
            signal_group(job.group, signal.SIGCONT)

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)


def _reason(code: int | None, meanings: Mapping[int, str]) -> str:
    if code is None:
        return "its exit code is not known: other code of this process took it (os.wait or SIGCHLD)"
    if code >= 0:
        return f"exit code {code}" + (f": {meanings[code]}" if code in meanings else "")
    name = signal.Signals(-code).name
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
