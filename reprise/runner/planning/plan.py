"""The plan of a run: everything is resolved and checked, nothing is recorded or started yet."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprise import paths
from reprise.backends import registry as backends
from reprise.backends.base import Way
from reprise.envs import registry as envs
from reprise.errors import SubmitError
from reprise.named_tuple import NamedTuple
from reprise.runner.jobs.stores import store_folder
from reprise.runner.planning import as_of, guards
from reprise.runner.planning.bind import Localise, bind_parameters, render_command
from reprise.runner.sources import working_copy
from reprise.schemas.environment import CondaEnv, DockerEnv, EnvSpec, Lock, Policy, PythonEnv
from reprise.schemas.job import Checkout, Invocation, RunRequest
from reprise.schemas.loader import find_entry_point, read_project
from reprise.schemas.project import EntryPoint, Project
from reprise.schemas.use import Use, use_project

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)


class Again(NamedTuple):
    """What a reproduction takes from the original run.

    ``manager`` is the word of its environment manager, whatever the default is today; ``lock`` is the
    source of its environment, else ``environment``, else the project. ``variables`` are a patch of the
    environment of its processes, ``tags`` describe it. ``since`` is its start in ms since the epoch: the
    model registry has its state of that time, and ``aliases`` are the versions of model aliases then, by
    their address.
    """

    manager: str
    since: int
    lock: Lock | None = None
    environment: EnvSpec | None = None
    variables: tuple[tuple[str, str | None], ...] = ()
    tags: Mapping[str, str] = {}
    aliases: Mapping[str, str] = {}


class Plan(NamedTuple):
    """A plan; ``env_manager`` and ``environment`` are the selected word and spec for the project.

    ``again`` is None unless it is a reproduction.
    """

    request: RunRequest
    checkout: Checkout
    project: Project
    entry_point: EntryPoint
    invocation: Invocation
    env_manager: str
    environment: EnvSpec
    policy: Policy
    backend_config: Any
    again: Again | None = None

    @property
    def shown_command(self) -> str:
        """The command for people: values of secret parameters are masked."""
        return render_command(self.entry_point, self.invocation.parameters, mask_secrets=True)


def make_plan(request: RunRequest, tracking: Tracking) -> Plan:
    """Fetch, load and bind. All errors are raised here, before a run is created."""
    _check_backend(request, tracking)
    checkout = working_copy.fetch_project(
        request.uri, request.version, request.base, offline=request.offline
    )

    def localise(value: str, base: Path) -> Path:
        from reprise.runner.planning.inputs import localise_input

        return localise_input(value, base, request.storage_dir, tracking, offline=request.offline)

    try:
        return plan_for(checkout, request, localise)
    except BaseException:
        working_copy.discard_checkout(checkout)
        raise


def _check_backend(request: RunRequest, tracking: Tracking) -> None:
    """Refuse, before anything is fetched, a backend that is wrong or whose jobs do not reach the store.

    Raises:
        UsageError: there is no such backend, or its config is wrong.
        SubmitError: jobs could not log to a store that is a folder of this machine.
    """
    backend = backends.get(request.backend)
    reach = backend.reach(backends.read_config(backend, request.backend_config))
    if reach.way is Way.SPOOL and store_folder(tracking) is not None:
        raise SubmitError(
            f"jobs of backend {backend.NAME} do not reach this machine, where the store {tracking.uri} is",
            hint="record on a tracking server: --tracking-uri https://...",
        )


def plan_for(checkout: Checkout, request: RunRequest, here: Localise, again: Again | None = None) -> Plan:
    """Return the plan for ``checkout``; ``here`` finds the files in parameters."""
    backend = backends.get(request.backend)
    config = backends.read_config(backend, request.backend_config)
    for sentence in (
        *backends.describe_foreign_keys(backend, request.backend_config),
        *backend.check(request.resources, config),
    ):
        log.warning("%s", sentence)
    guards.capture_limit()
    is_replaced = again is not None and (again.lock is not None or again.environment is not None)
    word = again.manager if again else request.env_manager
    project = read_used_project(checkout, request.entry_point, word, environment=not is_replaced)
    entry_point = find_entry_point(project, request.entry_point)
    spec = again.environment if again and again.environment else project.environment
    asked = _with_docker_options(spec, request, project, checkout)
    manager, environment = envs.choose_manager(asked, word, request.python)
    if request.sandbox is not None:
        from reprise.runner.planning.sandbox_tools import check_sandbox

        check_sandbox(request.sandbox, manager.NAME, is_isolated=manager.IS_ISOLATED)
    invocation = bind_parameters(project, entry_point, request, here)
    dated = as_of.resolve_as_of(request.as_of, checkout)
    policy = Policy(
        request.locked, request.offline, dated, python=request.python, current=request.current_python
    )
    if isinstance(environment, DockerEnv):
        environment = environment._replace(inputs=_list_inputs(entry_point, invocation))
    if not manager.TAKES_DOCKER_OPTIONS and (request.docker_args or request.build_image):
        log.warning("docker options do not apply: the project does not run in docker")
    if manager.READS_PROJECT:
        reason = "the original run" if again else project.environment_reason
        log.info("Environment: %s, by %s", manager.NAME, reason)
    environment = taken_from(checkout, environment)
    if again is None or again.lock is None:
        policy = manager.settle(environment, policy)
    return Plan(
        request,
        checkout,
        project,
        entry_point,
        invocation,
        manager.NAME,
        environment,
        policy,
        config,
        again,
    )


def python_of(plan: Plan) -> str | None:
    """Return the version of Python that the run would get, if the project or the user set one.

    Raises:
        EnvError: it is not on this machine, and cannot be downloaded.
    """
    log_file = paths.state_dir() / "logs" / "environment.log"
    return envs.MANAGERS[plan.env_manager].python_of(plan.environment, plan.policy, log_file)


def read_used_project(
    checkout: Checkout, entry_point: str | None, env_manager: str | None, *, environment: bool = True
) -> Project:
    """Return the project in ``checkout``, without faults in the used parts; others are logged as warnings.

    Args:
        entry_point: the name of the entry point to run, or None.
        env_manager: the user's word, if any.
        environment: False if the project's environment is not used.

    Raises:
        ProjectError: with the faults.
    """
    reading = read_project(checkout.path)
    manager = envs.manager_for(reading.project.environment, env_manager)
    return use_project(reading, Use(entry_point, environment and manager.READS_PROJECT))


def taken_from(checkout: Checkout, environment: EnvSpec) -> EnvSpec:
    """Return ``environment`` with whether the project's folder is permanent."""
    if isinstance(environment, PythonEnv | CondaEnv) and checkout.temporary is not None:
        return environment._replace(passing=True)
    return environment


def _with_docker_options(
    spec: EnvSpec, request: RunRequest, project: Project, checkout: Checkout
) -> EnvSpec:
    if not isinstance(spec, DockerEnv):
        return spec
    return spec._replace(
        arguments=request.docker_args,
        build=request.build_image,
        tag=_image_tag(project, checkout),
        login=request.docker_login,
    )


def _image_tag(project: Project, checkout: Checkout) -> str:
    """``iris:1a2b3c4``, with ``-dirty`` where files differ from that commit; no tag without a commit."""
    words = re.sub(r"[^a-z0-9]+", "-", (project.name or "").lower()).strip("-")
    name = words or "docker-project"
    repository = checkout.repository
    if repository is None or repository.commit is None:
        return name
    return f"{name}:{repository.commit[:7]}" + ("-dirty" if repository.dirty else "")


def _list_inputs(entry_point: EntryPoint, invocation: Invocation) -> tuple[Path, ...]:
    """The files and folders of this machine that the command names."""
    declared = entry_point.parameters
    return tuple(
        Path(item.rendered)
        for item in invocation.parameters
        if item.name in declared and declared[item.name].type == "path"
    )
