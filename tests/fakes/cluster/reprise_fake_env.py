"""An environment manager of another package: the current Python, with a variable of its own."""

from __future__ import annotations

from pathlib import Path

from reprise.envs import local
from reprise.schemas.environment import Environment, EnvSpec, Lock, Policy
from reprise.schemas.job import Command

globals().update({name: member for name, member in vars(local).items() if name[0] != "_"})

NAME = "fakeenv"


def lock(spec: EnvSpec, policy: Policy, log: Path) -> Lock:
    return local.lock(spec, policy, log)._replace(manager=NAME)


def enter(environment: Environment, command: Command) -> Command:
    entered = local.enter(environment, command)
    return entered._replace(environ=(*entered.environ, ("FAKE_ENV", "of another package")))
