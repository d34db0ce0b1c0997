"""Virtual environments made by uv from ``python_env.yaml``, ``requirements.txt`` or ``pyproject.toml``.

The lock is JSON: the interpreter, and the requirements as uv resolved them, with hashes. A resolution
is remembered by the digest of everything that decided it, so that a known project starts no uv.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from reprise.envs import (
    base,
    credentials,
    hashes,
    local_projects,
    pip_settings,
    requirements,
    resolutions,
    uv,
)
from reprise.envs.base import running
from reprise.envs.requirements import LocalProject, Requirements
from reprise.errors import EnvError
from reprise.lock import exclusive
from reprise.progress import spinner
from reprise.schemas.environment import (
    CondaEnv,
    DockerEnv,
    Environment,
    EnvSpec,
    Lock,
    Package,
    Policy,
    PythonEnv,
)
from reprise.schemas.job import Command

if TYPE_CHECKING:
    from reprise.envs.interpreters import Interpreter
    from reprise.envs.pyproject import Pyproject

logger = logging.getLogger(__name__)

NAME = "virtualenv"
KEEPS_FOLDER = True

unusable = uv.unusable
tags = base.no_tags
reached_at = base.at_loopback

_FORMAT = 1


def takes(spec: EnvSpec) -> PythonEnv:
    match spec:
        case PythonEnv():
            python = spec
        case CondaEnv():
            from reprise.envs import translate

            python = translate.to_python(spec)
        case DockerEnv():
            raise EnvError(
                f"the project runs in a container of {spec.image}; {NAME} makes no containers",
                hint="--env-manager docker, or --env-manager local to run it in the current environment",
            )
    read(python)
    return python


def lock(spec: EnvSpec, policy: Policy, log: Path) -> Lock:
    assert isinstance(spec, PythonEnv)
    spec = _absolute(spec)
    asked = read(spec)
    credentials.learn((*asked.lines, *(text for _, text in asked.files), *_settings(spec)))
    key = _key(spec, asked)
    if known := resolutions.recall(NAME, key):
        return known
    waiting = f"the resolution of {spec.file or spec.root}"
    with exclusive(resolutions.path(key).with_suffix(".lock"), waiting):
        return resolutions.recall(NAME, key) or _resolve(spec, asked, key, log)


def create(lock: Lock, prefix: Path, policy: Policy, log: Path) -> None:
    from reprise.envs import interpreters

    facts = json.loads(lock.text)
    if not Path(facts.get("root", prefix)).is_dir():
        raise EnvError(f"environment {prefix.name} installs from {facts['root']}, which is gone")
    python = interpreters.find(interpreters.exactly(facts["implementation"], facts["python"]), log)
    with spinner(f"Creating environment {prefix.name}"):
        arguments = ["venv", "--no-project", "--python", str(python.path), str(prefix)]
        made = uv.call(arguments, log=log, cwd=prefix)
        if made.exit_code != 0:
            raise uv.failure(f"environment {prefix.name} cannot be made", made, log)
        if facts["requirements"]:
            _install(facts, prefix, log)


def unhealthy(lock: Lock, prefix: Path) -> str | None:
    python = prefix / "bin" / "python"
    if not python.exists():
        return f"its Python is gone ({python.readlink() if python.is_symlink() else python})"
    if not (prefix / "pyvenv.cfg").is_file():
        return "its pyvenv.cfg is gone"
    return None


def enter(environment: Environment, command: Command) -> Command:
    entered = base.with_folder_on_path(command, environment.prefix / "bin")
    patch = (("VIRTUAL_ENV", str(environment.prefix)), ("PYTHONHOME", None))
    return entered._replace(environ=(*entered.environ, *patch))


def write_lock(spec: EnvSpec, policy: Policy, platforms: Sequence[str], log: Path) -> tuple[Path, ...]:
    raise EnvError("locks of Python packages cannot be written yet")


def packages(lock: Lock) -> tuple[Package, ...]:
    facts = json.loads(lock.text)
    python = Package(facts["implementation"], facts["python"], "python", build=facts["platform"])
    return (python, *requirements.pinned(facts["requirements"]))


def read(spec: PythonEnv) -> Requirements:
    """The requirement lines of ``spec`` with all that they refer to."""
    return requirements.read((*spec.build_dependencies, *spec.dependencies), spec.root, spec.file)


def _absolute(spec: PythonEnv) -> PythonEnv:
    """``spec`` with paths that mean the same to uv, which runs in the project's root."""
    pyproject = spec.pyproject.absolute() if spec.pyproject else None
    return spec._replace(root=spec.root.absolute(), pyproject=pyproject)


def _resolve(spec: PythonEnv, asked: Requirements, key: str, log: Path) -> Lock:
    from reprise.envs import interpreters, pyproject

    project = pyproject.read(spec)
    python = interpreters.find(spec.python or project.requires_python, log)
    started = monotonic()
    with spinner("Resolving packages"), _written((*project.lines, *asked.lines)) as source:
        if project.locked:
            arguments = ["export", "--frozen", "--no-dev", "--format=requirements.txt"]
        else:
            arguments = ["pip", "compile", "--generate-hashes", str(source), *project.sources, *_no_index()]
        arguments += ["--no-header", "--no-annotate", "--python", str(python.path)]
        result = uv.call(arguments, log=log, cwd=spec.root)
    if result.exit_code != 0:
        raise uv.failure(f"the packages of {spec.file or spec.root} cannot be resolved", result, log)
    resolved = hashes.honoured(result.stdout.splitlines(), asked.hashes)
    lock = Lock(NAME, _text(spec, python, resolved, asked, project))
    resolutions.remember(key, lock, python.path)
    packages = sum(not line.startswith((" ", "#", "--")) for line in resolved)
    logger.info("Resolved %d packages in %.1f s", packages, monotonic() - started)
    return lock


def _text(
    spec: PythonEnv, python: Interpreter, resolved: list[str], asked: Requirements, project: Pyproject
) -> str:
    """The lock's text. A folder of this machine is in it only where something there is installed."""
    facts: dict[str, Any] = {
        "format": _FORMAT,
        "implementation": python.implementation,
        "python": python.version,
        "platform": python.platform,
        "sources": [credentials.hidden(source) for source in asked.sources],
        "requirements": [credentials.hidden(line) for line in resolved],
    }
    local = _local(spec.root, (*project.local, *asked.local))
    if local or project.configured:
        facts |= {"root": str(spec.root), "local": local}
    return json.dumps(facts, indent=1) + "\n"


def _install(facts: dict[str, Any], prefix: Path, log: Path) -> None:
    """Install exactly the locked packages, each checked against its hash where it has one."""
    arguments = ["pip", "sync", "--python", str(prefix / "bin" / "python"), *_no_index()]
    if not facts.get("local") and _all_hashed(facts["requirements"]):
        arguments.append("--require-hashes")
    built = any(not project["editable"] for project in facts.get("local", ()))
    if built and not os.environ.get("UV_OFFLINE"):
        # uv keeps what it built from a folder for as long as the folder's pyproject.toml is untouched.
        arguments.append("--refresh")
    lines = map(credentials.restored, (*facts["sources"], *facts["requirements"]))
    with _written(lines) as source:
        done = uv.call([*arguments, str(source)], log=log, cwd=Path(facts.get("root", prefix)))
    if done.exit_code != 0:
        raise uv.failure(f"the packages of environment {prefix.name} cannot be installed", done, log)


def _no_index() -> list[str]:
    return ["--no-index"] if pip_settings.no_index(os.environ) else []


def _all_hashed(lines: list[str]) -> bool:
    """True when every requirement continues on a line with its hash."""
    starts = [i for i, line in enumerate(lines) if not line.startswith((" ", "#", "-"))]
    return all(lines[i].endswith("\\") and "--hash=" in lines[i + 1] for i in starts)


def _local(root: Path, projects: Iterable[LocalProject]) -> list[dict[str, Any]]:
    return [
        {
            "path": os.path.relpath(project.path, root),
            "editable": project.editable,
            "digest": local_projects.digest(project.path, editable=project.editable),
        }
        for project in dict.fromkeys(projects)
    ]


def _key(spec: PythonEnv, asked: Requirements) -> str:
    """The digest of everything that decides a resolution; two checkouts of the same files share it."""
    local = list(asked.local)
    if spec.pyproject is not None:
        local.append(LocalProject(spec.pyproject.parent, editable=True))
    decisive = [
        _FORMAT,
        spec.python or [str(running()), sys.version],
        _machine(),
        spec.build_dependencies,
        spec.dependencies,
        [(os.path.relpath(path, spec.root), text) for path, text in asked.files],
        _local(spec.root, local),
        str(spec.root) if asked.local or spec.pyproject else "",
        _settings(spec),
        [pip_settings.for_uv(os.environ), _no_index()],
        sorted((name, value) for name, value in os.environ.items() if name.startswith("UV_")),
    ]
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()


def _settings(spec: PythonEnv) -> list[str]:
    """The texts of the files in the project's root that uv reads by itself."""
    files = (spec.root / "uv.toml", spec.root / "pyproject.toml")
    return [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]


def _machine() -> list[str]:
    system = os.uname()
    libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else ""
    return [system.sysname, system.machine, libc or ""]


@contextmanager
def _written(lines: Iterable[str]) -> Iterator[Path]:
    """``lines`` as a requirements file that exists for the time of the block."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="reprise-") as folder:
        path = Path(folder) / "requirements.txt"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        yield path
