"""Backends that packages bring for ``mlflow run`` (the group ``mlflow.project_backend``), used by us.

Each of them gets the project and its parameters, and does all the rest itself: it opens the run, and
what is recorded of it is what the package records. We give it a store, follow it, and close its run.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import EntryPoint
from typing import Any

from reprise import plugins
from reprise.errors import RepriseError, SubmitError
from reprise.runner.jobs.signals import interruptible
from reprise.runner.runs.access import open_access
from reprise.runner.runs.lifecycle import choose_experiment
from reprise.schemas import tags
from reprise.schemas.job import Outcome, RunRequest, RunStatus
from reprise.tracking.base import Tracking
from reprise.tracking.names import now

log = logging.getLogger(__name__)


def run_by_plugin(point: EntryPoint, request: RunRequest, tracking: Tracking) -> Outcome:
    """Have a package's backend perform the project, and return when it has."""
    with interruptible(), PluginRun(point, request, tracking) as started:
        return started.wait()


class PluginRun:
    """A run that a package's backend performs, from its start on; ``close`` when it is not waited for."""

    def __init__(self, point: EntryPoint, request: RunRequest, tracking: Tracking) -> None:
        """Start it.

        Raises:
            SubmitError: the backend failed.
            UsageError: it cannot be imported.
        """
        self._name = point.name
        self._tracking = tracking
        self._stack = ExitStack()
        builder = plugins.load_object(point, "backend for MLflow")
        try:
            address = self._stack.enter_context(_exported(tracking))
            self._submitted = builder().run(
                request.uri,
                request.entry_point,
                {name: value for name, value in request.parameters.items() if value is not None},
                request.version,
                _make_config(request),
                address,
                choose_experiment(tracking, request),
            )
            self._tag(request)
        except RepriseError:
            self._stack.close()
            raise
        except Exception as error:  # it is the code of others
            self._stack.close()
            raise SubmitError(
                f"the backend {point.name} of the package {plugins.package_of(point)} did not start the "
                f"run: {type(error).__name__}: {error}"
            ) from error

    @property
    def run_id(self) -> str:
        return str(self._submitted.run_id)

    def status(self) -> RunStatus:
        """Return the status of the run, in MLflow's words; RUNNING where the backend says something
        else.
        """
        word = str(self._submitted.get_status()).rpartition(".")[2]
        return RunStatus(word) if word in RunStatus.__members__ else RunStatus.RUNNING

    def wait(self) -> Outcome:
        """Wait for its end, and see that the store knows it."""
        try:
            is_well = bool(self._submitted.wait())
        except KeyboardInterrupt:
            self.cancel()
            raise
        status = RunStatus.FINISHED if is_well else RunStatus.FAILED
        reason = "" if is_well else f"the backend {self._name} says that it failed"
        return self._close(Outcome(self.run_id, status, reason=reason))

    def cancel(self) -> Outcome:
        """End it, and see that the store knows it."""
        self._submitted.cancel()
        return self._close(Outcome(self.run_id, RunStatus.KILLED, reason="cancelled"))

    def close(self) -> None:
        """Release it: the store is not reachable through us any more."""
        self._stack.close()

    def __enter__(self) -> PluginRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tag(self, request: RunRequest) -> None:
        if not self._submitted.run_id:
            raise SubmitError(f"the backend {self._name} opened no run")
        parent = {tags.PARENT_RUN_ID: request.parent_run_id} if request.parent_run_id else {}
        self._tracking.log_batch(self.run_id, tags={tags.PROJECT_BACKEND: self._name, **parent})
        if request.run_name:
            self._tracking.update_run(self.run_id, run_name=request.run_name)

    def _close(self, outcome: Outcome) -> Outcome:
        told = RunStatus(self._tracking.get_run(self.run_id).status)
        if not told.has_ended:
            self._tracking.update_run(self.run_id, status=outcome.status, end_time=now())
        elif told is not RunStatus.FINISHED:
            outcome = outcome._replace(status=told, reason=outcome.reason or f"its script marked it {told}")
        if outcome.reason:
            self._tracking.log_batch(self.run_id, tags={tags.REASON: outcome.reason})
        return outcome


def _make_config(request: RunRequest) -> dict[str, Any]:
    """Return the config that MLflow gives its backends: the user's keys, and MLflow's own."""
    return {
        **request.backend_config,
        "ENV_MANAGER": request.env_manager,
        "SYNCHRONOUS": True,
        "DOCKER_ARGS": dict(request.docker_args),
        "STORAGE_DIR": str(request.storage_dir) if request.storage_dir else None,
        "build_image": request.build_image,
        "docker_auth": request.docker_login._asdict() if request.docker_login else None,
    }


@contextmanager
def _exported(tracking: Tracking) -> Iterator[str]:
    """The store's address, which the mlflow client of this process uses for the block."""
    import mlflow

    with open_access(tracking, "", "127.0.0.1", {}) as environ, _patched_environ(environ):
        before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else ""  # type: ignore[no-untyped-call]
        address = environ.get("MLFLOW_TRACKING_URI") or tracking.uri
        mlflow.set_tracking_uri(address)
        try:
            yield address
        finally:
            mlflow.set_tracking_uri(before)


@contextmanager
def _patched_environ(environ: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in environ}
    os.environ.update(environ)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
