"""The protocol of a place to execute a finished job: a MODULE that has these names satisfies it.

A backend never sees projects, parameters or environments. ``backends/registry.py`` lists them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from reprise.schemas.job import Job, JobId, JobStatus


class Backend(Protocol):
    NAME: str
    """The word of ``--backend``."""

    CONFIG: type[Any]
    """A frozen dataclass: the keys of ``--backend-config``. Other keys are a warning."""

    def submit(self, job: Job, config: Any) -> JobId:
        """Start the job.

        Raises:
            SubmitError: the backend refused it; nothing is left running.
        """
        ...

    def status(self, ids: Sequence[JobId]) -> dict[JobId, JobStatus]:
        """Where the jobs stand; in the plural, so that a scheduler is asked once for all."""
        ...

    def cancel(self, ids: Sequence[JobId], *, interrupted: bool = False) -> None:
        """End the jobs with everything they started; returns when they have ended.

        ``interrupted`` tells that it was Ctrl-C, which is passed on where that is possible, so that a
        script can save what it has.
        """
        ...

    def wait(self, id: JobId, timeout: float) -> None:
        """Return when the job has ended, or after ``timeout`` seconds, whichever is first."""
        ...
