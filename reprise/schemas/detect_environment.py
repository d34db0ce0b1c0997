"""The environment of a project that names none, by the files in its folder.

MLflow's own files come first, since ``mlflow run`` takes them too. Then those that say more: one of conda's
kind also says the interpreter and what is not of Python, a ``pyproject.toml`` says the range of Pythons, a
``requirements.txt`` neither.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from reprise.schemas import python_request
from reprise.schemas.environment import CondaEnv, EnvSpec, PythonEnv
from reprise.schemas.environment_files import is_file, read_named, read_toml
from reprise.schemas.faults import START, Findings, Position

Found: TypeAlias = tuple[EnvSpec, str, Findings | None]
"""What, by which files, and what is wrong in them."""

_REQUIREMENTS = ("requirements/*.txt", "requirements-*.txt", "requirements_*.txt")


def recognise_environment(root: Path, *, check_file: bool) -> Found:
    """The environment that the files in ``root`` say. With ``check_file`` off none is opened."""
    for name, read in _FILES.items():
        if is_file(root / name) and (found := read(root, name, check_file)):
            return found
    return _one_of_requirements(root) or (
        PythonEnv(root),
        "no file says the environment: Python without packages",
        None,
    )


def _choose_spec(spec: EnvSpec, names: str, inner: Findings | None = None) -> Found:
    return spec, f"{names} (found in the project folder)", inner


def _python_env(root: Path, name: str, check_file: bool) -> Found:
    spec, inner = read_named("python_env", name, root, check_file=check_file)
    return _choose_spec(spec, name, inner)


def _conda_env(root: Path, name: str, check_file: bool) -> Found:
    spec, inner = read_named("conda_env", name, root, check_file=check_file)
    return _choose_spec(spec, name, inner)


def _recognise_pixi(root: Path, name: str, check_file: bool) -> Found:
    inner = Findings(name)
    if not check_file:
        return _choose_spec(CondaEnv(root, root / name), name, inner)
    from reprise.schemas import pixi

    return _choose_spec(pixi.read_pixi(root / name, root, inner), name, inner)


def _recognise_pyproject(root: Path, name: str, check_file: bool) -> Found | None:
    """None for a file that holds the settings of tools and no project."""
    inner = Findings(name)
    content = read_toml(root / name, inner) if check_file else None
    if content is not None and "project" not in content:
        return None
    wanted = content["project"].get("requires-python") if content and "project" in content else None
    if isinstance(wanted, str) and (sentence := python_request.fault_of(wanted)):
        inner.add_fault(_line_of(root / name, "requires-python"), ("project", "requires-python"), sentence)
    spec = PythonEnv(root, root / name, pyproject=root / name)
    return _choose_spec(spec, f"{name} with uv.lock" if is_file(root / "uv.lock") else name, inner)


def _recognise_requirements(root: Path, name: str, check_file: bool) -> Found:
    return _choose_spec(PythonEnv(root, root / name, dependencies=(f"-r {name}",)), name)


def _one_of_requirements(root: Path) -> Found | None:
    """Return the only file of another name with requirements; None if there are several."""
    files = sorted(path for pattern in _REQUIREMENTS for path in root.glob(pattern) if is_file(path))
    names = [path.relative_to(root).as_posix() for path in files]
    if len(names) == 1:
        return _recognise_requirements(root, names[0], True)
    if not names:
        return None
    inner = Findings(names[0])
    inner.add_warning(
        START,
        (),
        f"is not taken, and neither is any of {', '.join(names[1:])}: nothing says which; "
        'a python_env.yaml with "-r FILE" among its dependencies does',
    )
    return PythonEnv(root), "several files could say the environment: Python without packages", inner


def _line_of(file: Path, key: str) -> Position:
    """Return the line of ``key`` in a TOML file, whose parser does not provide it."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    numbers = (number for number, line in enumerate(lines, start=1) if line.lstrip().startswith(key))
    return Position(next(numbers, 1), 1)


_FILES: dict[str, Callable[[Path, str, bool], Found | None]] = {
    "python_env.yaml": _python_env,
    "conda.yaml": _conda_env,
    "pixi.toml": _recognise_pixi,
    "environment.yml": _conda_env,
    "environment.yaml": _conda_env,
    "pyproject.toml": _recognise_pyproject,
    "requirements.txt": _recognise_requirements,
}
