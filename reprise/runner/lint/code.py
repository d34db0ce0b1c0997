"""The Python files of a project, and which of them an entry point runs."""

from __future__ import annotations

import ast
import gc
import os
import re
import shlex
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from reprise.runner.lint import names
from reprise.runner.sources import provenance
from reprise.runner.vcs import repositories
from reprise.schemas.project import EntryPoint

_LARGEST = 1 << 20  # bytes; a larger file was written by no person
_NOT_RUN = {"tests", "test", "docs", "doc", "site-packages", "node_modules", "mlruns", "build", "dist"}
_NOT_RUN_FILES = {"setup.py", "conftest.py", "noxfile.py"}
_SCRIPT = re.compile(r"[\w./\-]+\.(?:py|sh)\b")
_MODULE = re.compile(r"\bpython[\d.]*\s+(?:-[A-Za-ln-z]+\s+)*-m\s+(?P<name>[\w.]+)")


@dataclass(frozen=True, eq=False)
class Module:
    """A file of the project; ``path`` is relative to its folder, with ``/``.

    Its properties are computed once, on first use: there are many kinds of findings, and large projects.
    """

    path: str
    tree: ast.Module

    @property
    def folder(self) -> str:
        """Return its folder, empty for the project's own folder."""
        return self.path.rpartition("/")[0]

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    @cached_property
    def imported_names(self) -> Mapping[str, str]:
        return names.find_imported(self.nodes)

    @cached_property
    def calls(self) -> tuple[names.Call, ...]:
        return names.find_calls(self.nodes, self.imported_names)


@contextmanager
def without_collecting() -> Iterator[None]:
    """Trees have no cycles, and to search millions of their nodes for some takes most of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def parse_modules(root: Path) -> dict[str, Module]:
    """The Python files in ``root`` that a run may run, by path; what cannot be parsed is left out.

    Tests, documentation, and the folders of other projects inside are none of them.
    """
    found: dict[str, Module] = {}
    for path in sorted(_list_files(root)):
        if (tree := _parse_file(root / path)) is not None:
            found[path] = Module(path, tree)
    return found


def run_by(entry_point: EntryPoint, root: Path, known: Mapping[str, Module]) -> tuple[Module, ...]:
    """The modules that the command of ``entry_point`` names, and those that they import."""
    waiting = [*_find_named(entry_point.command, root, known)]
    found: dict[str, Module] = {}
    while waiting:
        module = waiting.pop()
        if module.path in found:
            continue
        found[module.path] = module
        waiting += [known[path] for path in _find_imported(module, known)]
    return tuple(found.values())


def split_words(command: str) -> list[str]:
    """Return the words of a shell command, as far as they can be split."""
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return command.split()


def _list_files(root: Path) -> Iterator[str]:
    names = _list_tracked(root) or _walk_files(root)
    foreign: dict[PurePosixPath, bool] = {}
    for name in dict.fromkeys(filter(None, names)):
        path = PurePosixPath(name)
        if path.name in _NOT_RUN_FILES or path.name.startswith("test_"):
            continue
        inside = [PurePosixPath(*path.parts[:end]) for end in range(1, len(path.parts))]
        if any(folder.name in _NOT_RUN or folder.name.startswith(".") for folder in inside):
            continue
        for folder in inside:
            if folder not in foreign:
                foreign[folder] = any(
                    (root / folder / mark).is_file() for mark in ("MLproject", "pyvenv.cfg")
                )
        if not any(foreign[folder] for folder in inside):
            yield name


def _list_tracked(root: Path) -> list[str]:
    """The files of a project that git tracks or would, by paths from the project; none without git."""
    top = provenance.work_tree(root)
    if top is None or repositories.is_git_missing():
        return []
    inside = root.relative_to(top).as_posix()
    arguments = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", inside)
    listing = os.fsdecode(repositories.ask_git(top, *arguments).stdout)
    start = "" if inside == "." else f"{inside}/"
    return [name.removeprefix(start) for name in listing.split("\0") if name.endswith(".py")]


def _walk_files(root: Path) -> Iterator[str]:
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name not in _NOT_RUN and not name.startswith(".")]
        for name in files:
            if name.endswith(".py"):
                yield Path(folder, name).relative_to(root).as_posix()


def _parse_file(file: Path) -> ast.Module | None:
    try:
        if file.stat().st_size > _LARGEST:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in the checked code
            return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _find_named(text: str, root: Path, known: Mapping[str, Module], depth: int = 3) -> Iterator[Module]:
    """The modules that a command or a shell script names."""
    for name in _SCRIPT.findall(text):
        path = os.path.normpath(name)
        if path in known:
            yield known[path]
        elif path.endswith(".sh") and depth and not path.startswith(("..", "/")):
            try:
                script = (root / path).read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            yield from _find_named(script, root, known, depth - 1)
    for match in _MODULE.finditer(text):
        yield from (known[path] for path in _paths_of(match["name"], "", known))
        yield from (known[path] for path in _paths_of(f"{match['name']}.__main__", "", known))


def _find_imported(module: Module, known: Mapping[str, Module]) -> Iterator[str]:
    above = [module.folder]
    while above[-1]:
        above.append(above[-1].rpartition("/")[0])
    for name in dict.fromkeys(_iterate_imports(module)):
        absolute = name.lstrip(".")
        dots = len(name) - len(absolute)
        for folder in above[dots - 1 : dots] if dots else (*above, "src"):
            yield from _paths_of(absolute, folder, known)


def _iterate_imports(module: Module) -> Iterator[str]:
    """Return the full name of every import; relative imports begin with dots."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base
            yield from (
                f"{base}.{alias.name}" if node.module else f"{base}{alias.name}" for alias in node.names
            )


def _paths_of(name: str, folder: str, known: Mapping[str, Module]) -> Iterator[str]:
    """The files of a module below ``folder``, its package's own first."""
    base = folder
    for part in filter(None, name.split(".")):
        base = f"{base}/{part}" if base else part
        for path in (f"{base}.py", f"{base}/__init__.py"):
            if path in known:
                yield path
