"""The Python that the user is in: nothing is made, for every kind of project."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from reprise.durable import write_file
from reprise.envs import base
from reprise.envs.pythons.current import (
    ACTIVATED,
    NONE_ON_PATH,
    CurrentPython,
    find_current_python,
)
from reprise.envs.pythons.facts import PythonFacts, describe_python, environment_of
from reprise.errors import EnvError, UsageError
from reprise.paths import cache_dir
from reprise.process import patched
from reprise.schemas.environment import Environment, EnvSpec, Lock, Package, Policy
from reprise.schemas.job import Command
from reprise.schemas.json_text import read_json

NAME = "local"
KEEPS_FOLDER = False
CHOOSES_PYTHON = False
READS_PROJECT = False
IS_ISOLATED = False
PINS_PACKAGES = False
TAKES_DOCKER_OPTIONS = False
NOT_CACHED = "it used the current environment of its machine (local)"
NAMED_FOLDER = "python-names-v1"

unusable = base.always_usable
create = base.nothing_to_create
takes = base.takes_all
unhealthy = base.always_healthy
tags = base.no_tags
read_credentials = base.no_credentials
reached_at = base.at_loopback
python_of = base.python_not_known
observe = base.observe_here
variables_inside = base.variables_here
find_lock_file = base.no_lock_file
unpack = base.nothing_to_unpack
remove_left_behind = base.nothing_left_behind

logger = logging.getLogger(__name__)


def settle(spec: EnvSpec, policy: Policy) -> Policy:
    """Find the Python that the user is in, where the caller does not know it, and say which it is."""
    if policy.current is not None:
        return policy
    found = find_current_python(spec.root, os.environ)
    if text := _announce_python(found):
        logger.info("Environment: local, %s", text)
    return policy._replace(current=found.facts.executable)


def lock(spec: EnvSpec, policy: Policy, log: Path) -> Lock:
    """The interpreter. Its packages are not locked: the user changes them at will.

    Raises:
        EnvError: it does not work.
    """
    program = settle(spec, policy).current
    assert program is not None
    python = describe_python(program, spec.root)
    if python is None:
        raise EnvError(f"the Python at {program} does not work", hint=f"run {program} -V to see why")
    facts = {
        "python": python.version,
        "implementation": python.implementation,
        "executable": str(python.executable),
    }
    return Lock(NAME, json.dumps(facts, indent=1) + "\n")


def write_lock(spec: EnvSpec, policy: Policy, platforms: Sequence[str], log: Path) -> tuple[Path, ...]:
    raise EnvError(
        "the current environment is not locked: its packages change at will",
        hint="without --env-manager local, the project's own environment is locked",
    )


def packages(lock: Lock) -> tuple[Package, ...]:
    python = read_lock(lock)
    return (Package(python.implementation, python.version, "python", origin=str(python.executable)),)


def platform_of(lock: Lock) -> str:
    return ""


def unrestorable(lock: Lock) -> str | None:
    try:
        was = read_lock(lock)
    except (ValueError, KeyError, TypeError) as error:
        return f"its Python is not known: {error}"
    now = describe_python(was.executable, Path("/"))
    if now is not None and (now.version, now.implementation) == (was.version, was.implementation):
        return None
    state = f"is Python {now.version} now" if now else "is not here"
    return f"it is Python {was.version} of {was.executable}, which {state}"


def adapt_lock(lock: Lock, spec: EnvSpec, policy: Policy, log: Path) -> Lock:
    return lock


def pack(lock: Lock, folder: Path, fetch: base.Fetch, log: Path, *, offline: bool) -> None:
    raise UsageError(
        "--with-packages: the run ran in the current environment of its machine, which has no lock",
        hint="run it with --env-manager virtualenv to have one",
    )


def read_lock(lock: Lock) -> PythonFacts:
    """Return the interpreter of a lock."""
    facts = read_json(lock.text)
    return PythonFacts(Path(facts["executable"]), facts["python"], facts["implementation"])


def folders(environment: Environment) -> tuple[Path, ...]:
    return base.folders_of_python(read_lock(environment.lock).executable)


def enter(environment: Environment, command: Command) -> Command:
    """Inside, ``python`` is that of the lock, as if its environment had been activated.

    Raises:
        EnvError: it no longer exists.
    """
    executable = read_lock(environment.lock).executable
    if not executable.exists():
        raise EnvError(
            f"the Python of this environment, {executable}, no longer exists on this machine",
            hint="use --env-manager virtualenv to create the project's own environment",
        )
    environ = patched(os.environ, dict(command.environ))
    search = environ.get("PATH", os.defpath)
    others = [name for name in ACTIVATED if _leads_elsewhere(environ.get(name), executable)]
    if shutil.which("python", path=search) == str(executable) and not others:
        return command  # as it is in the user's shell
    command = command._replace(environ=(*command.environ, *_activation_variables(executable, others)))
    folder = executable.parent
    if environment_of(executable) or str(folder) not in search.split(os.pathsep):
        command = base.with_folder_on_path(command, folder)
        if (folder / "python").exists():
            return command
    return base.with_folder_on_path(command, _name_python(executable))


enter_attached = enter


def _announce_python(found: CurrentPython) -> str:
    """Return the message about the Python; empty if it is the Python that runs us."""
    executable, version, _ = found.facts
    is_ours = executable.parent == Path(sys.executable).parent
    if is_ours and not found.broken and found.reason != NONE_ON_PATH:
        return ""
    text = f"{executable} (Python {version}): {found.reason}"
    if found.broken:
        text += (
            f"; {', '.join(map(str, found.broken))} {'does' if len(found.broken) == 1 else 'do'} not work"
        )
    if not is_ours and not found.is_activated and _is_environment_of_ours():
        text += f"; set VIRTUAL_ENV={sys.prefix} to use the Python that runs reprise"
    return text


def _is_environment_of_ours() -> bool:
    """Return whether we are installed in a user's environment, not in one that a tool created for us."""
    of_a_tool = ("pipx_metadata.json", "uv-receipt.toml")
    return sys.prefix != sys.base_prefix and not any(Path(sys.prefix, name).exists() for name in of_a_tool)


def _leads_elsewhere(activated: str | None, executable: Path) -> bool:
    """Return whether a nested run would use the Python of the environment ``activated`` as the current
    one.
    """
    if not activated or environment_of(executable) == Path(activated):
        return False
    return Path(activated, "bin", "python").exists()


def _activation_variables(executable: Path, others: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """The variables of an activated environment, and none of those that lead to ``others``."""
    yield from ((name, None) for name in others)
    prefix = environment_of(executable)
    if prefix is not None and (prefix / "pyvenv.cfg").is_file():
        yield "VIRTUAL_ENV", str(prefix)
        yield "PYTHONHOME", None


def _name_python(executable: Path) -> Path:
    """A folder with nothing but ``python`` and ``python3``, which start ``executable``."""
    folder = cache_dir() / NAMED_FOLDER / sha256(os.fsencode(executable)).hexdigest()[:16]
    for name in ("python3", "python"):
        script = folder / name
        if not os.access(script, os.X_OK):
            try:
                write_file(script, f'#!/bin/sh\nexec {shlex.quote(str(executable))} "$@"\n')
                script.chmod(0o755)
            except OSError as error:
                raise EnvError(f"cannot create the command python in the cache: {error}") from error
    return folder
