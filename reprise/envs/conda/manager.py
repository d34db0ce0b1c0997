"""Conda environments from a ``conda.yaml``, with no conda installed.

rattler solves and links, and uv adds the pip section.

The lock is JSON: every conda package with address and hashes, and the pip section as uv resolved it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reprise.envs import base
from reprise.envs.conda import (
    activation,
    rattler,
    records,
    resolving,
)
from reprise.envs.conda.records import CondaRecord
from reprise.envs.project_files import requirements
from reprise.errors import EnvError
from reprise.schemas.environment import (
    CondaEnv,
    Credentials,
    DockerEnv,
    Environment,
    EnvSpec,
    Lock,
    Package,
    Policy,
    PythonEnv,
)
from reprise.schemas.job import Command

NAME = records.NAME
KEEPS_FOLDER = True
CHOOSES_PYTHON = True
READS_PROJECT = True
IS_ISOLATED = False
PINS_PACKAGES = True
TAKES_DOCKER_OPTIONS = False
NOT_CACHED = "not in the cache"

unusable = rattler.unusable
tags = base.no_tags
settle = base.settles_nothing
reached_at = base.at_loopback
folders = base.folders_of_prefix
python_of = base.python_not_known
observe = base.observe_here
variables_inside = base.variables_here
unpack = base.nothing_to_unpack
remove_left_behind = base.nothing_left_behind


def takes(spec: EnvSpec) -> CondaEnv:
    match spec:
        case CondaEnv():
            resolving.read_requirements(spec)
            return spec
        case PythonEnv():
            raise EnvError(
                f"{spec.file or spec.root} is a Python environment, which conda does not support",
                hint="remove --env-manager, or use --env-manager local for the current environment",
            )
        case DockerEnv():
            raise EnvError(
                f"the project runs in a container of {spec.image}, which {NAME} does not support",
                hint="use --env-manager docker, or --env-manager local for the current environment",
            )


def lock(spec: CondaEnv, policy: Policy, log: Path) -> Lock:
    return resolving.lock_environment(spec, policy, log)


def read_credentials(spec: CondaEnv) -> Credentials:
    return resolving.read_credentials(spec)


def write_lock(spec: CondaEnv, policy: Policy, platforms: Sequence[str], log: Path) -> tuple[Path, ...]:
    from reprise.envs.conda import locking

    return (locking.write_lock_file(spec, policy, platforms, log),)


def create(lock: Lock, prefix: Path, policy: Policy, log: Path) -> None:
    from reprise.envs.conda import install, pip

    install.install_packages(records.read_lock(lock), lock.credentials, prefix, policy, log)
    pip.install_pip(lock, prefix, policy, log)


def unhealthy(lock: Lock, prefix: Path) -> str | None:
    if not (prefix / "conda-meta").is_dir():
        return "its conda-meta was removed"
    # read as text, for the lock can be large and this is asked at each start
    if '"name": "python",' in lock.text and not (prefix / "bin" / "python").exists():
        return f"its Python was removed ({prefix / 'bin' / 'python'})"
    return None


def enter(environment: Environment, command: Command) -> Command:
    return activation.enter_environment(environment, command)


enter_attached = enter


def find_lock_file(spec: CondaEnv) -> Path | None:
    from reprise.envs.conda import lockfiles

    return lockfiles.find_lock_file(spec)


def platform_of(lock: Lock) -> str:
    return records.read_lock(lock).platform


def unrestorable(lock: Lock) -> str | None:
    return base.compare_platforms(platform_of(lock), records.current_platform())


def adapt_lock(lock: Lock, spec: CondaEnv, policy: Policy, log: Path) -> Lock:
    from reprise.envs.virtualenv.relocatable_lock import unlink_lock

    return unlink_lock(lock, spec.file.parent.absolute())._replace(credentials=read_credentials(spec))


def pack(lock: Lock, folder: Path, fetch: base.Fetch, log: Path, *, offline: bool) -> None:
    from reprise.envs.conda import packages as archives
    from reprise.envs.conda import pip
    from reprise.envs.pypi.bundled import put_wheels

    held = records.read_lock(lock)
    archives.collect_archives(held.records, lock.credentials, folder, offline=offline)
    if held.pip.requirements:
        python = pip.python_of(held.records, Path("environment.lock")).version
        facts = {**held.pip._asdict(), "python": python, "implementation": "CPython"}
        put_wheels(facts, lock.credentials, folder, fetch, log, offline)


def packages(lock: Lock) -> tuple[Package, ...]:
    content = records.read_lock(lock)
    found = [_package_of(record) for record in content.records]
    found += requirements.list_pinned(content.pip.requirements, content.pip.local)
    return tuple(sorted(found, key=lambda package: (package.kind != "python", package.name)))


def _package_of(record: CondaRecord) -> Package:
    hashes = [f"{name}:{value}" for name in ("sha256", "md5") if (value := getattr(record, name))]
    kind = "python" if record.name == "python" else "conda"
    return Package(record.name, record.version, kind, record.build, record.url, tuple(hashes[:1]))
