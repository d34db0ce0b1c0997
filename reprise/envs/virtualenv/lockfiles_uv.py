"""``uv.lock`` beside a ``pyproject.toml``: uv itself says whether it fits, and writes it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from reprise.envs.pypi import uv, uv_failures
from reprise.envs.pythons.candidates import Candidate
from reprise.envs.virtualenv import pins
from reprise.envs.virtualenv.lockfiles import HeldLock
from reprise.envs.virtualenv.uv_compile import call_and_mend
from reprise.schemas.environment import Policy

logger = logging.getLogger(__name__)

_NAME = re.compile(r'^name = "([^"]+)"$', re.MULTILINE)
_AS_OF = re.compile(r'^\[options\]\n(?:[^\[\n].*\n)*?exclude-newer = "(?P<time>[^"]+)"', re.MULTILINE)


def as_of(content: str) -> str | None:
    """The time up to which a ``uv.lock`` was resolved, as it says itself."""
    found = _AS_OF.search(content)
    return found["time"] if found else None


def list_names(content: str) -> list[str]:
    """The packages of a ``uv.lock``."""
    return _NAME.findall(content)


def read_held(
    file: Path, pyproject: Path, python: Path, markers: Mapping[str, str], policy: Policy, log: Path
) -> HeldLock:
    """What ``file`` says for the project, and whether uv finds that it fits.

    Raises:
        EnvError: uv cannot read it.
    """
    time = as_of(file.read_text(encoding="utf-8", errors="replace"))
    export = ["export", "--no-dev", "--format=requirements.txt", "--no-header", "--no-annotate"]
    export += ["--python", str(python)]
    strict = ["--locked", *(["--exclude-newer", time] if time else ()), *uv.no_index()]
    here = Candidate("", python)
    asked = call_and_mend([*export, *strict], here, cwd=pyproject.parent, log=log, offline=policy.offline)
    result = asked.result
    fits = result.exit_code == 0
    if not fits:
        result = uv.call_uv([*export, "--frozen"], log=log, cwd=pyproject.parent, offline=policy.offline)
    if result.exit_code != 0:
        raise uv_failures.explain_failure(f"cannot use {file}", result, log)
    found = pins.read_pins(result.stdout.splitlines(), markers, pyproject.parent)
    return HeldLock(file, found, fits, as_of=time)


def write_lock_file(file: Path, pyproject: Path, python: Path, policy: Policy, log: Path) -> None:
    """Resolve and write ``file``, the project's ``uv.lock``.

    Raises:
        EnvError: it cannot be resolved.
    """
    time = policy.as_of
    if time is None and policy.upgrade is None and file.is_file():
        time = as_of(file.read_text(encoding="utf-8", errors="replace"))
    arguments = ["lock", "--python", str(python), *uv.no_index(), *upgrade_options(policy.upgrade)]
    arguments += ["--exclude-newer", time] if time else []
    here = Candidate("", python)
    done = call_and_mend(arguments, here, cwd=pyproject.parent, log=log, offline=policy.offline)
    if done.result.exit_code != 0:
        raise uv_failures.explain_failure(
            f"cannot lock {pyproject}", done.result, log, offline=policy.offline, as_of=time
        )
    for note in done.notes:
        logger.info("%s", note)


def upgrade_options(names: Sequence[str] | None) -> list[str]:
    if names is None:
        return []
    return [word for name in names for word in ("--upgrade-package", name)] or ["--upgrade"]
