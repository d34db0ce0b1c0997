"""The Python API: the same call and the same answer as ``mlflow.projects``.

>>> from reprise import projects
>>> submitted = projects.run(".", parameters={"C": 0.05}, env_manager="local", synchronous=False)
>>> submitted.wait()
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from reprise import paths
from reprise.children import interpreter
from reprise.errors import RunFailed, UsageError
from reprise.runner.jobs.lease import request_stop
from reprise.runner.planning.request import is_offline, make_request
from reprise.runner.runs import detached, executor
from reprise.runner.runs.detached import Detached
from reprise.runner.runs.reap import reap
from reprise.schemas.environment import RegistryLogin
from reprise.schemas.job import Outcome, RunRequest, RunStatus, Sandbox, Source
from reprise.startup import occupy_standard_descriptors
from reprise.tracking.registry import open_tracking

if TYPE_CHECKING:
    from reprise.runner.reproducing.reproduce import Reproduction

__all__ = ["SubmittedRun", "reproduce", "run"]


class SubmittedRun(Protocol):
    """A run that was started; not for use by several threads at once."""

    @property
    def run_id(self) -> str: ...

    def wait(self) -> bool:
        """Wait for the end of the run; True when it is FINISHED."""
        ...

    def get_status(self) -> str:
        """``RUNNING``, ``FINISHED``, ``FAILED`` or ``KILLED``."""
        ...

    def cancel(self) -> None:
        """End the run with everything it started, and wait for that; no effect on an ended one."""
        ...


def run(
    uri: str,
    entry_point: str = "main",
    version: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    docker_args: Mapping[str, Any] | None = None,
    experiment_name: str | None = None,
    experiment_id: str | None = None,
    backend: str = "local",
    backend_config: Mapping[str, Any] | str | None = None,
    storage_dir: str | None = None,
    synchronous: bool = True,
    run_id: str | None = None,
    run_name: str | None = None,
    env_manager: str | None = None,
    build_image: bool = False,
    docker_auth: Mapping[str, str] | None = None,
    *,
    locked: bool = False,
    offline: bool = False,
    as_of: str | None = None,
    python: str | None = None,
    observe: bool = True,
    sandbox: bool = False,
    network: bool = True,
    tracking_uri: str | None = None,
) -> SubmittedRun:
    """Run a project; the arguments are those of ``mlflow.projects.run``, and eight of our own.

    ``locked``: the environment as the project's lock says, or not at all. ``offline``: nothing is fetched.
    ``as_of``: packages of an unlocked project as of a date, or of its ``commit``. ``python``: the
    version of the environment's Python, instead of what the project says. ``observe=False``: the record
    does not say which files the run read. ``sandbox``: the run sees no home folder and writes nowhere else
    (bubblewrap; Linux); ``network=False``: such a sandbox, without network. ``tracking_uri``: where the run
    is recorded; without it where
    the mlflow client of this process logs, or as ``MLFLOW_TRACKING_URI`` says.

    Values of ``parameters`` become text by ``str()``, a list for a declared ``list[...]`` becomes JSON; one
    that is None counts as not given. A run that
    is started by a run is nested under it and inherits its env manager. With ``synchronous=False`` the
    call returns when the run is open, and the run goes on even when this process ends.

    Raises:
        RunFailed: a synchronous run did not finish well; ``run_id`` is in the message.
        RepriseError: the project cannot be run; no run is left behind.
    """
    occupy_standard_descriptors()
    given = _texts(parameters)
    request = make_request(
        str(uri),
        entry_point=entry_point or "main",
        version=version,
        parameters=given,
        list_texts=_list_texts(parameters),
        sources=dict.fromkeys(given, Source.CALL),
        docker_args=_docker_options(docker_args or {}),
        docker_login=_login(docker_auth) if docker_auth else None,
        experiment_name=experiment_name,
        experiment_id=None if experiment_id is None else str(experiment_id),
        backend=backend,
        backend_config=backend_config,
        storage_dir=storage_dir,
        run_id=run_id,
        run_name=run_name,
        env_manager=env_manager,
        build_image=build_image,
        parent_run_id=_active_run(),
        tracking_uri=tracking_uri or _client_s_store(),
        locked=locked,
        offline=offline,
        as_of=as_of,
        python=python,
        observe=observe,
        sandbox=Sandbox.from_options(sandbox, network),
        current_python=_our_python(),
    )
    tracking = open_tracking(request.tracking_uri, request.base)
    try:
        if not synchronous:
            return _Started(request, detached.start(request, tracking, is_warm=True))
        outcome = executor.run(request, tracking)
    finally:
        tracking.close()
    if outcome.status is not RunStatus.FINISHED:
        raise RunFailed(
            f"run {outcome.run_id} {outcome.status}: {outcome.reason}",
            outcome=outcome,
            hint=f"reprise runs logs {outcome.run_id[:8]}",
        )
    return _Ended(outcome)


def reproduce(
    run_id: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    tolerance: float | Path | None = None,
    strict: bool = False,
    keep: bool = False,
    offline: bool = False,
    key: Path | None = None,
    any_machine: bool = False,
    sandbox: bool = False,
    network: bool = True,
    tracking_uri: str | None = None,
) -> Reproduction:
    """Perform a recorded run again from its record, and compare the two.

    ``run_id`` may be the address of a model, ``models:/iris@champion``: that means the run that made it;
    or the path of a bundle. ``parameters`` make it a variation, or give secrets again. ``tolerance`` is how
    far numbers may differ, or the path of a file that says it. ``strict``: nothing is set aside, and the
    output log decides, too. ``keep``: the restored project stays. ``key``: the public key that must have
    signed the bundle. ``any_machine``: also where the GPUs are of another kind. ``sandbox``, ``network``
    and ``tracking_uri`` (the store of the run) are as for :func:`run`. The answer's
    ``verdict.reproduced`` says whether it came out the same.

    Raises:
        RepriseError: what the run needs is missing, all of it told at once; nothing has run.
    """
    from reprise.runner.reproducing import reproduce as runner
    from reprise.runner.reproducing.needs import Wanted
    from reprise.schemas import tolerance as tolerances

    occupy_standard_descriptors()
    match tolerance:
        case None:
            allowed = tolerances.Tolerance()
        case Path():
            allowed = tolerances.read_tolerance(tolerance)
        case _:
            allowed = tolerances.of_text(str(tolerance))
    given = _texts(parameters)
    allowed = allowed._replace(strict=strict)
    uri = tracking_uri or _client_s_store() or os.environ.get("MLFLOW_TRACKING_URI") or None
    tracking = open_tracking(uri, paths.here())
    try:
        wanted = Wanted(
            given,
            is_offline(offline),
            any_machine,
            current_python=_our_python(),
            sandbox=Sandbox.from_options(sandbox, network),
        )
        return runner.reproduce(tracking, str(run_id), wanted, allowed, keep=keep, key=key)
    finally:
        tracking.close()


def _texts(parameters: Mapping[str, Any] | None) -> dict[str, str]:
    """The values as text; those that are None are left out."""
    return {str(name): str(value) for name, value in (parameters or {}).items() if value is not None}


def _list_texts(parameters: Mapping[str, Any] | None) -> dict[str, str]:
    """The values that are lists as JSON, which is how a declared list is written."""
    found = {}
    for name, value in (parameters or {}).items():
        if isinstance(value, list | tuple):
            try:
                found[str(name)] = json.dumps(value, ensure_ascii=False, default=str)
            except (TypeError, ValueError):
                continue  # a list within itself, or keys that are no text: str() says something of them
    return found


def _docker_options(given: Mapping[str, Any]) -> dict[str, str | bool]:
    return {str(name): value if isinstance(value, bool) else str(value) for name, value in given.items()}


def _login(given: Mapping[str, str]) -> RegistryLogin:
    """``docker_auth``: ``username``, ``password`` and, for another than the default one, ``registry``."""
    unknown = given.keys() - set(RegistryLogin._fields)
    if unknown or not given.keys() >= {"username", "password"}:
        found = ", ".join(sorted(given)) or "nothing"
        raise UsageError(f"docker_auth: has {found}", hint="its keys: username, password, registry")
    return RegistryLogin(**given)


def _our_python() -> Path | None:
    """The interpreter of this program, which is the Python that its user is in; None where it has none."""
    program = Path(interpreter())
    return program if program.is_file() else None


def _active_run() -> str | None:
    """The run that this process has open with the mlflow client, if it uses one."""
    mlflow = sys.modules.get("mlflow")
    active = mlflow.active_run() if mlflow is not None and hasattr(mlflow, "active_run") else None
    return active.info.run_id if active is not None else None


def _client_s_store() -> str | None:
    """Where the mlflow client of this process logs, once it was told or has begun: runs go there too."""
    mlflow = sys.modules.get("mlflow")
    if mlflow is None or not hasattr(mlflow, "active_run"):
        return None
    if mlflow.is_tracking_uri_set() or mlflow.active_run() or "MLFLOW_EXPERIMENT_ID" in os.environ:
        return str(mlflow.get_tracking_uri())
    return None


class _Ended:
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


class _Started:
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
