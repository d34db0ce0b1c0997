"""The protocol of an environment manager: a MODULE that has these names satisfies it.

Duties that a manager does not have are borrowed from here by plain assignment at the top of its
file (``unhealthy = base.always_healthy``). ``envs/registry.py`` lists the managers, ``envs/store.py``
materialises, and both know nothing of runs or parameters; nor does a manager.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Protocol

from reprise.schemas.environment import EnvSpec, Lock
from reprise.schemas.job import Command


class EnvManager(Protocol):
    NAME: str
    """The word of ``--env-manager``."""

    KEEPS_FOLDER: bool
    """False: there is nothing to make, ``create`` and ``unhealthy`` are never asked."""

    def unusable(self) -> str | None:
        """A sentence why this manager does not work on this machine, or None."""
        ...

    def lock(self, spec: EnvSpec, log: Path) -> Lock:
        """Resolve ``spec`` to exact artifacts.

        Raises:
            EnvError: it cannot be resolved, or this manager does not do such a spec.
        """
        ...

    def create(self, lock: Lock, prefix: Path, log: Path) -> None:
        """Fill the EMPTY folder ``prefix``, which is the environment's final place.

        Raises:
            EnvError: with the log's path and its last lines.
        """
        ...

    def unhealthy(self, lock: Lock, prefix: Path) -> str | None:
        """A sentence why the environment cannot be used, or None. Asked on reuse and after create."""
        ...

    def enter(self, lock: Lock, prefix: Path, command: Command) -> Command:
        """The command as it runs inside the environment: Command in, Command out."""
        ...


def always_usable() -> str | None:
    return None


def always_healthy(lock: Lock, prefix: Path) -> str | None:
    return None


def nothing_to_create(lock: Lock, prefix: Path, log: Path) -> None:
    return None


def running() -> Path:
    """The interpreter that runs us, outside of any virtual environment."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable)


def with_folder_on_path(command: Command, folder: Path) -> Command:
    """``command`` with ``folder`` before everything else on its PATH."""
    path = dict(command.environ).get("PATH") or os.environ.get("PATH", os.defpath)
    patch = ("PATH", f"{folder}{os.pathsep}{path}")
    return command._replace(environ=(*command.environ, patch))
