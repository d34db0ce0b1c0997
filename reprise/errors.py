"""Every error a user can meet, in one file so that the exit codes stay unique.

RepriseError                 1
├─ UsageError                2   wrong option or -P
├─ ProjectError              2   MLproject or environment file wrong (all faults listed)
├─ SourceError               3   the project cannot be fetched
├─ EnvError                  4   the environment cannot be made
├─ SubmitError               5   the backend refused the job
├─ TrackingError             6   the store is unreachable or refused (carries MLflow's error_code)
├─ NotReproduced             7   a comparison found a difference
├─ FailedAlike               8   both runs failed, and in the same way
└─ RunFailed                     the child's own code if 1..125, else 1

Ctrl-C is 130, SIGTERM 143. Anything that is not a RepriseError is "unexpected": a log file and 70.

A message says what, where and found; the hint says what to do next, and is printed after a blank line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

INTERRUPTED = 130
TERMINATED = 143
UNEXPECTED = 70


class RepriseError(Exception):
    """An expected failure, shown to the user as a message and a hint, never as a traceback."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RepriseError):
    """A wrong option, argument or ``-P``."""

    exit_code = 2


class ProjectError(RepriseError):
    """The MLproject or an environment file is wrong; ``faults`` holds every fault, one line each."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None, faults: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.faults = tuple(faults)


class SourceError(RepriseError):
    """The project could not be fetched: no such folder, repository, ref or subdirectory."""

    exit_code = 3


class EnvError(RepriseError):
    """The environment could not be made, or is not usable on this machine."""

    exit_code = 4


class SubmitError(RepriseError):
    """The backend refused the job."""

    exit_code = 5


class TrackingError(RepriseError):
    """The store refused or could not be reached.

    ``code`` is MLflow's ``error_code`` word; it decides the HTTP status on the wire. ``at`` is the place
    of the character in question, counted from 0, where a text of the search language is refused.
    """

    exit_code = 6

    def __init__(
        self,
        message: str,
        *,
        code: str = "INTERNAL_ERROR",
        hint: str | None = None,
        at: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.at = at


def missing(message: str) -> TrackingError:
    """The error for something that a store does not hold."""
    return TrackingError(message, code="RESOURCE_DOES_NOT_EXIST")


class NotReproduced(RepriseError):
    """A run was performed again, or compared, and did not come out the same."""

    exit_code = 7


class FailedAlike(RepriseError):
    """A run was performed again, or compared, and failed as the other one did: nothing differs, and nothing
    was reproduced.
    """

    exit_code = 8


class EndedRun(Protocol):
    """How a run ended; ``reprise.schemas.job.Outcome`` is one."""

    @property
    def run_id(self) -> str: ...

    @property
    def status(self) -> str:
        """``FAILED`` or ``KILLED``."""
        ...

    @property
    def exit_code(self) -> int | None:
        """That of the entry point: negative for a signal, None where there is none or it is not known."""
        ...

    @property
    def reason(self) -> str:
        """One sentence."""
        ...

    @property
    def last_lines(self) -> Sequence[str]:
        """The end of what the entry point printed, at most 20 lines; empty where it is not known."""
        ...


class RunFailed(RepriseError):
    """The run did not finish well: its entry point failed, or it was killed.

    ``run_id`` is the run, ``outcome`` how it ended, ``last_lines`` the end of its log. ``exit_code`` is the
    entry point's own where that is 1 to 125, else 1.
    """

    def __init__(self, message: str, *, outcome: EndedRun, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.outcome = outcome
        self.run_id = outcome.run_id
        self.last_lines = tuple(outcome.last_lines)
        code = outcome.exit_code if outcome.exit_code is not None else 1
        self.exit_code = code if 1 <= code <= 125 else 1
