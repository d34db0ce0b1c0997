"""The environment that we run in: nothing is made, for every kind of project."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from reprise.envs import base
from reprise.schemas.environment import EnvSpec, Lock
from reprise.schemas.job import Command

NAME = "local"
KEEPS_FOLDER = False

unusable = base.always_usable
create = base.nothing_to_create
unhealthy = base.always_healthy


def lock(spec: EnvSpec, log: Path) -> Lock:
    """The interpreter that runs us. Its packages are not locked: the user changes them at will."""
    facts = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "implementation": sys.implementation.name,
        "executable": sys.executable,
    }
    return Lock(NAME, json.dumps(facts, indent=1) + "\n")


def enter(lock: Lock, prefix: Path, command: Command) -> Command:
    """Inside a virtual environment ``python`` is that environment's, active in the shell or not."""
    if sys.prefix == sys.base_prefix:
        return command
    return base.with_folder_on_path(command, Path(sys.executable).parent)
