"""The protocol of a backend, a place to execute jobs: a MODULE that has these names satisfies it.

The life of a job::

    check -> reach -> prepare -> assign_ids -> submit -> (wait -> poll -> bring_output)... -> clean_up
                                                      cancel

A backend never sees projects, parameters or environments: it gets a finished ``Job``. It keeps nothing
that another process needs: a job id says all that it takes to ask about the job from any machine that
reaches the engine. A backend that lacks a duty borrows the default from here by plain assignment
(``wait = base.wait``). ``backends/registry.py`` finds the backends, also those of other packages.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from reprise.errors import SubmitError
from reprise.named_tuple import NamedTuple
from reprise.schemas.job import Job, JobId, JobStatus, Resources


class Way(StrEnum):
    """How a job reaches a server that listens on the machine which submitted it."""

    LOOPBACK = "loopback"
    """It runs on that machine."""
    HOST = "host"
    """By an address of that machine."""
    SPOOL = "spool"
    """Not at all: it records where a tracking server is, or into its folder."""


class Reach(NamedTuple):
    """``address`` is the one of this machine that a job reaches by :attr:`Way.HOST`, else empty."""

    way: Way = Way.LOOPBACK
    address: str = ""


class Backend(Protocol):
    NAME: str
    """The word of ``--backend``."""

    CONFIG: type[Any]
    """The keys of ``--backend-config``, with types and defaults.

    A NamedTuple, a frozen dataclass or a msgspec Struct.

    Optional fields, lists and nested values are allowed. Other keys of the user's are a warning.
    """

    IS_SCHEDULER: bool
    """True: a job waits in a queue, and lives on when the process that submitted it has ended.

    Its run is then SCHEDULED until the job starts, and other processes may ask about it.
    False: a job starts at once, as a child of ours, shows its own output, and ends with us.
    """

    def check(self, resources: Resources, config: Any) -> Sequence[str]:
        """Return a sentence for each of the resources that this backend does not give.

        Asked before a run is opened.

        Raises:
            SubmitError: the backend is not available, with what is missing and the next command; or it
                can never provide these resources.
        """
        ...

    def reach(self, config: Any) -> Reach:
        """Return how a job reaches a server that listens here."""
        ...

    def prepare(self, job: Job, config: Any) -> Job:
        """Return the job as it is going to be executed here, with what shares out its resources."""
        ...

    def assign_ids(self, jobs: Sequence[Job], config: Any) -> list[JobId]:
        """Return an id for each of the jobs, which are going to be submitted together.

        Ids are noted down before the jobs are submitted, so that no job is lost with its submitter.
        """
        ...

    def submit(self, jobs: Mapping[JobId, Job], config: Any) -> None:
        """Start the jobs, or put them into the queue; a scheduler may make an array of them.

        A scheduler's job prints to ``job.output``, where the file system is shared.

        Raises:
            SubmitError: the backend refused them; none is left, neither queued nor running.
        """
        ...

    def wait(self, ids: Sequence[JobId], timeout: float) -> bool:
        """Return True once one of the jobs may have changed; False after ``timeout`` seconds."""
        ...

    def poll(self, ids: Sequence[JobId]) -> dict[JobId, JobStatus]:
        """Return the states of the jobs, with one query for all of them.

        A job that the engine does not mention is left out: it is unknown, which is not ended. Only a job
        that the engine knows to be over, or to be gone, has a state that has ended.
        ``message`` says what a job waits for, or why it did not end well.

        Raises:
            RepriseError: the engine cannot be queried now.
        """
        ...

    def bring_output(self, job_id: JobId, output: Path) -> None:
        """Bring what a job has printed so far to the file ``output``, where it does not print there itself.

        Bytes that are in the file already stay as they are; asked after each ``poll``.
        """
        ...

    def cancel(self, ids: Sequence[JobId], *, interrupted: bool = False) -> None:
        """End the jobs with everything they started. An ended or unknown job is not an error.

        Where a job is a child of ours it has ended when this returns. ``interrupted``: it was Ctrl-C, which
        is passed on where that is possible, so that a script can save what it has.
        """
        ...

    def clean_up(self, ids: Sequence[JobId]) -> None:
        """Remove what jobs have left behind, now that their runs are being closed."""
        ...


def wait(ids: Sequence[JobId], timeout: float) -> bool:
    """For an engine that cannot wake us."""
    time.sleep(timeout)
    return False


def as_it_is(job: Job, config: Any) -> Job:
    return job


def assign_names(jobs: Sequence[Job], config: Any) -> list[JobId]:
    """For an engine whose jobs have the names that we give them."""
    return [JobId(job.name) for job in jobs]


def prints_there(job_id: JobId, output: Path) -> None:
    return None


def at_loopback(config: Any) -> Reach:
    return Reach()


def gives_all(resources: Resources, config: Any) -> Sequence[str]:
    return ()


def nothing_left(ids: Sequence[JobId]) -> None:
    return None


def refuse(wish: str, limit: str) -> SubmitError:
    """The error for resources that a backend can never give."""
    return SubmitError(
        f"the run asks for {wish}, and {limit}", hint="ask for less, or name another --backend"
    )
