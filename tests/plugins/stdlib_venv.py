"""An environment manager of another package: environments by Python's own ``venv``, without packages.

It uses nothing of reprise but the protocol's module and the values that cross it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from reprise.envs import base
from reprise.errors import EnvError, UsageError
from reprise.schemas.environment import Environment, EnvSpec, Lock, Package, Policy, PythonEnv
from reprise.schemas.job import Command

NAME = "stdlib-venv"
KEEPS_FOLDER = True
CHOOSES_PYTHON = False
READS_PROJECT = True
IS_ISOLATED = False
PINS_PACKAGES = True
TAKES_DOCKER_OPTIONS = False
NOT_CACHED = "not in the cache; python -m venv makes it again"
LOCK_FILE = "venv.lock"
LEFT_BEHIND: list[str] = []
"""The jobs that this manager was asked to clean up after."""

unusable = base.always_usable
settle = base.settles_nothing
read_credentials = base.no_credentials
python_of = base.python_not_known
observe = base.observe_here
variables_inside = base.variables_here
folders = base.folders_of_prefix
reached_at = base.at_loopback
unpack = base.nothing_to_unpack


def takes(spec: EnvSpec) -> PythonEnv:
    if not isinstance(spec, PythonEnv):
        raise EnvError("stdlib-venv makes Python environments alone")
    if spec.dependencies:
        raise EnvError(f"stdlib-venv installs no packages, and the project asks for {spec.dependencies[0]}")
    return spec


def lock(spec: PythonEnv, policy: Policy, log: Path) -> Lock:
    version = ".".join(map(str, sys.version_info[:3]))
    return Lock(NAME, json.dumps({"venv": version, "platform": sysconfig.get_platform()}) + "\n")


def write_lock(spec: PythonEnv, policy: Policy, platforms: Sequence[str], log: Path) -> tuple[Path, ...]:
    file = spec.root / LOCK_FILE
    file.write_text(lock(spec, policy, log).text)
    return (file,)


def find_lock_file(spec: PythonEnv) -> Path | None:
    file = spec.root / LOCK_FILE
    return file if file.is_file() else None


def create(lock: Lock, prefix: Path, policy: Policy, log: Path) -> None:
    python = str(base.current_interpreter())
    done = subprocess.run([python, "-m", "venv", "--without-pip", prefix], capture_output=True, check=False)
    if done.returncode != 0:
        raise EnvError(f"python -m venv failed: {done.stderr.decode()}")


def unhealthy(lock: Lock, prefix: Path) -> str | None:
    return None if (prefix / "bin" / "python").exists() else "its Python is gone"


def enter(environment: Environment, command: Command) -> Command:
    return base.with_folder_on_path(command, environment.prefix / "bin")


enter_attached = enter


def packages(lock: Lock) -> tuple[Package, ...]:
    facts = json.loads(lock.text)
    return (Package("cpython", facts["venv"], "python", build=facts["platform"]),)


def platform_of(lock: Lock) -> str:
    return packages(lock)[0].build


def unrestorable(lock: Lock) -> str | None:
    return base.compare_platforms(platform_of(lock), sysconfig.get_platform())


def adapt_lock(lock: Lock, spec: PythonEnv, policy: Policy, log: Path) -> Lock:
    return lock


def pack(lock: Lock, folder: Path, fetch: base.Fetch, log: Path, *, offline: bool) -> None:
    raise UsageError("stdlib-venv has no packages to pack")


def tags(environment: Environment) -> Mapping[str, str]:
    return {"stdlib_venv.python": packages(environment.lock)[0].version}


def remove_left_behind(job: str) -> None:
    LEFT_BEHIND.append(job)
