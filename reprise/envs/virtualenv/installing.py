"""The create side of virtual environments: exactly what a lock says, into an empty folder."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from reprise.envs.pypi import uv, uv_failures
from reprise.envs.pythons import interpreters
from reprise.envs.virtualenv import resolving
from reprise.errors import EnvError
from reprise.progress import spinner
from reprise.schemas.environment import Credentials, Lock, Policy, PythonEnv

# What constrained the resolution is in the lock, and uv takes no ranges together with hashes.
_RESOLVED: dict[str, str | None] = {"UV_CONSTRAINT": None}
_INDEXES = ("DEFAULT_INDEX", "INDEX", "INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS", "CONFIG_FILE")
_NOWHERE: dict[str, str | None] = {**{f"UV_{name}": None for name in _INDEXES}, "UV_NO_CONFIG": "1"}


def create_environment(lock: Lock, prefix: Path, policy: Policy, log: Path) -> None:
    """Fill the empty folder ``prefix`` with the locked packages, each checked against the hash that it has.

    Raises:
        EnvError: the interpreter, a package or the sources of a local project are not available.
    """
    facts = json.loads(lock.text)
    root = root_of(lock, facts, prefix)
    wanted = interpreters.exact_request(facts["implementation"], facts["python"])
    python = interpreters.find_interpreter(wanted, log, offline=policy.offline)
    with spinner(f"Creating environment {prefix.name}"):
        arguments = ["venv", "--no-project", "--python", str(python.path), str(prefix)]
        made = uv.call_uv(arguments, log=log, cwd=prefix, offline=policy.offline)
        if made.exit_code != 0:
            raise uv_failures.explain_failure(f"cannot create environment {prefix.name}", made, log)
        if facts["requirements"]:
            _install_packages(facts, prefix, root, lock.credentials, policy, log)


def root_of(lock: Lock, facts: dict[str, Any], prefix: Path) -> Path | None:
    """The project's folder, where it is known; its own packages must be as they were locked."""
    root = Path(facts["root"]) if "root" in facts else lock.root
    local = facts.get("local")
    if not local:
        return root if root and root.is_dir() else None
    if root is None or not root.is_dir():
        names = ", ".join(project["path"] for project in local)
        where = f"in {root}, which was removed" if root else "of its project, which is not available"
        raise EnvError(f"environment {prefix.name} installs {names} {where}")
    if changed := resolving.find_changed_project(lock.text, root):
        raise EnvError(
            f"environment {prefix.name} installs {changed} in {root}, which does not match the lock",
            hint="check out the version of the project for which the lock was made",
        )
    return root


def _install_packages(
    facts: dict[str, Any],
    prefix: Path,
    root: Path | None,
    credentials: Credentials,
    policy: Policy,
    log: Path,
) -> None:
    arguments = ["pip", "sync", "--python", str(prefix / "bin" / "python"), *taken_from(policy)]
    exact = not facts.get("local") and all_hashed(facts["requirements"])
    if exact:
        arguments.append("--require-hashes")
    if "as_of" in facts and policy.packages is None:
        # What is built is built by the tools of the time.
        arguments += ["--exclude-newer", facts["as_of"]]
    built = any(not project["editable"] for project in facts.get("local", ()))
    if built and not (policy.offline or uv.is_offline()):
        # uv keeps what it built from a folder for as long as the folder's pyproject.toml is untouched.
        arguments.append("--refresh")
    sources = () if policy.packages else (anchor_option(line, root) for line in facts["sources"])
    with uv.requirements_file((*sources, *facts["requirements"]), credentials) as source:
        arguments.append(str(source))
        # Packages pinned by hashes in uv's cache need no request to the index, which takes longer than the
        # rest; uv reports a missing package at once.
        call = partial(uv.call_uv, arguments, log=log, cwd=root or prefix, environ=uv_settings(policy))
        done = call(offline=policy.offline or exact)
        if done.exit_code != 0 and exact and not policy.offline:
            done = call()
    if done.exit_code != 0:
        what = f"cannot install the packages of environment {prefix.name}"
        error = uv_failures.explain_failure(what, done, log, offline=policy.offline)
        if uv_failures.find_unbuilt(done):
            error = _with_other_pythons(error, facts, root or prefix, policy, log)
        raise error


def _with_other_pythons(
    error: EnvError, facts: dict[str, Any], root: Path, policy: Policy, log: Path
) -> EnvError:
    from reprise.envs.project_files.pyproject import Pyproject
    from reprise.envs.project_files.requirements import Requirements
    from reprise.envs.pythons.candidates import Candidate
    from reprise.envs.virtualenv import pins
    from reprise.envs.virtualenv.question import ResolutionQuestion
    from reprise.envs.virtualenv.wheel_hints import with_other_pythons

    found = pins.read_pins(facts["requirements"], None, root)
    pinned = [*facts["sources"], *(pin.head for pin in found if "==" in pin.head)]
    question = ResolutionQuestion(PythonEnv(root), Requirements(()), Pyproject(), policy, log)
    return with_other_pythons(error, question, Candidate(facts["python"]), pinned)


def taken_from(policy: Policy) -> list[str]:
    """The options that say where packages come from, beside what the lock and the user's settings say."""
    if policy.packages is None:
        return uv.no_index()
    return ["--no-index", "--find-links", str(policy.packages)]


def uv_settings(policy: Policy) -> dict[str, str | None]:
    """Return the variables of uv to unset; a folder of packages is the only source."""
    return _RESOLVED if policy.packages is None else {**_RESOLVED, **_NOWHERE}


def anchor_option(line: str, root: Path | None) -> str:
    """An index option with a folder of the project as one that means the same from anywhere."""
    option, _, value = line.partition(" ")
    return f"{option} {root / value}" if root and value.startswith("./") else line


def all_hashed(lines: list[str]) -> bool:
    """True when every requirement continues on a line with its hash."""
    starts = [i for i, line in enumerate(lines) if not line.startswith((" ", "#", "-"))]
    return all(lines[i].endswith("\\") and "--hash=" in lines[i + 1] for i in starts)
