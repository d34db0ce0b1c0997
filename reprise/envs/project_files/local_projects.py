"""What a local project (``.``, ``-e ./lib``) would be built from, as a digest.

Only files that can be part of a build count: the build files and modules at the top, and the packages. The
outputs of training are in the same folder and must not cause a new environment.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

_BUILD_FILES = {"pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in"}
_SOURCE_FOLDERS = {"src", "lib"}


def digest_project(path: Path, *, editable: bool) -> str:
    """64 hex digits for an archive's bytes or a folder's sources.

    An editable project is installed by a link to its sources, so only its build files count.
    """
    found = hashlib.sha256()
    if path.is_file():
        found.update(path.read_bytes())
        return found.hexdigest()
    for file in sorted(_build_files(path) if editable else _list_sources(path)):
        found.update(f"{file.relative_to(path).as_posix()}\0".encode())
        found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def _build_files(folder: Path) -> Iterator[Path]:
    for name in _BUILD_FILES:
        if (folder / name).is_file():
            yield folder / name


def _list_sources(folder: Path) -> Iterator[Path]:
    yield from _build_files(folder)
    for entry in os.scandir(folder):
        path = Path(entry.path)
        if entry.is_file() and entry.name.endswith(".py") and entry.name != "setup.py":
            yield path
        elif entry.is_dir() and (entry.name in _SOURCE_FOLDERS or (path / "__init__.py").is_file()):
            yield from _walk_all(path)


def _walk_all(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if entry.name.startswith(".") or entry.name == "__pycache__" or entry.name.endswith(".egg-info"):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk_all(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)
