"""``reprise lock`` for projects of Python packages: ``uv.lock``, or ``requirements.lock`` with hashes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from reprise.durable import write_file
from reprise.envs import platforms
from reprise.envs.project_files import pyproject
from reprise.envs.project_files.requirements import canonical_name
from reprise.envs.pythons.candidates import Candidate
from reprise.envs.virtualenv import (
    interpreter_choice,
    lock_places,
    lockfiles,
    lockfiles_uv,
    pins,
    resolving,
)
from reprise.envs.virtualenv.lockfiles import Facts
from reprise.envs.virtualenv.pins import Pin
from reprise.envs.virtualenv.question import ResolutionQuestion
from reprise.errors import UsageError
from reprise.progress import spinner
from reprise.schemas.environment import Policy, PythonEnv
from reprise.schemas.platforms import current_platform


def write_lock_file(spec: PythonEnv, policy: Policy, wanted: Sequence[str], log: Path) -> Path:
    """Resolve ``spec`` for the platforms ``wanted`` (none: this machine's) and write its lock file.

    Versions of a lock that is there are kept where they fit, except for what ``policy.upgrade`` says.

    Raises:
        EnvError: it cannot be resolved.
        UsageError: a platform has no such name, or an upgraded package is none of the project's.
    """
    spec = resolving.make_absolute(spec)
    asked = resolving.read_requirements(spec)
    file = lock_places.lock_file_of(spec)
    before = lockfiles.read_text(file) or ""
    wanted = tuple(wanted) or lockfiles.read_facts(before).words or (current_platform(),)
    question = ResolutionQuestion(spec, asked, pyproject.read_pyproject(spec), policy, log)
    with spinner("Resolving packages"):
        if spec.pyproject is not None and file.name == lock_places.UV:
            _demand_known(policy.upgrade, lockfiles_uv.list_names(before), file)
            python = interpreter_choice.without_resolving(question)
            lockfiles_uv.write_lock_file(file, spec.pyproject, python.path, policy, log)
            return file
        held = pins.read_pins(before.splitlines(), None, spec.root)
        _demand_known(policy.upgrade, [pin.name for pin in held], file)
        as_of = policy.as_of or (lockfiles.read_facts(before).as_of if policy.upgrade is None else None)
        question = question._replace(policy=policy._replace(as_of=as_of))
        fitted = interpreter_choice.fit_packages(
            question, preferred=_keep_pins(held, policy.upgrade), options=partial(_for_platforms, wanted)
        )
    said = Facts(
        f"{fitted.python.implementation} {fitted.python.version}",
        ", ".join(wanted),
        lockfiles.digest_request(spec, asked),
        as_of,
    )
    locked = pins.read_pins(fitted.lines, None, spec.root)
    sources = resolving.project_sources(spec, asked)
    write_file(file, lockfiles.format_lock(said, file, sources, locked, fitted.notes))
    return file


def _keep_pins(held: Sequence[Pin], upgrade: Sequence[str] | None) -> list[Pin]:
    """The pins that stay: all, none, or all but those that are to be upgraded."""
    if upgrade == ():
        return []
    names = {canonical_name(name) for name in upgrade or ()}
    return [pin for pin in held if pin.name not in names]


def _demand_known(upgrade: Sequence[str] | None, names: Iterable[str], file: Path) -> None:
    unknown = [name for name in upgrade or () if canonical_name(name) not in names]
    if unknown:
        raise UsageError(
            f'--upgrade: "{unknown[0]}" is not in {file}',
            hint="use the name of a package in the lock, or none for all; the project comes "
            "first: reprise lock . --upgrade",
        )


def _for_platforms(wanted: Sequence[str], python: Candidate) -> list[str]:
    """One platform is resolved for as such; several at once, with markers where they differ.

    Other machines have other patch levels of Python, and newer series: markers distinguish them.
    """
    names = [platforms.uv_name(word) for word in wanted]
    if len(names) > 1:
        return ["--universal", "--python-version", python.series]
    return ["--python-platform", names[0]] if names and wanted[0] != current_platform() else []
