"""What a ``pyproject.toml`` adds to a resolution."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprise.envs.requirements import LocalProject
from reprise.errors import ProjectError
from reprise.schemas.environment import PythonEnv


@dataclass(frozen=True, slots=True)
class Pyproject:
    """``sources`` are files for ``uv pip compile``, ``lines`` requirement lines.

    ``locked``: a ``uv.lock`` decides the versions. ``configured``: the folder holds settings of uv's own,
    so that uv has to run there to install as well.
    """

    requires_python: str | None = None
    lines: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    local: tuple[LocalProject, ...] = ()
    locked: bool = False
    configured: bool = False


def read(spec: PythonEnv) -> Pyproject:
    """What ``spec.pyproject`` asks for; for other specs only whether uv is configured in their root.

    A project with a ``[build-system]`` is installed itself, editable, with its dependencies; of one
    without, only the dependencies are.
    """
    configured = (spec.root / "uv.toml").is_file()
    file = spec.pyproject or spec.root / "pyproject.toml"
    if not file.is_file():
        return Pyproject(configured=configured)
    content = _content(file)
    configured = configured or "uv" in _table(content, "tool")
    if spec.pyproject is None:
        return Pyproject(configured=configured)
    folder = file.parent
    installed = "build-system" in content
    return Pyproject(
        requires_python=_table(content, "project").get("requires-python"),
        lines=(f"-e {os.path.relpath(folder, spec.root)}",) if installed else (),
        sources=() if installed else (str(file),),
        local=(LocalProject(folder, editable=True),) if installed else (),
        locked=(folder / "uv.lock").is_file() and not (spec.build_dependencies or spec.dependencies),
        configured=configured,
    )


def _content(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProjectError(f"{file}: {error}") from error


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    table = content.get(name)
    return table if isinstance(table, dict) else {}
