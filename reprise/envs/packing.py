"""The packages of a lock as a folder for another machine: unpacked there, not installed.

Nothing of the other machine runs: uv unpacks the wheels that fit it, each checked against its hash. What
this needs of the index, of credentials and of certificates stays on this machine.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from reprise.envs import base
from reprise.envs.pypi import uv, uv_failures
from reprise.envs.pythons import interpreters
from reprise.envs.virtualenv import installing
from reprise.errors import EnvError
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.process import run
from reprise.progress import spinner
from reprise.schemas.environment import Lock, Policy
from reprise.schemas.json_text import read_json

logger = logging.getLogger(__name__)

# The glibc versions that uv knows wheels by, newest first.
_GLIBC = (40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 28, 17)
_COMPILE_SECONDS = 900.0
_NOTE = "uv_cache.json"


class Machine(NamedTuple):
    """Where the packages are to run: ``glibc`` is a version, empty for musl."""

    python: str
    architecture: str
    glibc: str


def unpack_lock(lock: Lock, target: Path, machine: Machine, policy: Policy, log: Path) -> None:
    """Fill the new folder ``target``, the future site-packages of ``machine``'s Python.

    Raises:
        EnvError: a package is not available for that machine, or is a folder on this machine.
    """
    facts = read_json(lock.text)
    if facts.get("local"):
        names = ", ".join(project["path"] for project in facts["local"])
        raise EnvError(f"the lock installs {names} from a folder, which images do not support")
    with spinner("Unpacking packages"):
        _sync_packages(lock, facts, target, machine, policy, log)
    _forget_notes(target)


def _sync_packages(
    lock: Lock, facts: dict[str, Any], target: Path, machine: Machine, policy: Policy, log: Path
) -> None:
    arguments = ["pip", "sync", "--target", str(target), "--python", str(base.current_interpreter())]
    arguments += ["--python-version", machine.python, "--python-platform", _name_platform(machine)]
    arguments += installing.taken_from(policy)
    exact = installing.all_hashed(facts["requirements"])
    if exact:
        arguments.append("--require-hashes")
    if not _suits_machine(facts["platform"], machine):
        arguments.append("--no-build")
    sources = (installing.anchor_option(line, None) for line in facts["sources"])
    with uv.requirements_file((*sources, *facts["requirements"]), lock.credentials) as source:
        arguments.append(str(source))
        environ = installing.uv_settings(policy)
        done = uv.call_uv(arguments, log=log, environ=environ, offline=policy.offline or exact)
        if done.exit_code != 0 and exact and not policy.offline:
            done = uv.call_uv(arguments, log=log, environ=environ)
    if done.exit_code != 0:
        what = f"the packages are not available for Python {machine.python} on {_name_platform(machine)}"
        raise uv_failures.explain_failure(what, done, log, offline=policy.offline)


def _suits_machine(platform: str, machine: Machine) -> bool:
    """Whether what is built on ``platform`` (``linux-x86_64-glibc2.36``) works on the machine too."""
    system, _, glibc = platform.rpartition("-glibc")
    is_same = system == f"linux-{machine.architecture}" and bool(machine.glibc)
    return is_same and _version_numbers(glibc) <= _version_numbers(machine.glibc)


def _version_numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _forget_notes(target: Path) -> None:
    """Remove what uv notes of this machine: its lock, and the times of the wheels that it took."""
    (target / ".lock").unlink(missing_ok=True)
    for note in target.glob(f"*.dist-info/{_NOTE}"):
        note.unlink()
        record = note.with_name("RECORD")
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        record.unlink()  # it may be one file with that in uv's cache
        record.write_text("".join(line for line in lines if f"/{_NOTE}," not in line), encoding="utf-8")


def _name_platform(machine: Machine) -> str:
    """uv's word for the machine: with the newest C library that it knows and the machine has."""
    if not machine.glibc:
        return f"{machine.architecture}-unknown-linux-musl"
    minor = _version_numbers(machine.glibc)[1]
    return f"{machine.architecture}-manylinux_2_{next((known for known in _GLIBC if known <= minor), 17)}"


def compile_modules(lock: Lock, target: Path, place: str, log: Path) -> None:
    """Compile the modules in ``target`` for their final folder ``place``; the same sources give the same
    bytes.

    Without the lock's Python on this machine nothing is compiled: it only starts slower.
    """
    facts = read_json(lock.text)
    found = interpreters.find_present(
        interpreters.exact_request(facts["implementation"], facts["python"]), log
    )
    if found is None:
        logger.info("Modules are not compiled: Python %s is not on this machine", facts["python"])
        return
    compile_by(found.path, target, place, log)


def compile_by(python: Path, target: Path, place: str, log: Path) -> None:
    """As :func:`compile_modules`, by the interpreter ``python``."""
    options = ["-q", "-q", "--invalidation-mode", "unchecked-hash", "-x", "/tests?/", "-p", place]
    argv = [
        str(python),
        "-s",
        "-W",
        "ignore",
        "-m",
        "compileall",
        *options,
        "-s",
        str(target),
        str(target),
    ]
    # Sets of constants are written in the order of their hashes.
    environ = {"PYTHONHASHSEED": "0", "PYTHONPATH": None, "PYTHONHOME": None, "PYTHONOPTIMIZE": None}
    with spinner("Compiling modules"), scratch() as empty:
        # Some packages have templates that are not Python; then it exits with 1, and has compiled the rest.
        run(argv, cwd=empty, check=False, timeout=_COMPILE_SECONDS, log_file=log, environ=environ)
