"""Virtual environments made by uv from ``python_env.yaml``, ``requirements.txt`` or ``pyproject.toml``.

The lock is JSON: the interpreter, and the requirements as uv resolved them, with hashes.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from reprise.envs import base
from reprise.envs.project_files import requirements
from reprise.envs.pypi import uv
from reprise.envs.virtualenv import resolving
from reprise.errors import EnvError
from reprise.schemas import tags as run_tags
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
from reprise.schemas.json_text import read_json

NAME = "virtualenv"
KEEPS_FOLDER = True
CHOOSES_PYTHON = True
READS_PROJECT = True
IS_ISOLATED = False
PINS_PACKAGES = True
TAKES_DOCKER_OPTIONS = False
NOT_CACHED = "not in the cache"

unusable = uv.unusable
settle = base.settles_nothing
reached_at = base.at_loopback
folders = base.folders_of_prefix
observe = base.observe_here
variables_inside = base.variables_here
unpack = base.nothing_to_unpack
remove_left_behind = base.nothing_left_behind


def takes(spec: EnvSpec) -> PythonEnv:
    match spec:
        case PythonEnv():
            python = spec
        case CondaEnv():
            from reprise.envs.virtualenv import translate

            python = translate.to_python(spec)
        case DockerEnv():
            raise EnvError(
                f"the project runs in a container of {spec.image}, which {NAME} does not support",
                hint="use --env-manager docker, or --env-manager local for the current environment",
            )
    resolving.read_requirements(python)
    return python


def lock(spec: PythonEnv, policy: Policy, log: Path) -> Lock:
    return resolving.lock_environment(NAME, spec, policy, log)


def read_credentials(spec: PythonEnv) -> Credentials:
    return resolving.read_credentials(spec)


def python_of(spec: PythonEnv, policy: Policy, log: Path) -> str | None:
    from reprise.envs.project_files import pyproject
    from reprise.envs.virtualenv import interpreter_choice, lock_places
    from reprise.envs.virtualenv.question import ResolutionQuestion

    question = ResolutionQuestion(
        spec, resolving.read_requirements(spec), pyproject.read_pyproject(spec), policy, log
    )
    if lock_places.lock_file_of(spec).is_file() or interpreter_choice.is_open(question):
        return None
    return interpreter_choice.plan_version(question)


def write_lock(spec: PythonEnv, policy: Policy, platforms: Sequence[str], log: Path) -> tuple[Path, ...]:
    from reprise.envs.virtualenv import locking

    return (locking.write_lock_file(spec, policy, platforms, log),)


def create(lock: Lock, prefix: Path, policy: Policy, log: Path) -> None:
    from reprise.envs.virtualenv import installing

    installing.create_environment(lock, prefix, policy, log)


def unhealthy(lock: Lock, prefix: Path) -> str | None:
    python = prefix / "bin" / "python"
    if not python.exists():
        return f"its Python was removed ({python.readlink() if python.is_symlink() else python})"
    if not (prefix / "pyvenv.cfg").is_file():
        return "its pyvenv.cfg was removed"
    return None


def enter(environment: Environment, command: Command) -> Command:
    entered = base.with_folder_on_path(command, environment.prefix / "bin")
    patch = (("VIRTUAL_ENV", str(environment.prefix)), ("PYTHONHOME", None))
    return entered._replace(environ=(*entered.environ, *patch))


enter_attached = enter


def find_lock_file(spec: PythonEnv) -> Path | None:
    from reprise.envs.virtualenv import lock_places

    file = lock_places.lock_file_of(spec)
    return file if file.is_file() else None


def platform_of(lock: Lock) -> str:
    return str(read_json(lock.text)["platform"])


def unrestorable(lock: Lock) -> str | None:
    return base.compare_platforms(platform_of(lock), sysconfig.get_platform())


def adapt_lock(lock: Lock, spec: PythonEnv, policy: Policy, log: Path) -> Lock:
    from reprise.envs.virtualenv.relocatable_lock import unlink_lock

    return unlink_lock(lock, spec.root.absolute())._replace(credentials=read_credentials(spec))


def pack(lock: Lock, folder: Path, fetch: base.Fetch, log: Path, *, offline: bool) -> None:
    from reprise.envs.pypi.bundled import put_wheels

    put_wheels(read_json(lock.text), lock.credentials, folder, fetch, log, offline)


def tags(environment: Environment) -> Mapping[str, str]:
    notes = environment.lock.notes
    return {run_tags.ENV_NOTES: "\n".join(notes)} if notes else {}


def packages(lock: Lock) -> tuple[Package, ...]:
    facts = read_json(lock.text)
    python = Package(facts["implementation"], facts["python"], "python", build=facts["platform"])
    return (python, *requirements.list_pinned(facts["requirements"], facts.get("local", ())))
