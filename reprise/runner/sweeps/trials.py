"""The states of a sweep's trials, from the journal and the store."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from reprise.named_tuple import NamedTuple
from reprise.runner.sweeps.claims import Claim
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.job import RunStatus


class Trial(NamedTuple):
    """The last attempt at a trial. ``value`` is its metric, None where it logged none or no number."""

    number: int
    attempt: int
    run: Run
    value: float | None = None

    @property
    def status(self) -> RunStatus:
        return RunStatus(self.run.status)


def find_trials(runs: Iterable[Run], metric: str) -> dict[int, Trial]:
    """Return the last attempt at each trial, from its runs, newest first."""
    attempts: dict[int, list[Run]] = {}
    for run in runs:
        number = run.tags.get(tags.SWEEP_TRIAL, "")
        if number.isdecimal():
            attempts.setdefault(int(number), []).append(run)
    return {
        number: Trial(number, len(tried), tried[0], read_value(tried[0], metric))
        for number, tried in sorted(attempts.items())
    }


def read_value(run: Run, metric: str) -> float | None:
    """Return the last value of a metric, or None where there is none that can be compared."""
    point = run.metrics.get(metric)
    return point.value if point is not None and math.isfinite(point.value) else None


def rank_trials(trials: Iterable[Trial], goal: str) -> list[Trial]:
    """Return the trials, the best first; those without a value come last, by number."""

    def rank(trial: Trial) -> tuple[bool, float, int]:
        value = trial.value or 0.0
        return trial.value is None, -value if goal == "max" else value, trial.number

    return sorted(trials, key=rank)


class Summary(NamedTuple):
    """How many trials there are, how many ended in which way, and the best of them."""

    planned: int
    finished: int
    failed: int
    best: Trial | None

    @property
    def is_complete(self) -> bool:
        return self.finished == self.planned


class Score:
    """The trials that have been seen, counted; ``goal`` is ``max`` or ``min``."""

    def __init__(self, planned: int, goal: str) -> None:
        self._planned = planned
        self._goal = goal
        self._status: dict[int, RunStatus] = {}
        self._counts: Counter[RunStatus] = Counter()
        self._best: Trial | None = None

    @property
    def summary(self) -> Summary:
        counts = self._counts
        return Summary(self._planned, counts[RunStatus.FINISHED], counts[RunStatus.FAILED], self._best)

    @property
    def is_running(self) -> bool:
        """Whether a trial has been seen that had not ended."""
        return self._counts[RunStatus.RUNNING] + self._counts[RunStatus.SCHEDULED] > 0

    def count(self, trial: Trial) -> bool:
        """Count a trial in place of what was seen of it before; True when it is the new best."""
        if (before := self._status.get(trial.number)) is not None:
            self._counts[before] -= 1
        self._status[trial.number] = trial.status
        self._counts[trial.status] += 1
        if trial.value is None or trial.status is not RunStatus.FINISHED:
            return False
        if self._best is not None and not self._is_better(trial.value, self._best):
            return False
        self._best = trial
        return True

    def _is_better(self, value: float, than: Trial) -> bool:
        """Of equals the first stays."""
        assert than.value is not None
        return value > than.value if self._goal == "max" else value < than.value


def find_open_attempts(
    trials: Mapping[int, Trial], claims: Mapping[int, Claim], count: int, retries: int
) -> Iterator[tuple[int, int]]:
    """Yield what may be left to do: the number of a trial, and the number of its next attempt.

    A trial whose run was KILLED is tried again, one that FAILED as often as ``retries`` says. A trial that
    was claimed and has no run is listed, too: :meth:`Claims.claim` knows whether its owner lives.
    """
    for number in range(count):
        trial, claim = trials.get(number), claims.get(number)
        if trial is not None and not is_repeated(trial, retries):
            continue
        if claim is not None and claim.run_id is None:
            yield number, claim.attempt
        elif trial is None and claim is None:
            yield number, 1
        elif trial is not None and (claim is None or claim.run_id == trial.run.run_id):
            yield number, max(trial.attempt, claim.attempt if claim else 0) + 1


def is_repeated(trial: Trial, retries: int) -> bool:
    """Whether a trial is tried again."""
    if trial.status is RunStatus.FAILED:
        return trial.attempt <= retries
    return trial.status is RunStatus.KILLED
