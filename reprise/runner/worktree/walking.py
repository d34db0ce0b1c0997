"""The files and folders below a folder, with their states; what is made by running is passed over."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator

from reprise.named_tuple import NamedTuple

SECONDS = 5.0
"""For a listing. A larger folder is kept as far as it went, and the record says so."""

_NAMES = """
.hg .svn mlruns mlartifacts .venv venv __pycache__ .pytest_cache .mypy_cache .ruff_cache .tox .nox
.ipynb_checkpoints node_modules .cache .DS_Store
"""
_NEVER = frozenset(_NAMES.split())
_COMPILED = ".pyc"
_ENVIRONMENTS = frozenset((".venv", "venv", ".tox", ".nox", "node_modules", "site-packages"))

MADE_BY_RUNNING = (*sorted(_NEVER), f"*{_COMPILED}")
"""Patterns of names that are not source, even if they are not in a ``.gitignore``."""

_GIT = ".git"
_ENVIRONMENT = "pyvenv.cfg"


class Walk(NamedTuple):
    """``files`` are everything except folders, including links. ``repositories`` are folders with a
    ``.git``.
    """

    files: dict[str, os.stat_result]
    folders: list[str]
    repositories: list[str]
    faults: list[str]


def is_made_by_running(path: str) -> bool:
    """Whether a part of the path is a name such as ``__pycache__`` or ``.venv``."""
    return any(map(_is_made_by_running, path.rstrip("/").split("/")))


def walk_folder(root: str, ignored: Collection[str] = ()) -> Walk:
    """Return the entries below ``root``, without ``ignored`` ones and those created by running."""
    walk = Walk({}, [], [], [])
    until = time.monotonic() + SECONDS
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        if time.monotonic() > until:
            walk.faults.append(f"to list them took longer than {SECONDS:g} s")
            break
        try:
            waiting += _look_into(root, folder, ignored, walk)
        except OSError as error:
            walk.faults.append(f"the folder {folder or '.'} cannot be read: {error.strerror}")
    return walk


def list_parents(path: str) -> Iterator[str]:
    """The folders that lead to a path, the outermost first: ``a/``, ``a/b/``."""
    end = path.find("/")
    while 0 <= end < len(path) - 1:
        yield path[: end + 1]
        end = path.find("/", end + 1)


def folders_below(root: str, folders: Iterable[str], most: int) -> Iterator[str]:
    """``folders`` and those in them, as far as ``most`` entries show them."""
    waiting = list(folders)
    while waiting and most > 0:
        folder = waiting.pop()
        yield folder
        try:
            with os.scandir(f"{root}/{folder}") as entries:
                for entry in entries:
                    most -= 1
                    if entry.is_dir(follow_symlinks=False) and not _is_passed_over(entry.name):
                        waiting.append(f"{folder}{entry.name}/")
                    if most <= 0:
                        return
        except OSError:
            continue


def find_ignored_links(root: str, ignored: Iterable[str], most: int) -> Iterator[str]:
    """The links among ``ignored`` and below, as far as ``most`` entries show them: they lead to data."""
    names = list(ignored)
    folders = [name for name in names if name.endswith("/")]
    yield from (name for name in names if os.path.islink(f"{root}/{name}".rstrip("/")))  # noqa: PTH114
    for folder in folders_below(root, folders, most):
        try:
            with os.scandir(f"{root}/{folder}") as entries:
                yield from (f"{folder}{entry.name}" for entry in entries if entry.is_symlink())
        except OSError:
            continue


def is_environment(path: str) -> bool:
    """Whether a path leads into the installed packages of an environment."""
    return not _ENVIRONMENTS.isdisjoint(path.split("/"))


def _look_into(root: str, folder: str, ignored: Collection[str], walk: Walk) -> list[str]:
    """Note the entries of a folder; return the folders to visit next."""
    found: dict[str, os.stat_result] = {}
    below: list[str] = []
    with os.scandir(f"{root}/{folder}") as entries:
        for entry in entries:
            name = entry.name
            if name == _GIT and folder:
                walk.repositories.append(folder)
                return []
            if name == _ENVIRONMENT and folder:
                return []
            if _is_passed_over(name):
                continue
            path = f"{folder}{name}"
            if entry.is_dir(follow_symlinks=False):
                if f"{path}/" not in ignored:
                    below.append(f"{path}/")
            elif path not in ignored:
                try:
                    found[path] = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # gone since it was listed
    walk.files.update(found)
    if folder:
        walk.folders.append(folder)
    return below


def _is_passed_over(name: str) -> bool:
    return name == _GIT or _is_made_by_running(name)


def _is_made_by_running(name: str) -> bool:
    return name in _NEVER or name.endswith(_COMPILED)
