"""Files that the project reads and git ignores: a clone of the project does not have them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from reprise.runner.lint.code import Module, split_words
from reprise.runner.lint.findings import LintFinding
from reprise.runner.lint.mlproject_lines import Declared
from reprise.runner.lint.names import Call
from reprise.runner.worktree.ignoring import is_ignored
from reprise.schemas.faults import shorten_text
from reprise.schemas.job import Repository

NAME = "ignored-file"
_REASON = "a clone of the project does not have it; a run only stores it up to a size limit"
_FIX = "remove it from .gitignore, or make it a parameter of type path"
_READ = ("open", "load", "loads", "loadtxt", "genfromtxt", "fromfile", "imread", "ParquetFile", "File")
_WRITE_MODES = set("wax")


class Ignored:
    """What git ignores in the repository of the project in ``folder``."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        self._root = repository.root
        self._folder = folder.resolve()
        self._names = frozenset(repository.tree.ignored)

    def is_named_by(self, text: str) -> bool:
        """Whether ``text`` is the path of a file or folder that is there, and that git ignores."""
        if not text or "\0" in text or len(text) > 255 or text.startswith(("/", "~")):
            return False
        path = Path(self._folder, text)
        if not path.exists() or not path.is_relative_to(self._root) or ".." in path.parts:
            return False
        return is_ignored(path.relative_to(self._root).as_posix(), self._names)


def in_code(modules: Iterable[Module], ignored: Ignored) -> Iterator[LintFinding]:
    """Yield a finding for each call that reads an ignored file, and each import of one."""
    for module in modules:
        for call in module.calls:
            path = _read_by(call)
            if path is not None and ignored.is_named_by(path):
                what = f'reads "{shorten_text(path)}", which git ignores'
                yield LintFinding(NAME, module.path, call.node.lineno, what, _REASON, _FIX)
        for node, name in _find_imports(module):
            path = f"{module.folder}/" * bool(module.folder) + name.replace(".", "/")
            if ignored.is_named_by(f"{path}.py") or ignored.is_named_by(f"{path}/__init__.py"):
                what = f'imports "{shorten_text(name)}", which git ignores'
                yield LintFinding(NAME, module.path, node.lineno, what, _REASON, _FIX)


def in_commands(declared: Declared, ignored: Ignored) -> Iterator[LintFinding]:
    """A finding for each such file that a command, or the default of a parameter, names."""
    for entry_point in declared.project.entry_points.values():
        for before, word in pairwise(["", *split_words(entry_point.command)]):
            path = word.rpartition("=")[2] if word.startswith("-") else word.lstrip("<")
            if not before.endswith(">") and ignored.is_named_by(path):
                line = declared.line_in(path, "entry_points", entry_point.name, "command")
                what = f'the command of {entry_point.name} uses "{shorten_text(path)}", which git ignores'
                yield LintFinding(NAME, declared.file, line, what, _REASON, _FIX)
        for parameter in entry_point.parameters.values():
            default = parameter.default or ""
            if parameter.type in ("path", "uri") and ignored.is_named_by(default):
                keys = ("entry_points", entry_point.name, "parameters", parameter.name, "default")
                what = f'git ignores "{shorten_text(default)}", the default of {parameter.name}'
                yield LintFinding(NAME, declared.file, declared.find_line(*keys), what, _REASON, _FIX)


def _read_by(call: Call) -> str | None:
    """The path that a call is given to read."""
    if call.last not in _READ and not call.last.startswith("read_"):
        return None
    mode = call.find_keyword("mode") or (
        call.node.args[1] if call.last == "open" and call.node.args[1:] else None
    )
    if isinstance(mode, ast.Constant) and isinstance(mode.value, str) and _WRITE_MODES & set(mode.value):
        return None
    path = call.node.args[0] if call.node.args else None
    return path.value if isinstance(path, ast.Constant) and isinstance(path.value, str) else None


def _find_imports(module: Module) -> Iterator[tuple[ast.stmt, str]]:
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node, node.module
