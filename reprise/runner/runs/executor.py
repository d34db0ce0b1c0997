"""The steps of a run: fetch, load, bind, open run, materialise, make job, submit, watch, close run.

``plan.py`` does the first three and ``record.py`` opens and closes. ``run`` waits until the run has ended;
``detached.py`` does everything after "open run" in a separate process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reprise import disk, durable, process
from reprise.backends import registry as backends
from reprise.backends.orphans import JOB_VARIABLE
from reprise.envs import registry as envs
from reprise.envs.base import EnvManager
from reprise.envs.cache import store
from reprise.envs.cache.marker import User
from reprise.errors import RepriseError
from reprise.runner.capture.initial_record import HASH_SEED, capture_opening, objects_of
from reprise.runner.capture.observing import observe_command
from reprise.runner.capture.recording import Recording
from reprise.runner.jobs.signals import interruptible, shielded, stoppable
from reprise.runner.jobs.stores import store_folder
from reprise.runner.planning.plan import Plan, make_plan
from reprise.runner.planning.request import (
    ENV_MANAGER_VARIABLE,
    NO_OBSERVE_VARIABLE,
    OFFLINE_VARIABLE,
    RUN_ID_VARIABLE,
)
from reprise.runner.runs.access import open_access, open_confined_access
from reprise.runner.runs.lifecycle import (
    ENV_LOCK_ARTIFACT,
    OpenRun,
    close_run,
    open_run,
)
from reprise.runner.runs.performing import perform_job, tell_state
from reprise.runner.runs.reap import reap
from reprise.runner.sources import working_copy
from reprise.schemas import tags
from reprise.schemas.environment import Environment
from reprise.schemas.job import Command, Job, Outcome, RunRequest, RunStatus

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_SECRET_VARIABLES = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "DATABRICKS_TOKEN")


def run(request: RunRequest, tracking: Tracking, *, stdout_to_stderr: bool = False) -> Outcome:
    """Perform a project, and return when it has ended.

    A run that did not finish well is an Outcome, not an exception; an exception means that the entry
    point never started, or that we were interrupted. Either way the run is closed.
    """
    if (point := backends.find_mlflow_plugin(request.backend)) is not None:
        from reprise.runner.runs.mlflow_plugins import run_by_plugin

        return run_by_plugin(point, request, tracking)
    with interruptible():
        reap(tracking)
        return perform(make_plan(request, tracking), tracking, stdout_to_stderr=stdout_to_stderr)


def perform(plan: Plan, tracking: Tracking, *, stdout_to_stderr: bool = False) -> Outcome:
    """As :func:`run`, from a plan; only inside ``interruptible()``."""
    opened = open_for(tracking, plan)
    log.info("Started run %s", opened.run_id)
    return carry_out(tracking, plan, opened, attached=True, stdout_to_stderr=stdout_to_stderr)


def open_for(tracking: Tracking, plan: Plan) -> OpenRun:
    """Open the run of ``plan``; when that fails or is interrupted, run and checkout are closed again."""
    opened = None
    try:
        disk.require_descriptors()
        with shielded():
            opened = open_run(tracking, plan)
        objects = objects_of(tracking, opened.lease.folder)
        captured = capture_opening(tracking, plan, opened.record, opened.folder, objects)
        opened = opened._replace(record=captured.record, inputs=captured.inputs)
    except BaseException as error:
        if opened is not None:
            close_run(tracking, opened, Outcome(opened.run_id, RunStatus.KILLED, reason=_words(error)))
        working_copy.discard_checkout(plan.checkout)
        raise
    return opened


def carry_out(
    tracking: Tracking, plan: Plan, opened: OpenRun, *, attached: bool, stdout_to_stderr: bool = False
) -> Outcome:
    """Carry an open run to its end, and close it."""
    outcome = Outcome(opened.run_id, RunStatus.FAILED, reason="unexpected error")
    recording = Recording(tracking, plan, opened.folder, opened.lease.folder, opened.record, opened.inputs)
    try:
        with (
            _materialised(tracking, plan, opened) as environment,
            _access(tracking, plan, opened, environment, recording) as environ,
            _sandbox(plan, environment, opened, environ) as confine,
        ):
            recording.environment(environment, ENV_LOCK_ARTIFACT)
            backend = backends.get(plan.request.backend)
            job = _make_job(plan, opened, environment, environ, attached, stdout_to_stderr)
            job = backend.prepare(job, plan.backend_config)
            job = job._replace(command=confine(job.command))
            if backend.IS_SCHEDULER:
                working_copy.entrust(plan.checkout)
            with _watching_ignored_files(plan, job):
                status = perform_job(
                    backend,
                    plan.backend_config,
                    job,
                    opened.lease,
                    tell=partial(tell_state, tracking, opened.run_id),
                    started=partial(recording.started, job.command),
                )
        outcome = Outcome(opened.run_id, status.state, status.exit_code, status.message, status.usage)
    except KeyboardInterrupt as error:
        reason = "stopped" if opened.lease.stop_requested() else _words(error)
        outcome = outcome._replace(status=RunStatus.KILLED, reason=reason)
        log.warning("Run %s KILLED: %s", outcome.run_id, outcome.reason)
        raise
    except RepriseError as error:
        outcome = outcome._replace(reason=error.message)
        raise
    except Exception:
        _keep_traceback(opened)
        raise
    finally:
        with shielded():
            record = recording.ended(hurry=outcome.status is RunStatus.KILLED)
            outcome = close_run(tracking, opened._replace(record=record), outcome)
            working_copy.discard_checkout(plan.checkout)
    return outcome


def _words(interruption: BaseException) -> str:
    """SIGTERM and SIGHUP name themselves."""
    return str(interruption) or "SIGINT (Ctrl-C)"


def _keep_traceback(opened: OpenRun) -> None:
    """Write our bug that ends the run to its log."""
    import traceback

    with opened.output_log.open("a", encoding="utf-8") as out:
        traceback.print_exc(file=out)


def _access(
    tracking: Tracking, plan: Plan, opened: OpenRun, environment: Environment, recording: Recording
) -> AbstractContextManager[Mapping[str, str]]:
    """The environment variables by which the child reaches the store, for as long as it runs."""
    reach = backends.get(plan.request.backend).reach(plan.backend_config)
    host = reach.address or envs.MANAGERS[environment.manager].reached_at(environment)
    if plan.again is None:
        trusted = plan.request.sandbox is None
        return open_access(tracking, opened.run_id, host, recording.aliases, may_remove=trusted)
    recording.aliases |= plan.again.aliases
    return open_confined_access(
        tracking,
        opened.run_id,
        opened.experiment_id,
        host,
        plan.again.since,
        plan.again.aliases,
        recording.withheld,
    )


def _sandbox(
    plan: Plan, environment: Environment, opened: OpenRun, environ: Mapping[str, str]
) -> AbstractContextManager[Callable[[Command], Command]]:
    """Return the function that puts the run's command into its sandbox, if requested."""
    if plan.request.sandbox is None:
        return nullcontext(lambda command: command)
    from reprise.runner.sandbox.walls import open_sandbox

    uri = environ.get("MLFLOW_TRACKING_URI", "")
    return open_sandbox(plan, plan.request.sandbox, environment, opened.lease.folder, uri)


@contextmanager
def _materialised(tracking: Tracking, plan: Plan, opened: OpenRun) -> Iterator[Environment]:
    """The environment, made or found, and kept for the block; the run says which, and keeps its lock."""
    manager = envs.MANAGERS[plan.env_manager]
    user = User(plan.project.name or plan.project.root.name, str(store_folder(tracking) or tracking.uri))
    with ExitStack() as inside:
        with stoppable(opened.lease.stop_requested):
            environment = inside.enter_context(_environment(manager, plan, opened.environment_log, user))
        durable.write_note(opened.environment_lock, environment.lock.text)
        told = {tags.ENV_DIGEST: environment.lock.digest, **manager.tags(environment)}
        tracking.log_batch(opened.run_id, tags=told)
        yield environment


def _environment(
    manager: EnvManager, plan: Plan, log_file: Path, user: User
) -> AbstractContextManager[Environment]:
    """From the lock of the run that is performed again, else from what the project says."""
    if plan.again is None or plan.again.lock is None:
        return store.use_environment(manager, plan.environment, plan.policy, log_file, user)
    return store.using_lock(manager, plan.again.lock, plan.policy, log_file, user, plan.environment)


def _make_job(
    plan: Plan,
    opened: OpenRun,
    environment: Environment,
    access: Mapping[str, str],
    attached: bool,
    stdout_to_stderr: bool,
) -> Job:
    environ: dict[str, str | None] = {
        **access,
        "MLFLOW_RUN_ID": opened.run_id,
        "MLFLOW_EXPERIMENT_ID": opened.experiment_id,
        "MLFLOW_EXPERIMENT_NAME": None,  # beside the id it would make `mlflow run` in a step refuse both
        RUN_ID_VARIABLE: opened.run_id,
        JOB_VARIABLE: opened.lease.name,
        "PYTHONUNBUFFERED": os.environ.get("PYTHONUNBUFFERED", "1"),  # logs arrive while it runs
        HASH_SEED: opened.record.seeds[HASH_SEED],
    }
    if plan.request.env_manager:
        environ[ENV_MANAGER_VARIABLE] = plan.request.env_manager
    if plan.request.offline:
        environ[OFFLINE_VARIABLE] = "1"
    if not plan.request.observe:
        environ[NO_OBSERVE_VARIABLE] = "1"
    if plan.again is not None:
        environ |= dict(plan.again.variables)
    command = Command(("bash", "-c", plan.invocation.command), tuple(environ.items()), plan.project.root)
    entered = envs.MANAGERS[environment.manager].enter(environment, command)
    if plan.request.observe:
        entered = observe_command(entered, plan, environment, opened.lease.folder)
    secrets = _secrets(plan, process.patched(os.environ, environ))
    return Job(
        opened.lease.name,
        entered,
        opened.lease.folder,
        opened.output_log,
        attached,
        stdout_to_stderr,
        secrets,
        plan.request.resources,
    )


def _secrets(plan: Plan, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What the job gets and its log must not keep: credentials of the store, and secret parameters."""
    parameters = (item.rendered for item in plan.invocation.parameters if item.secret)
    return (*filter(None, map(environ.get, _SECRET_VARIABLES)), *parameters)


def _watching_ignored_files(plan: Plan, job: Job) -> AbstractContextManager[None]:
    repository = plan.checkout.repository
    ignored = repository.tree.flatten.ignored if repository and plan.request.observe else ()
    if repository is None or not ignored:
        return nullcontext()
    from reprise.runner.capture.opened_files import noting_opened_files

    return noting_opened_files(repository.root.resolve(), ignored, job.folder)
