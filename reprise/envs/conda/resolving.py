"""The lock side of conda environments: a conda.yaml becomes records and pinned requirements.

A valid lock file next to the project takes precedence. Results are cached by the digest of all their
inputs, so that a known project neither solves nor imports rattler.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from reprise.envs.base import current_interpreter
from reprise.envs.cache import resolutions
from reprise.envs.conda import channels as conda_channels
from reprise.envs.conda import credentials
from reprise.envs.conda import records as conda_records
from reprise.envs.conda.records import CondaLock
from reprise.envs.project_files import requirement_files, requirements
from reprise.envs.project_files.credentials import hide_credentials
from reprise.envs.project_files.requirement_text import join_lines
from reprise.envs.project_files.requirements import Requirements
from reprise.envs.pypi import pip_settings
from reprise.envs.virtualenv import resolving
from reprise.errors import EnvError
from reprise.file_lock import exclusive
from reprise.schemas.environment import CondaEnv, Credentials, Lock, Policy

if TYPE_CHECKING:
    from reprise.envs.conda.solve import SolverQuestion

logger = logging.getLogger(__name__)

_FORMAT = 1
_INDIFFERENT = {"UV_OFFLINE", "UV_NO_PROGRESS", "UV_CACHE_DIR", "UV_LINK_MODE"}
_DRIVER = Path("/proc/driver/nvidia/version")


def lock_environment(spec: CondaEnv, policy: Policy, log: Path) -> Lock:
    """The lock of ``spec`` for this machine, from memory where all that decides it is as it was.

    Raises:
        EnvError: it cannot be resolved, or ``policy.locked`` without a valid lock file.
    """
    spec = make_absolute(spec)
    asked = read_requirements(spec)
    key = _key_of(spec, asked, policy)
    found = _recall_lock(key, spec) if policy.upgrade is None else None
    if found is None:
        with exclusive(resolutions.path_of(key).with_suffix(".lock"), f"the resolution of {spec.file}"):
            found = _recall_lock(key, spec) if policy.upgrade is None else None
            found = found or _make_lock(spec, asked, policy, key, log)
    if note := resolutions.recall_note(key):
        logger.warning("%s", note)
    root = spec.file.parent if '"local"' in found.text else None
    return found._replace(root=root, credentials=_read_credentials(spec, asked))


def read_credentials(spec: CondaEnv) -> Credentials:
    """Those in the pip section of ``spec``, in the files that it names, and in the lock beside it.

    Raises:
        ProjectError: a file that it names is missing or broken.
    """
    spec = make_absolute(spec)
    return _read_credentials(spec, read_requirements(spec))


def _read_credentials(spec: CondaEnv, asked: Requirements) -> Credentials:
    held = [path.read_text("utf-8", "replace") for path in _lock_files(spec.file.parent)]
    return credentials.collect_of_files(spec, (*asked.texts, *held))


def read_requirements(spec: CondaEnv) -> Requirements:
    """Return the lines of the pip section with their files, relative to the file that contains it.

    Raises:
        ProjectError: a file that it names does not exist.
    """
    return requirement_files.read_requirements(spec.pip, spec.file.parent, spec.file)


def make_absolute(spec: CondaEnv) -> CondaEnv:
    return spec._replace(root=spec.root.absolute(), file=spec.file.absolute())


def digest_request(spec: CondaEnv, asked: Requirements) -> str:
    """Of all that decides a resolution in the project itself: the same on every machine."""
    decisive = [
        _FORMAT,
        [credentials.hide_secrets(name) for name in spec.channels],
        [re.sub(r"\s+", " ", credentials.hide_secrets(written)) for written in spec.dependencies],
        [hide_credentials(line) for line in join_lines(spec.pip)],
        [
            (os.path.relpath(file, spec.file.parent), [*join_lines(text.splitlines())])
            for file, text in asked.files
        ],
    ]
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()


def specs_of(spec: CondaEnv, python: str | None = None) -> tuple[str, ...]:
    """The match specs, with a Python where only the pip section needs one.

    Args:
        python: the version that the user wants instead of the one that ``spec`` says.
    """
    if python is not None:
        others = (written for written in spec.dependencies if not _is_python(written))
        return (*others, f"python{'=' if python[0].isdigit() else ''}{python.replace(' ', '')}")
    named = any(map(_is_python, spec.dependencies))
    return spec.dependencies if named or not spec.pip else (*spec.dependencies, "python")


def _is_python(dependency: str) -> bool:
    return re.match(r"(?:\S+::)?python(?![\w.-])", dependency.strip()) is not None


def _other_python(held: CondaLock, python: str | None) -> str | None:
    """A sentence where the Python of ``held`` is not the one that the user wants."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if python is None:
        return None
    version = next((record.version for record in held.records if record.name == "python"), "")
    wanted = f"=={python}.*" if python[0].isdigit() and not python.endswith("*") else python
    try:
        fits = bool(version) and version in SpecifierSet(wanted)
    except InvalidSpecifier:
        fits = False
    return None if fits else f"it has Python {version or 'without a version'}, and --python is {python}"


def resolve_packages(
    spec: CondaEnv,
    asked: Requirements,
    platform: str,
    policy: Policy,
    log: Path,
    preferred: CondaLock | None = None,
) -> CondaLock:
    """The packages of ``spec`` for ``platform``; versions of ``preferred`` stay where they fit.

    Raises:
        EnvError: there is no resolution; the message names the cause.
    """
    from reprise.envs.conda import pip, solve
    from reprise.envs.virtualenv import pins
    from reprise.progress import spinner
    from reprise.units import counted

    started = monotonic()
    question = question_of(spec, platform, policy, preferred)
    with spinner("Resolving conda packages"):
        records = solve.solve_question(question)
    logger.info("Resolved %s in %.1f s", counted(len(records), "conda package"), monotonic() - started)
    found = CondaLock(platform, records)
    if not asked.lines:
        return found
    started = monotonic()
    kept = pins.read_pins(preferred.pip.requirements, None, spec.file.parent) if preferred else ()
    with spinner("Resolving the pip section"):
        part = pip.resolve_pip(spec, asked, records, platform, policy, log, kept)
    count = sum(not line.startswith(" ") for line in part.requirements)
    packages = counted(count, "package")
    logger.info("Resolved %s of the pip section in %.1f s", packages, monotonic() - started)
    return found._replace(pip=part)


def question_of(
    spec: CondaEnv, platform: str, policy: Policy, preferred: CondaLock | None
) -> SolverQuestion:
    from reprise.envs.conda import solve

    settings = conda_channels.read_settings(os.environ)
    channels = conda_channels.for_project(spec.channels, settings, spec.file.parent)
    if not spec.channels and not settings["channels"]:
        logger.info("%s has no channels: using %s", spec.file, channels[0].name)
    return solve.SolverQuestion(
        specs_of(spec, policy.python),
        channels,
        settings,
        platform,
        spec.file,
        policy.as_of,
        policy.offline,
        preferred.records if preferred else (),
    )


def drop_upgraded(held: CondaLock, upgrade: Sequence[str] | None) -> CondaLock | None:
    """What of an earlier lock is to stay: all of it, nothing, or all but the packages of ``upgrade``."""
    if upgrade is None:
        return held
    if not upgrade:
        return None
    names = {requirements.canonical_name(name) for name in upgrade}
    lines = [
        line
        for line in join_lines(held.pip.requirements)
        if requirements.canonical_name(re.split(r"[=@\s\[]", line, maxsplit=1)[0]) not in names
    ]
    return held._replace(
        records=tuple(
            record for record in held.records if requirements.canonical_name(record.name) not in names
        ),
        pip=held.pip._replace(requirements=tuple(lines)),
    )


def _make_lock(spec: CondaEnv, asked: Requirements, policy: Policy, key: str, log: Path) -> Lock:
    from reprise.envs.conda import lockfiles

    platform = conda_records.current_platform()
    file, note, preferred = lockfiles.find_lock_file(spec), "", None
    found = None
    if file is not None:
        held = lockfiles.read_lock_file(file)
        preferred = lockfiles.as_lock(held, spec, asked, platform)
        if policy.upgrade is None:
            why = lockfiles.find_misfit(held, spec, asked, digest_request(spec, asked), platform)
            why = why or (_other_python(preferred, policy.python) if preferred else None)
            if why is None:
                found, note = (
                    preferred,
                    f"{file.name} takes precedence over --as-of" if policy.as_of else "",
                )
            elif policy.locked:
                raise EnvError(
                    f"{file} does not match {spec.file}: {why}", hint="update it with reprise lock"
                )
            else:
                # By names: the sentence is cached, and the next checkout of the project is elsewhere.
                note = f"{file.name} does not match {spec.file.name}: {why}"
                note += "; resolved again (use reprise lock to update it)"
        preferred = drop_upgraded(preferred, policy.upgrade) if preferred else None
    elif policy.locked:
        raise EnvError(
            f"--locked: there is no lock file next to {spec.file}", hint="create it with reprise lock"
        )
    found = found or resolve_packages(spec, asked, platform, policy, log, preferred)
    made = conda_records.lock_of(found)
    resolutions.remember_lock(key, made, current_interpreter(), note)
    return made


def _recall_lock(key: str, spec: CondaEnv) -> Lock | None:
    """What memory says, unless a local project of the pip section has changed since."""
    known = resolutions.recall_lock(conda_records.NAME, key)
    if known is None:
        return None
    if '"local"' in known.text and resolving.find_changed_project(known.text, spec.file.parent):
        return None
    return known


def _key_of(spec: CondaEnv, asked: Requirements, policy: Policy) -> str:
    """The digest of everything that decides a resolution; two checkouts of the same files share it."""
    folder = spec.file.parent
    relative = any(name.startswith((".", "~")) for name in spec.channels)
    linked = not spec.passing and any(project.editable for project in asked.local)
    decisive = [
        digest_request(spec, asked),
        str(folder) if relative or linked else "",
        [os.path.relpath(project.path, folder) for project in asked.local],
        asked.variables,
        policy.python,
        spec.passing,
        [policy.locked, policy.as_of],
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in _lock_files(folder)],
        conda_channels.settings_texts(os.environ),
        _describe_machine(),
        [str(current_interpreter()), sys.version] if asked.lines else "",
        pip_settings.decisive_settings(os.environ) if asked.lines else "",
        sorted(
            (name, value)
            for name, value in os.environ.items()
            if name.startswith("CONDA_OVERRIDE_")
            or (asked.lines and name.startswith("UV_") and name not in _INDIFFERENT)
        ),
    ]
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()


def _lock_files(folder: Path) -> list[Path]:
    return [
        path
        for name in (conda_records.CONDA_LOCK, conda_records.PIXI_LOCK)
        if (path := folder / name).is_file()
    ]


def _describe_machine() -> list[str]:
    """Return the properties of this machine for the solver, as cheaply as possible."""
    system = os.uname()
    libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else ""
    driver = _DRIVER.read_text(errors="replace") if _DRIVER.exists() else ""
    release = system.release if system.sysname == "Darwin" else ""
    return [conda_records.current_platform(), system.sysname, release, libc or "", driver]
