"""One question for all jobs of this process that are at one backend, however many threads wait for them.

The threads take turns: one of them waits at the backend and asks for all, the others wait for its answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from functools import cache

from reprise.backends import registry
from reprise.backends.base import Backend
from reprise.schemas.job import JobId, JobStatus

log = logging.getLogger(__name__)

_FIRST_PAUSE = 1.0  # seconds between two questions to an engine that cannot wake us ...
_LONGEST_PAUSE = 30.0  # ... which grow while nothing changes
_GROWTH = 1.3


@cache
def watch_of(name: str) -> JobWatch:
    """Return the watch of this process over the jobs at the backend called ``name``."""
    return JobWatch(registry.get(name))


class JobWatch:
    """The last known states of jobs from their backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._answered = threading.Condition()
        self._jobs: dict[JobId, JobStatus | None] = {}
        self._is_asking = False
        self._is_silent = False
        self._pause = _FIRST_PAUSE
        self._next = 0.0

    def wait(self, job_id: JobId, seconds: float) -> JobStatus | None:
        """Return the state of the job, once it has changed or after ``seconds``; None: not known."""
        deadline = time.monotonic() + seconds
        with self._answered:
            if job_id not in self._jobs:
                self._jobs[job_id] = None
                self._ask_soon()
            before = self._jobs[job_id]
            self._answered.wait_for(
                lambda: not self._is_asking or self._jobs.get(job_id) != before, deadline - time.monotonic()
            )
            if self._is_asking or self._jobs.get(job_id) != before:
                return self._jobs.get(job_id)
            self._is_asking = True
        answer: dict[JobId, JobStatus] = {}
        try:
            answer = self._ask(max(0.0, deadline - time.monotonic()))
        finally:
            with self._answered:
                self._is_asking = False
                self._take(answer)
                self._answered.notify_all()
        return self._jobs.get(job_id)

    def look(self, job_ids: Collection[JobId]) -> dict[JobId, JobStatus]:
        """Return the states of the jobs without waiting; unknown jobs are left out. Queries are rare."""
        with self._answered:
            if new := [job_id for job_id in job_ids if job_id not in self._jobs]:
                self._jobs.update(dict.fromkeys(new))
                self._ask_soon()
        for job_id in job_ids:
            self.wait(job_id, 0)
        found = {job_id: self._jobs.get(job_id) for job_id in job_ids}
        return {job_id: status for job_id, status in found.items() if status is not None}

    def forget(self, job_id: JobId) -> None:
        """Ask for the job no more."""
        with self._answered:
            self._jobs.pop(job_id, None)

    def _ask(self, seconds: float) -> dict[JobId, JobStatus]:
        """Wait at the backend for so long, then ask for all jobs if that is due."""
        pause = min(seconds, max(0.0, self._next - time.monotonic()))
        may_have_changed = self._backend.wait([*self._jobs], pause)
        if not may_have_changed and time.monotonic() < self._next:
            return {}
        try:
            answer = self._backend.poll([*self._jobs])
        except Exception as error:  # a job of days is not given up for an engine that is away for an hour
            self._hear_nothing(error)
            return {}
        finally:
            self._next = time.monotonic() + self._pause
            self._pause = min(_LONGEST_PAUSE, self._pause * _GROWTH)
        self._is_silent = False
        return answer

    def _take(self, answer: dict[JobId, JobStatus]) -> None:
        known = {job_id: status for job_id, status in answer.items() if job_id in self._jobs}
        if any(self._jobs[job_id] != status for job_id, status in known.items()):
            self._ask_soon()
        self._jobs.update(known)

    def _ask_soon(self) -> None:
        self._pause = _FIRST_PAUSE
        self._next = min(self._next, time.monotonic() + _FIRST_PAUSE)

    def _hear_nothing(self, error: Exception) -> None:
        if not self._is_silent:
            log.warning("Cannot query backend %s, retrying: %s", self._backend.NAME, error)
        self._is_silent = True
