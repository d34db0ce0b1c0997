"""The environment that we run in: nothing is made, for every kind of project."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from reprise.envs import base
from reprise.errors import EnvError
from reprise.schemas.environment import Environment, EnvSpec, Lock, Package, Policy
from reprise.schemas.job import Command

NAME = "local"
KEEPS_FOLDER = False

unusable = base.always_usable
create = base.nothing_to_create
takes = base.takes_all
unhealthy = base.always_healthy
tags = base.no_tags
read_credentials = base.no_credentials
reached_at = base.at_loopback
observe = base.observe_here


def lock(spec: EnvSpec, policy: Policy, log: Path) -> Lock:
    """The interpreter that runs us. Its packages are not locked: the user changes them at will."""
    facts = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "implementation": sys.implementation.name,
        "executable": sys.executable,
    }
    return Lock(NAME, json.dumps(facts, indent=1) + "\n")


def write_lock(spec: EnvSpec, policy: Policy, platforms: Sequence[str], log: Path) -> tuple[Path, ...]:
    raise EnvError(
        "the current environment is not locked: its packages change at will",
        hint="without --env-manager local, the project's own environment is locked",
    )


def packages(lock: Lock) -> tuple[Package, ...]:
    facts = json.loads(lock.text)
    return (Package(facts["implementation"], facts["python"], "python", origin=facts["executable"]),)


def enter(environment: Environment, command: Command) -> Command:
    """Inside a virtual environment ``python`` is that environment's, active in the shell or not."""
    if sys.prefix == sys.base_prefix:
        return command
    return base.with_folder_on_path(command, Path(sys.executable).parent)
