"""``mlflow run -b reprise``: MLflow starts the run, and reprise performs it.

MLflow finds this by the entry point ``reprise`` of the group ``mlflow.project_backend``. Its backend config
may hold arguments of :func:`reprise.run` (``{"locked": true}``), and ``"wait": true``: the command line of
MLflow does not wait for the runs of a backend that a package brings.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import reprise
from reprise.call import RunOptions
from reprise.errors import RepriseError, UsageError
from reprise.redact import redact
from reprise.submitted import SubmittedRun

_BY_MLFLOW = {
    "ENV_MANAGER": "env_manager",
    "DOCKER_ARGS": "docker_args",
    "STORAGE_DIR": "storage_dir",
    "build_image": "build_image",
    "docker_auth": "docker_auth",
}
"""What MLflow adds to a backend's config, by our words."""
_OF_MLFLOW = {"parameters", "version", "experiment_id", "experiment_name"}
"""Arguments that MLflow gives by itself."""
_WAIT = "wait"
_SYNCHRONOUS = "SYNCHRONOUS"


class RepriseBackend:
    """An ``mlflow.projects.backend.abstract_backend.AbstractBackend``."""

    def run(
        self,
        project_uri: str,
        entry_point: str,
        params: Mapping[str, Any] | None,
        version: str | None,
        backend_config: Mapping[str, Any] | None,
        tracking_uri: str,
        experiment_id: str | None,
    ) -> SubmittedRun:
        """Start the run, and return when it is open; see MLflow's own docstring."""
        config = dict(backend_config or {})
        mlflow_waits, we_wait = bool(config.pop(_SYNCHRONOUS, False)), bool(config.pop(_WAIT, False))
        try:
            started = reprise.run(
                project_uri,
                entry_point,
                version,
                params,
                experiment_id=experiment_id,
                tracking_uri=tracking_uri,
                synchronous=False,
                **_read_options(config),
            )
        except RepriseError as error:
            from mlflow.exceptions import ExecutionException

            hint = f"\n\nhint: {error.hint}" if error.hint else ""
            raise ExecutionException(f"{error.message}{hint}") from error
        if not mlflow_waits and not we_wait:
            hint = f"reprise runs logs {started.run_id[:8]} -f --tracking-uri {redact(tracking_uri)}"
            print(f"Started run {started.run_id}; {hint}", file=sys.stderr)
            return started
        shown = _ShownRun(started, tracking_uri)
        if not mlflow_waits:
            _wait_for(shown)
        return shown


def project_backend_builder() -> RepriseBackend:
    """Return what MLflow asks of the object that the entry point names."""
    return RepriseBackend()


def _wait_for(started: SubmittedRun) -> None:
    """Wait for the end of a run as MLflow does.

    Raises:
        ExecutionException: it did not finish well.
    """
    try:
        is_well = started.wait()
    except KeyboardInterrupt:
        started.cancel()
        raise
    if not is_well:
        from mlflow.exceptions import ExecutionException

        raise ExecutionException(f"Run (ID '{started.run_id}') failed")


def _read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of :func:`reprise.run` that the config holds.

    Raises:
        UsageError: a key is none of them.
    """
    options = {ours: config.pop(theirs) for theirs, ours in _BY_MLFLOW.items() if theirs in config}
    known = RunOptions.__annotations__.keys() - {
        "parameters",
        "version",
        "experiment_id",
        "experiment_name",
    }
    if unknown := config.keys() - known:
        raise UsageError(
            f"backend config: there is no {', '.join(sorted(unknown))}",
            hint=f"its keys are arguments of reprise.run: {', '.join(sorted(known))}",
        )
    return {name: value for name, value in (options | config).items() if value is not None}


class _ShownRun(SubmittedRun):
    """A run whose output is shown while MLflow waits for it."""

    def __init__(self, started: SubmittedRun, tracking_uri: str) -> None:
        self._started = started
        self._tracking_uri = tracking_uri

    @property
    def run_id(self) -> str:
        return self._started.run_id

    def wait(self) -> bool:
        self._show_output()
        return self._started.wait()

    def get_status(self) -> str:
        return self._started.get_status()

    def cancel(self) -> None:
        self._started.cancel()

    def _show_output(self) -> None:
        from reprise import paths
        from reprise.runner.runs.logs import follow
        from reprise.tracking.registry import open_tracking

        tracking = open_tracking(self._tracking_uri, paths.here_or_gone())
        try:
            for piece in follow(tracking, tracking.get_run(self.run_id)):
                sys.stdout.write(piece.decode("utf-8", "replace"))
                sys.stdout.flush()
        except RepriseError as error:
            print(f"the output is not shown: {error.message}", file=sys.stderr)
        finally:
            tracking.close()
