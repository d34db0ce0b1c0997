"""What a ``pyproject.toml`` adds to a resolution."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprise.errors import ProjectError
from reprise.schemas.environment import PythonEnv


@dataclass(frozen=True, slots=True)
class Pyproject:
    """``sources`` are files for ``uv pip compile``, ``lines`` requirement lines, ``python`` a request.

    ``dependencies`` are what the project itself says that it depends on.
    """

    python: str | None = None
    lines: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()


def read_pyproject(spec: PythonEnv) -> Pyproject:
    """What ``spec.pyproject`` asks for, if it has one.

    A project with a ``[build-system]`` is installed itself, editable, with its dependencies; without it,
    only the dependencies are. A ``.python-version`` next to it sets the Python, as for uv.

    Raises:
        ProjectError: the file cannot be read.
    """
    file = spec.pyproject
    if file is None:
        return Pyproject()
    content = _read_content(file)
    installed = "build-system" in content
    return Pyproject(
        python=_chosen_python(file.parent) or _read_table(content, "project").get("requires-python"),
        lines=(f"-e {os.path.relpath(file.parent, spec.root)}",) if installed else (),
        sources=() if installed else (str(file),),
        dependencies=tuple(map(str, _read_list(_read_table(content, "project"), "dependencies"))),
    )


def _chosen_python(folder: Path) -> str | None:
    """Return the first line of ``.python-version`` that is not a comment."""
    try:
        lines = (folder / ".python-version").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        return None
    return next((line.strip() for line in lines if line.strip() and not line.startswith("#")), None)


def _read_content(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProjectError(f"{file}: {error}") from error


def _read_table(content: dict[str, Any], name: str) -> dict[str, Any]:
    table = content.get(name)
    return table if isinstance(table, dict) else {}


def _read_list(table: dict[str, Any], name: str) -> list[Any]:
    found = table.get(name)
    return found if isinstance(found, list) else []
