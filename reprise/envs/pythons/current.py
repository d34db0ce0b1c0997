"""The current Python: of the activated environment, else the first on PATH, else ours."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from reprise.children import interpreter
from reprise.envs.pythons.facts import PythonFacts, describe_python
from reprise.named_tuple import NamedTuple

ACTIVATED = ("VIRTUAL_ENV", "CONDA_PREFIX")
NONE_ON_PATH = "the Python that runs reprise, as none on PATH works"
_NAMES = ("python", "python3")


class CurrentPython(NamedTuple):
    """``reason`` says why it was taken; ``broken`` are those before it that do not work."""

    facts: PythonFacts
    reason: str
    is_activated: bool = False
    broken: tuple[Path, ...] = ()


def find_current_python(folder: Path, environ: Mapping[str, str]) -> CurrentPython:
    """The Python that a user with ``environ`` is in, as seen from ``folder``."""
    broken: list[Path] = []
    path = [part for part in environ.get("PATH", os.defpath).split(os.pathsep) if part]
    for program, variable in _find_activated(path, environ):
        if facts := describe_python(program, folder):
            reason = f"that of the activated environment ({variable})"
            return CurrentPython(facts, reason, is_activated=True, broken=tuple(broken))
        broken.append(program)
    for program in _on_path(path, folder, environ):
        if facts := describe_python(program, folder):
            return CurrentPython(facts, f"the first {program.name} on PATH", broken=tuple(broken))
        broken.append(program)
    ours = describe_python(Path(interpreter()), folder)
    assert ours is not None
    return CurrentPython(ours, NONE_ON_PATH, broken=tuple(broken))


def _find_activated(path: list[str], environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Those of activated environments, each with its variable; first the one that PATH finds first."""
    folders = {name: f"{environ[name].rstrip('/')}/bin" for name in ACTIVATED if environ.get(name)}
    by_place = sorted(
        folders, key=lambda name: path.index(folders[name]) if folders[name] in path else len(path)
    )
    for name in by_place:
        # an environment of conda need not have a Python
        if _is_program(program := Path(folders[name], "python")) or name == "VIRTUAL_ENV":
            yield program, name


def _on_path(path: list[str], folder: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    for name in _NAMES:
        for part in path:
            if _is_program(program := Path(folder, part, name)):
                yield _behind_shim(program, folder, environ)


def _behind_shim(program: Path, folder: Path, environ: Mapping[str, str]) -> Path:
    """The interpreter that a shim of pyenv starts; ``program`` for all else, or when only it knows."""
    root = program.parent.parent
    if program.parent.name != "shims" or not (root / "versions").is_dir():
        return program
    files = [*(parent / ".python-version" for parent in (folder, *folder.parents)), root / "version"]
    chosen = [word for word in environ.get("PYENV_VERSION", "").split(":") if word]
    chosen = chosen or next((words for file in files if (words := _read_words(file))), ["system"])
    found = root / "versions" / chosen[0] / "bin" / program.name
    return found if _is_program(found) else program


def _read_words(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [word for line in lines for word in line.partition("#")[0].split()]


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
