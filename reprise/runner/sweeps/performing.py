"""A sweep at work: trials are claimed, started, waited for, and counted, until none is left.

Each run is carried by a process of its own, which outlives this one. So a sweep that dies loses nothing:
the next process that continues it waits for the runs that still go, and claims what is left.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.jobs.lease import request_stop
from reprise.runner.planning.plan import Plan, make_plan, read_used_project
from reprise.runner.runs import detached
from reprise.runner.runs.detached import Detached
from reprise.runner.runs.reap import reap
from reprise.runner.sources import working_copy
from reprise.runner.sweeps import parent as parents
from reprise.runner.sweeps.claims import Claims
from reprise.runner.sweeps.parent import Parent
from reprise.runner.sweeps.plan import SweepPlan
from reprise.runner.sweeps.sampling import Sampler
from reprise.runner.sweeps.trials import (
    Score,
    Summary,
    Trial,
    find_open_attempts,
    find_trials,
    is_repeated,
    read_value,
)
from reprise.schemas import tags
from reprise.schemas.entities import Metric
from reprise.schemas.job import Checkout, RunStatus
from reprise.schemas.loader import find_entry_point
from reprise.tracking.base import Tracking
from reprise.tracking.names import now

_PAUSE = 0.02  # seconds between two looks at our runs
_LONG_PAUSE = 1.0  # seconds between two looks at those of other processes


class Effort(NamedTuple):
    """How a sweep is carried out, which may differ when it is continued.

    ``jobs``: runs at a time. ``retries``: further attempts at a trial that FAILED. ``max_failures``: no
    further trial is started once so many have FAILED; None: all are tried.
    """

    jobs: int = 1
    retries: int = 0
    max_failures: int | None = None


Tell = Callable[[Trial, Summary], None]
"""Is called with each trial that has ended."""


class Prepared(NamedTuple):
    """A sweep that was checked. ``plan`` has all that a run needs, ``kept`` is without secrets.

    ``digest`` is that of the command as it was typed. ``first`` is the plan of the first trial, whose
    checkout is gone.
    """

    plan: SweepPlan
    kept: SweepPlan
    digest: str
    sampler: Sampler
    first: Plan


class Opened(NamedTuple):
    """A sweep whose parent run is open; ``tracking_uri`` is where its runs are recorded."""

    parent: Parent
    plan: SweepPlan
    sampler: Sampler
    tracking_uri: str | None


def prepare_sweep(tracking: Tracking, plan: SweepPlan) -> Prepared:
    """Check everything that can be checked before there is a run.

    Raises:
        RepriseError: the sweep cannot be performed; nothing is left behind.
    """
    blank = plan.make_request({})
    checkout = working_copy.fetch_project(blank.uri, blank.version, blank.base, offline=blank.offline)
    try:
        project = read_used_project(checkout, blank.entry_point, blank.env_manager, environment=False)
        sampler = plan.make_sampler(find_entry_point(project, blank.entry_point))
    finally:
        working_copy.discard_checkout(checkout)
    first = make_plan(plan.make_request(sampler.choose_setting(0)), tracking)
    working_copy.discard_checkout(first.checkout)
    secrets = {item.name for item in first.invocation.parameters if item.secret}
    if varied := secrets & plan.varied.keys():
        raise UsageError(
            f"-S {min(varied)}: a secret parameter is not recorded, so that it cannot be varied"
        )
    typed = plan.without_secrets(secrets)
    options = _pin_commit(plan, first.checkout)
    return Prepared(
        plan._replace(options=options), typed._replace(options=options), typed.digest, sampler, first
    )


def _pin_commit(plan: SweepPlan, checkout: Checkout) -> dict[str, object]:
    """The options with the commit of a repository that was fetched: all trials are of one commit."""
    options = dict(plan.options)
    if checkout.temporary is not None and checkout.repository is not None and checkout.repository.commit:
        options["version"] = checkout.repository.commit
    return options


def perform_sweep(tracking: Tracking, opened: Opened, effort: Effort, tell: Tell) -> Summary:
    """Perform what is left of a sweep, and close its parent run.

    Raises:
        KeyboardInterrupt: we were interrupted, or the sweep was stopped; its runs have been ended.
    """
    status, reason = RunStatus.FAILED, "unexpected error"
    try:
        with _Work(tracking, opened, effort, tell) as work:
            summary = work.perform()
        status, reason = _judge(summary, effort)
        if summary.best is not None:
            _tell_best(tracking, opened, summary.best)
    except KeyboardInterrupt as error:
        stopped = opened.parent.is_stop_requested
        status, reason = RunStatus.KILLED, "stopped" if stopped else str(error) or "SIGINT (Ctrl-C)"
        raise
    except Exception as error:
        reason = str(error)
        raise
    finally:
        parents.close_parent(tracking, parents.take_over(tracking, opened.parent), status, reason)
    return summary


def _judge(summary: Summary, effort: Effort) -> tuple[RunStatus, str]:
    if summary.is_complete:
        return RunStatus.FINISHED, ""
    reason = f"{summary.failed} of {summary.planned} trials failed"
    if summary.finished + summary.failed < summary.planned:
        return RunStatus.FAILED, f"{reason}, and --max-failures is {effort.max_failures}"
    return (RunStatus.FINISHED if summary.finished else RunStatus.FAILED), reason


def _tell_best(tracking: Tracking, opened: Opened, best: Trial) -> None:
    """The parent gets the parameters of the best trial; its metric it has already."""
    known = tracking.get_run(opened.parent.run_id).params
    params = {f"best_{name}": best.run.params.get(name, "") for name in opened.plan.varied}
    new = {name: text for name, text in params.items() if name not in known}
    tracking.log_batch(opened.parent.run_id, params=new, tags={tags.SWEEP_BEST: best.run.run_id})


class _Work:
    """The trials that this process carries out, one after the other or several at a time."""

    def __init__(self, tracking: Tracking, opened: Opened, effort: Effort, tell: Tell) -> None:
        self._tracking = tracking
        self._opened = opened
        self._effort = effort
        self._tell = tell
        self._claims = Claims.open(opened.parent.folder)
        self._score = Score(opened.sampler.trials, opened.plan.goal)
        self._left: deque[tuple[int, int]] = deque()
        self._mine: dict[tuple[int, int], Detached] = {}

    def __enter__(self) -> _Work:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for run in self._mine.values():
            request_stop(run.jobs, run.job)
        for run in self._mine.values():
            run.process.wait()
        self._claims.close()

    def perform(self) -> Summary:
        self._look_again()
        while True:
            if self._opened.parent.is_stop_requested:
                raise KeyboardInterrupt("stopped")
            self._start_some()
            if self._mine:
                self._collect()
                time.sleep(_PAUSE)
            elif self._has_too_many_failures() or not self._wait_for_others():
                return self._score.summary

    def _look_again(self) -> None:
        """See what the other processes have done; what a dead one left is ours to do."""
        reap(self._tracking)
        runs = parents.list_trials(self._tracking, self._opened.parent)
        trials = find_trials(runs, self._opened.plan.metric)
        for trial in trials.values():
            self._score.count(trial)
        claims = self._claims.read()
        count, retries = self._opened.sampler.trials, self._effort.retries
        self._left = deque(find_open_attempts(trials, claims, count, retries))

    def _start_some(self) -> None:
        while self._left and len(self._mine) < self._effort.jobs and not self._has_too_many_failures():
            number, attempt = self._left.popleft()
            if self._claims.claim(number, attempt):
                self._start(number, attempt)

    def _start(self, number: int, attempt: int) -> None:
        request = self._opened.plan.make_request(
            self._opened.sampler.choose_setting(number),
            parent_run_id=self._opened.parent.run_id,
            experiment_id=self._opened.parent.experiment_id,
            experiment_name=None,
            tracking_uri=self._opened.tracking_uri,
            tags={tags.SWEEP_TRIAL: str(number)},
        )
        started = detached.start(request, self._tracking, is_warm=True)
        self._mine[number, attempt] = started
        self._claims.note_run(number, attempt, started.run_id)

    def _collect(self) -> None:
        for key, started in list(self._mine.items()):
            if started.process.poll() is not None:
                del self._mine[key]
                self._count(*key, started.run_id)

    def _count(self, number: int, attempt: int, run_id: str) -> None:
        run = self._tracking.get_run(run_id)
        if not RunStatus(run.status).has_ended:
            reap(self._tracking)  # its carrier was killed
            run = self._tracking.get_run(run_id)
        trial = Trial(number, attempt, run, read_value(run, self._opened.plan.metric))
        if self._score.count(trial):
            point = Metric(f"best_{self._opened.plan.metric}", trial.value or 0.0, now(), number)
            self._tracking.log_batch(self._opened.parent.run_id, metrics=[point])
        if is_repeated(trial, self._effort.retries):
            self._left.append((number, attempt + 1))
        self._tell(trial, self._score.summary)

    def _has_too_many_failures(self) -> bool:
        most = self._effort.max_failures
        return most is not None and self._score.summary.failed >= most

    def _wait_for_others(self) -> bool:
        """Wait a moment for the trials of other processes; False when none is left."""
        self._look_again()
        is_open = bool(self._left) or self._score.is_running
        if self._left:
            self._start_some()
        if is_open and not self._mine:
            time.sleep(_LONG_PAUSE)
        return is_open
