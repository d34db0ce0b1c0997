"""The protocol of an environment manager: a MODULE with these names implements it.

Duties that a manager does not have are borrowed from here by plain assignment at the top of its
file (``unhealthy = base.always_healthy``). ``envs/registry.py`` lists the managers, ``envs/cache/store.py``
materialises, and both know nothing of runs or parameters; nor does a manager.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from reprise.process import patched
from reprise.schemas.environment import (
    NO_CREDENTIALS,
    Credentials,
    Environment,
    EnvSpec,
    Lock,
    Package,
    Policy,
)
from reprise.schemas.job import Command

OBSERVED_VARIABLE = "REPRISE_OBSERVED"
"""Where the Python processes of a run note what they touch."""
OBSERVER_VARIABLE = "REPRISE_OBSERVER"
"""The folder in which they find our ``sitecustomize``."""
PLACES = "places.json"
"""Beside their notes: which folder inside is which of this machine."""


Spec = TypeVar("Spec", bound=EnvSpec)

Fetch: TypeAlias = Callable[[str, Path], object]
"""Downloads a URL to a new file."""


class Manager(Protocol[Spec]):
    """``Spec`` is the source of the manager's environments: the result of its ``takes``."""

    NAME: str
    """The word of ``--env-manager``."""

    KEEPS_FOLDER: bool
    """False: there is nothing to make, ``create`` and ``unhealthy`` are never asked."""

    CHOOSES_PYTHON: bool
    """Whether the user may name the Python (``--python``)."""

    READS_PROJECT: bool
    """False: what the project says of its environment decides nothing."""

    IS_ISOLATED: bool
    """Whether what runs inside sees only the files that it is given: it needs no sandbox."""

    PINS_PACKAGES: bool
    """False: a lock only names a Python of the user's, whose packages change at will."""

    TAKES_DOCKER_OPTIONS: bool
    """Whether ``-A`` and ``--build-image`` mean something to it."""

    NOT_CACHED: str
    """What a user reads where the cache does not have an environment."""

    def unusable(self) -> str | None:
        """A sentence why this manager does not work on this machine, or None."""
        ...

    def takes(self, spec: EnvSpec) -> Spec:
        """Return ``spec`` in the form for this manager (such as a translated conda.yaml), used by ``lock``.

        Whatever can be known to fail before anything is made fails here, before a run is opened.

        Raises:
            EnvError: this manager does not support the project.
            ProjectError: the spec names a file that does not exist.
        """
        ...

    def settle(self, spec: Spec, policy: Policy) -> Policy:
        """``policy`` with what depends on the process of the user, and not on the one that makes it.

        It is called while a run is planned, and reports decisions that are not obvious.
        """
        ...

    def lock(self, spec: Spec, policy: Policy, log: Path) -> Lock:
        """Resolve ``spec`` to exact artifacts; a lock file beside the project decides where it fits.

        Raises:
            EnvError: it cannot be resolved.
        """
        ...

    def read_credentials(self, spec: Spec) -> Credentials:
        """Those that the files of ``spec`` hold for the addresses in a lock of it; the lock has none.

        Raises:
            ProjectError: a file that the spec names is missing or broken.
        """
        ...

    def write_lock(
        self, spec: Spec, policy: Policy, platforms: Sequence[str], log: Path
    ) -> tuple[Path, ...]:
        """Resolve ``spec`` and write the lock files of its ecosystem beside the project.

        Args:
            platforms: conda's words (``linux-64``); none means this machine's.

        Raises:
            EnvError: it cannot be resolved, or this manager keeps no lock files.
        """
        ...

    def find_lock_file(self, spec: Spec) -> Path | None:
        """The lock file beside the project that decides the versions; None where there is none."""
        ...

    def python_of(self, spec: Spec, policy: Policy, log: Path) -> str | None:
        """The version of Python that an environment would get, where that is known before it is resolved.

        Raises:
            EnvError: it is not on this machine, and cannot be downloaded.
        """
        ...

    def create(self, lock: Lock, prefix: Path, policy: Policy, log: Path) -> None:
        """Fill the EMPTY folder ``prefix``, which is the environment's final place.

        Raises:
            EnvError: with the log's path and its last lines.
        """
        ...

    def unhealthy(self, lock: Lock, prefix: Path) -> str | None:
        """A sentence why the environment cannot be used, or None. Asked on reuse and after create."""
        ...

    def enter(self, environment: Environment, command: Command) -> Command:
        """The command as it runs inside the environment: Command in, Command out."""
        ...

    def enter_attached(self, environment: Environment, command: Command) -> Command:
        """As ``enter``, for a user: the command has our own streams, and our terminal where we have one."""
        ...

    def observe(self, environment: Environment, command: Command, observer: Path, notes: Path) -> Command:
        """An entered command, whose Python processes import ``sitecustomize`` from ``observer`` first.

        They append what they touch to files in ``notes``. Where they have other paths than we, and touch
        what is no file of ours, a file ``PLACES`` there maps folders inside to folders of this machine.
        """
        ...

    def variables_inside(self, command: Command) -> Mapping[str, str]:
        """The environment variables that a process of an entered command finds, as far as we give them."""
        ...

    def packages(self, lock: Lock) -> tuple[Package, ...]:
        """What the lock pins, the interpreter or image first, then by name."""
        ...

    def platform_of(self, lock: Lock) -> str:
        """The system and machine that the lock is of, as ``linux-x86_64``; empty for every one."""
        ...

    def unrestorable(self, lock: Lock) -> str | None:
        """A sentence why this machine cannot make the environment of ``lock`` again, or None."""
        ...

    def adapt_lock(self, lock: Lock, spec: Spec, policy: Policy, log: Path) -> Lock:
        """``lock`` as it is used for a copy of the project, whose environment is ``spec``.

        Raises:
            EnvError: the project's own packages are different from the lock, or not available.
        """
        ...

    def pack(self, lock: Lock, folder: Path, fetch: Fetch, log: Path, *, offline: bool) -> None:
        """Fill the empty ``folder`` with everything that ``lock`` is made from but its Python.

        An environment is made from the folder by ``Policy.packages``, after ``unpack``.

        Raises:
            UsageError: the lock pins no packages.
            EnvError: something cannot be downloaded, or does not match the lock.
        """
        ...

    def unpack(self, folder: Path, log: Path) -> None:
        """Bring what ``pack`` put into ``folder`` to where ``create`` and ``enter`` find it.

        Raises:
            EnvError: it cannot be brought there.
        """
        ...

    def tags(self, environment: Environment) -> Mapping[str, str]:
        """What a run says of its environment, beyond the manager's word and the lock's digest."""
        ...

    def folders(self, environment: Environment) -> tuple[Path, ...]:
        """The folders of this machine from which a process inside takes its programs and packages."""
        ...

    def reached_at(self, environment: Environment) -> str:
        """Return the address of this machine at which a process inside reaches our server."""
        ...

    def remove_left_behind(self, job: str) -> None:
        """End what processes of ``job`` left outside their process group; their watcher has died."""
        ...


EnvManager: TypeAlias = Manager[Any]
"""A manager of any spec: the common protocol."""


def python_not_known(spec: EnvSpec, policy: Policy, log: Path) -> str | None:
    return None


def always_usable() -> str | None:
    return None


def takes_all(spec: EnvSpec) -> EnvSpec:
    return spec


def settles_nothing(spec: EnvSpec, policy: Policy) -> Policy:
    return policy


def always_healthy(lock: Lock, prefix: Path) -> str | None:
    return None


def nothing_to_create(lock: Lock, prefix: Path, policy: Policy, log: Path) -> None:
    return None


def no_credentials(spec: EnvSpec) -> Credentials:
    return NO_CREDENTIALS


def no_lock_file(spec: EnvSpec) -> Path | None:
    return None


def nothing_to_unpack(folder: Path, log: Path) -> None:
    return None


def nothing_left_behind(job: str) -> None:
    return None


def compare_platforms(locked: str, here: str) -> str | None:
    """A sentence when an environment of ``locked`` does not work on the platform ``here``."""
    if _kind(locked) == _kind(here):
        return None
    return f"its lock is of {locked}, and this machine is {here}"


def _kind(platform: str) -> tuple[str, bool]:
    """Return the system, and whether this machine supports it: ``macosx-14.0-arm64`` also runs on later
    versions.
    """
    words = platform.split("-")
    return words[0], any(word in ("arm64", "aarch64") for word in words)


def no_tags(environment: Environment) -> Mapping[str, str]:
    return {}


def folders_of_prefix(environment: Environment) -> tuple[Path, ...]:
    return folders_of_python(environment.prefix / "bin" / "python")


def folders_of_python(executable: Path) -> tuple[Path, ...]:
    """That of its environment, and that of the Python that this was made of."""
    folders = [executable.parent.parent] if executable.parent.name == "bin" else [executable.parent]
    real = executable.resolve()
    return (*folders, real.parent.parent) if real.exists() else tuple(folders)


def at_loopback(environment: Environment) -> str:
    return "127.0.0.1"


def variables_here(command: Command) -> Mapping[str, str]:
    return patched(os.environ, dict(command.environ))


def observe_here(environment: Environment, command: Command, observer: Path, notes: Path) -> Command:
    search = patched(os.environ, dict(command.environ)).get("PYTHONPATH")
    patch = (
        ("PYTHONPATH", os.pathsep.join(filter(None, (str(observer), search)))),
        (OBSERVER_VARIABLE, str(observer)),
        (OBSERVED_VARIABLE, str(notes)),
    )
    return command._replace(environ=(*command.environ, *patch))


def current_interpreter() -> Path:
    """The interpreter that runs us, outside of any virtual environment."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable)


def with_folder_on_path(command: Command, folder: Path) -> Command:
    """``command`` with ``folder`` before everything else on its PATH."""
    path = dict(command.environ).get("PATH") or os.environ.get("PATH", os.defpath)
    patch = ("PATH", f"{folder}{os.pathsep}{path}")
    return command._replace(environ=(*command.environ, patch))
