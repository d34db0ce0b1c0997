"""The lock side of virtual environments: a spec becomes pinned packages with hashes.

A lock file beside the project decides where it fits. The answer is remembered by the digest of all that
decided it, so that a known project starts no uv.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from reprise.envs.base import current_interpreter
from reprise.envs.cache import resolutions
from reprise.envs.project_files import local_projects, requirement_files
from reprise.envs.project_files.credentials import collect_credentials, hide_credentials
from reprise.envs.project_files.requirements import Requirements
from reprise.envs.pypi import pip_settings, uv_config
from reprise.envs.virtualenv import lock_places
from reprise.file_lock import exclusive
from reprise.schemas.environment import Credentials, Lock, Policy, PythonEnv

if TYPE_CHECKING:
    from reprise.envs.virtualenv.pins import Pin
    from reprise.envs.virtualenv.question import Resolved

logger = logging.getLogger(__name__)

FORMAT = 2
# They change how uv works, and not what it finds.
_INDIFFERENT = (
    "UV_OFFLINE",
    "UV_NO_PROGRESS",
    "UV_CACHE_DIR",
    "UV_LINK_MODE",
    "UV_CONCURRENT_",
    "UV_HTTP_",
)


def lock_environment(manager: str, spec: PythonEnv, policy: Policy, log: Path) -> Lock:
    """Return the lock of ``spec``, cached if all its inputs are unchanged.

    Raises:
        EnvError: it cannot be resolved, or ``policy.locked`` without a valid lock file.
        ProjectError: a file that it names is missing or broken.
    """
    spec = make_absolute(spec)
    asked = read_requirements(spec)
    key = _key_of(spec, asked, policy)
    found = _recall_lock(manager, key, spec)
    if found is None:
        with exclusive(
            resolutions.path_of(key).with_suffix(".lock"), f"the resolution of {show_spec(spec)}"
        ):
            found = _recall_lock(manager, key, spec) or _make_lock(manager, spec, asked, policy, key, log)
    if note := resolutions.recall_note(key):
        logger.warning("%s", note)
    return found._replace(
        root=spec.root if _needs_root(spec, found) else None, credentials=_read_credentials(spec, asked)
    )


def read_credentials(spec: PythonEnv) -> Credentials:
    """Those in the requirement files of ``spec``, and in the files beside them that uv reads.

    Raises:
        ProjectError: a file that it names is missing or broken.
    """
    spec = make_absolute(spec)
    return _read_credentials(spec, read_requirements(spec))


def _read_credentials(spec: PythonEnv, asked: Requirements) -> Credentials:
    return collect_credentials((*asked.texts, *_read_settings(spec).values()))


def read_requirements(spec: PythonEnv) -> Requirements:
    """The requirement lines of ``spec`` with all that they refer to."""
    return requirement_files.read_requirements(
        (*spec.build_dependencies, *spec.dependencies), spec.root, spec.file
    )


def make_absolute(spec: PythonEnv) -> PythonEnv:
    """``spec`` with paths that mean the same to uv, which runs in the project's root."""
    pyproject = spec.pyproject.absolute() if spec.pyproject else None
    return spec._replace(root=spec.root.absolute(), pyproject=pyproject)


def show_spec(spec: PythonEnv) -> str:
    return str(spec.file or spec.root)


def _make_lock(
    manager: str, spec: PythonEnv, asked: Requirements, policy: Policy, key: str, log: Path
) -> Lock:
    from reprise.envs.project_files import pyproject
    from reprise.envs.virtualenv import choosing
    from reprise.envs.virtualenv.question import ResolutionQuestion
    from reprise.progress import spinner
    from reprise.units import counted

    started = monotonic()
    with spinner("Resolving packages"):
        resolved = choosing.resolve_packages(
            ResolutionQuestion(spec, asked, pyproject.read_pyproject(spec), policy, log)
        )
    made = Lock(manager, _format_lock(spec, asked, resolved), notes=resolved.notes)
    resolutions.remember_lock(key, made, resolved.python.path, resolved.note)
    count = counted(len(resolved.pins), "package")
    done = f"Took {count} from {resolved.taken_from}" if resolved.taken_from else f"Resolved {count}"
    logger.info("%s in %.1f s", done, monotonic() - started)
    return made


def _format_lock(spec: PythonEnv, asked: Requirements, resolved: Resolved) -> str:
    """The lock's text. A folder of this machine is in it only where something is linked to there."""
    from reprise.envs.virtualenv import pins

    locked = [pin._replace(head=pin.head.removeprefix("-e ")) for pin in resolved.pins]
    locked = locked if spec.passing else list(resolved.pins)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "implementation": resolved.python.implementation,
        "python": resolved.python.version,
        "platform": resolved.python.platform,
        "sources": [hide_credentials(line) for line in project_sources(spec, asked)],
        "requirements": [hide_credentials(line) for line in pins.format_lines(locked)],
    }
    if local := [_local_project(spec.root, pin) for pin in locked if pin.path]:
        facts["local"] = local
    if any(project["editable"] for project in local):
        facts["root"] = str(spec.root)
    if resolved.as_of:
        facts["as_of"] = resolved.as_of
    return json.dumps(facts, indent=1) + "\n"


def project_sources(spec: PythonEnv, asked: Requirements) -> list[str]:
    """The index options that the project's files bring along, with folders seen from its root."""
    found = []
    for line in asked.sources:
        option, _, value = line.partition(" ")
        if option == "--find-links" and Path(value).is_relative_to(spec.root):
            line = f"{option} ./{Path(value).relative_to(spec.root).as_posix()}"
        found.append(line)
    return found


def _local_project(root: Path, pin: Pin) -> dict[str, Any]:
    assert pin.path is not None
    digest = local_projects.digest_project(root / pin.path, editable=pin.editable)
    return {"path": pin.path, "editable": pin.editable, "digest": digest}


def _recall_lock(manager: str, key: str, spec: PythonEnv) -> Lock | None:
    """What memory says, unless a local project has changed since."""
    known = resolutions.recall_lock(manager, key)
    if known is None or find_changed_project(known.text, spec.root):
        return None
    return known


def find_changed_project(text: str, root: Path) -> str | None:
    """Return the path of a local project in a lock that changed in ``root``, or None."""
    if '"local"' not in text:  # most have none, and reading a long lock takes as long as all the rest
        return None
    for project in json.loads(text).get("local", ()):
        path = root / project["path"]
        if not path.exists():
            return str(project["path"])
        if local_projects.digest_project(path, editable=project["editable"]) != project["digest"]:
            return str(project["path"])
    return None


def _needs_root(spec: PythonEnv, found: Lock) -> bool:
    """Whether uv has to run in the project to install: for its local projects, or uv's settings there."""
    return bool(_read_settings(spec)) or '"local"' in found.text or '"--find-links ./' in found.text


def _key_of(spec: PythonEnv, asked: Requirements, policy: Policy) -> str:
    """The digest of everything that decides a resolution; two checkouts of the same files share it.

    Local projects are looked at on each recall, for the packages of a workspace are not known here.
    """
    linked = not spec.passing and (spec.pyproject or any(project.editable for project in asked.local))
    decisive = [
        FORMAT,
        policy.python or spec.python,
        "" if asked.lines or spec.pyproject else [str(current_interpreter()), sys.version],
        _describe_machine(),
        spec.build_dependencies,
        spec.dependencies,
        [(os.path.relpath(path, spec.root), text) for path, text in asked.files],
        [os.path.relpath(project.path, spec.root) for project in asked.local],
        str(spec.root) if linked else "",
        spec.passing,
        asked.variables,
        [policy.locked, policy.as_of],
        _lock_file_digest(spec),
        _read_settings(spec),
        pip_settings.decisive_settings(os.environ),
        uv_config.config_texts(os.environ),
        sorted(
            (name, value)
            for name, value in os.environ.items()
            if name.startswith("UV_") and not name.startswith(_INDIFFERENT)
        ),
    ]
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()


def _lock_file_digest(spec: PythonEnv) -> str:
    """The digest of the lock file beside the project; empty where there is none."""
    try:
        return hashlib.sha256(lock_places.lock_file_of(spec).read_bytes()).hexdigest()
    except OSError:
        return ""


def _read_settings(spec: PythonEnv) -> dict[str, str]:
    """The texts of the files in the project's root that uv reads by itself, by name."""
    names = ("uv.toml", "pyproject.toml", *((".python-version",) if spec.pyproject else ()))
    files = {name: spec.root / name for name in names}
    return {
        name: file.read_text(encoding="utf-8", errors="replace")
        for name, file in files.items()
        if file.is_file()
    }


def _describe_machine() -> list[str]:
    system = os.uname()
    libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else ""
    return [system.sysname, system.machine, libc or ""]
