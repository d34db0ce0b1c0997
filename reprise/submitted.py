"""A run that a program started: one that it waited for, or one that another process carries."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, Any

from reprise.backends.registry import find_mlflow_plugin
from reprise.errors import RunFailed
from reprise.runner.jobs.lease import request_stop
from reprise.runner.runs import detached, executor
from reprise.runner.runs.detached import Detached
from reprise.runner.runs.reap import reap
from reprise.schemas.job import Outcome, RunRequest, RunStatus
from reprise.tracking.base import Tracking
from reprise.tracking.registry import open_tracking

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class SubmittedRun(ABC):
    """A run that was started; not for use by several threads at once.

    It counts as an ``mlflow.projects.SubmittedRun`` too, where mlflow is imported.
    """

    @property
    @abstractmethod
    def run_id(self) -> str:
        """The id of the run, 32 hexadecimal digits."""

    @abstractmethod
    def wait(self) -> bool:
        """Wait for the end of the run; True when it is FINISHED."""

    @abstractmethod
    def get_status(self) -> str:
        """``RUNNING``, ``FINISHED``, ``FAILED`` or ``KILLED``."""

    @abstractmethod
    def cancel(self) -> None:
        """End the run with everything it started, and wait for that; no effect on an ended one."""

    def __repr__(self) -> str:
        return f"<SubmittedRun {self.run_id}: {self.get_status()}>"

    # For isinstance(): mlflow's class is not an ABC, so nothing can be registered with it, and
    # importing mlflow for it would take seconds.
    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:
        module = sys.modules.get("mlflow.projects.submitted_run")
        theirs = getattr(module, "SubmittedRun", None)
        return type(self) if theirs is None else _join_classes(type(self), theirs)


@cache
def _join_classes(ours: type, theirs: type) -> type:
    return type(ours.__name__, (ours, theirs), {"__module__": ours.__module__})


def submit(request: RunRequest, tracking: Tracking, *, synchronous: bool) -> SubmittedRun:
    """Perform ``request``, or with ``synchronous=False`` have another process perform it.

    Raises:
        RunFailed: a synchronous run did not finish well.
        RepriseError: the project cannot be run; no run is left behind.
    """
    if not synchronous and (point := find_mlflow_plugin(request.backend)) is not None:
        return _PluginsRun(point, request, tracking.uri)
    if not synchronous:
        return _StartedRun(request, detached.start(request, tracking, is_warm=True))
    outcome = executor.run(request, tracking)
    if outcome.status is not RunStatus.FINISHED:
        raise RunFailed(
            f"run {outcome.run_id} {outcome.status}: {outcome.reason}",
            outcome=outcome,
            hint=f"reprise runs logs {outcome.run_id[:8]}",
        )
    return _EndedRun(outcome)


class _EndedRun(SubmittedRun):
    """A run that we waited for."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    @property
    def run_id(self) -> str:
        return self._outcome.run_id

    def wait(self) -> bool:
        return self._outcome.status is RunStatus.FINISHED

    def get_status(self) -> str:
        return str(self._outcome.status)

    def cancel(self) -> None:
        """It has ended."""


class _StartedRun(SubmittedRun):
    """A run that another process carries."""

    def __init__(self, request: RunRequest, carried: Detached) -> None:
        self._request = request
        self._carried = carried

    @property
    def run_id(self) -> str:
        return self._carried.run_id

    def wait(self) -> bool:
        self._carried.process.wait()
        if self._carried.status() is not RunStatus.FINISHED:
            self._close_if_abandoned()
        return self._carried.status() is RunStatus.FINISHED

    def get_status(self) -> str:
        return str(self._carried.status())

    def cancel(self) -> None:
        if self._carried.process.poll() is None:
            request_stop(self._carried.jobs, self._carried.job)
            self.wait()

    def _close_if_abandoned(self) -> None:
        """A watcher that was itself killed has left its run open."""
        tracking = open_tracking(self._request.tracking_uri, self._request.base)
        try:
            reap(tracking)
        finally:
            tracking.close()


class _PluginsRun(SubmittedRun):
    """A run that a backend for MLflow performs, while this process lives."""

    def __init__(self, point: EntryPoint, request: RunRequest, tracking_uri: str) -> None:
        from reprise.runner.runs.mlflow_plugins import PluginRun

        self._tracking = open_tracking(tracking_uri, request.base)  # the caller closes its own
        self._run = PluginRun(point, request, self._tracking)
        self._outcome: Outcome | None = None

    @property
    def run_id(self) -> str:
        return self._run.run_id

    def wait(self) -> bool:
        if self._outcome is None:
            self._outcome = self._run.wait()
            self._let_go()
        return self._outcome.status is RunStatus.FINISHED

    def get_status(self) -> str:
        return str(self._outcome.status if self._outcome else self._run.status())

    def cancel(self) -> None:
        if self._outcome is None:
            self._outcome = self._run.cancel()
            self._let_go()

    def _let_go(self) -> None:
        self._run.close()
        self._tracking.close()
