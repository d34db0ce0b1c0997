"""What is going to be done: everything resolved and checked, nothing recorded or started yet."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any, NamedTuple

from reprise.backends import registry as backends
from reprise.envs import registry as envs
from reprise.runner import sources
from reprise.runner.bind import bind, render
from reprise.runner.inputs import localise
from reprise.schemas.environment import EnvSpec, Policy
from reprise.schemas.job import Checkout, Invocation, RunRequest
from reprise.schemas.loader import find_entry_point, load_project
from reprise.schemas.project import EntryPoint, Project
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)


class Plan(NamedTuple):
    """``env_manager`` and ``environment`` are the word and the spec that were chosen for the project."""

    request: RunRequest
    checkout: Checkout
    project: Project
    entry_point: EntryPoint
    invocation: Invocation
    env_manager: str
    environment: EnvSpec
    policy: Policy
    backend_config: Any

    @property
    def shown_command(self) -> str:
        """The command for people: values of secret parameters are masked."""
        return render(self.entry_point, self.invocation.parameters, mask_secrets=True)


def make_plan(request: RunRequest, tracking: Tracking) -> Plan:
    """Fetch, load and bind. Whatever cannot work is told here, before there is a run."""
    config = backends.configured(backends.get(request.backend), request.backend_config)
    checkout = sources.fetch(request.uri, request.version, request.base)
    try:
        project = load_project(checkout.path)
        entry_point = find_entry_point(project, request.entry_point)
        manager, environment = envs.choose(project.environment, request.env_manager)
        here = partial(localise, storage=request.storage_dir, tracking=tracking)
        invocation = bind(project, entry_point, request, here)
    except BaseException:
        sources.discard(checkout)
        raise
    for warning in project.warnings:
        log.warning("%s", warning)
    if request.docker_args or request.build_image:
        log.warning("docker options are not for this project: it does not run in docker")
    policy = Policy(locked=request.locked, offline=request.offline, as_of=request.as_of)
    return Plan(
        request, checkout, project, entry_point, invocation, manager.NAME, environment, policy, config
    )
