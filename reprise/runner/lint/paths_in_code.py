"""Absolute paths in the code of a project and in its commands: they lead nowhere on another machine."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from reprise.runner.lint.code import Module, split_words
from reprise.runner.lint.findings import LintFinding
from reprise.runner.lint.mlproject_lines import Declared
from reprise.schemas.faults import shorten_text

NAME = "absolute-path"
_REASON = "the file is missing on other machines, or different for other users"
_FIX = "make it a parameter of type path, or a path relative to the project's folder"

# Places that every machine has, and that hold nothing of a project.
_EVERYWHERE = ("/tmp", "/var/tmp", "/dev", "/proc", "/sys", "/run", "/bin/sh", "/bin/bash", "/usr/bin/env")
_SYSTEM = ("/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/share", "/usr/lib", "/lib", "/etc")
# A text with a slash in front may be the route of a server; below these names it is a file or a folder.
_MOUNTED = "home|Users|root|mnt|data|opt|srv|media|scratch|kaggle|dbfs|Volumes|lustre|gpfs|nfs"
_OTHERS = (
    "app|bin|code|content|datasets|etc|export|input|lib|models?|output|private|projects|sbin|storage|usr|var|work"
    "|workspace"
)
_TAIL = r"(?:/[^/\0\n:*?\"<>|]+)"
_ABSOLUTE = re.compile(
    rf"/(?:(?:{_MOUNTED}){_TAIL}*|(?:{_OTHERS}){_TAIL}+)/?|~/[^\0\n]+|[A-Za-z]:[\\/](?![\\/])[^\0\n]+"
)
_FILE = re.compile(r"/(?:[\w.\- ]+/)+[\w.\- ]+\.\w{1,8}")
_TEXT_METHODS = {
    "startswith",
    "endswith",
    "removeprefix",
    "removesuffix",
    "replace",
    "split",
    "join",
    "strip",
}
_ROUTES = {
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "route",
    "add_url_rule",
    "add_route",
    "mount",
    "websocket",
}


def in_code(modules: Iterable[Module]) -> Iterator[LintFinding]:
    """A finding for each text in the code that is an absolute path."""
    for module in modules:
        texts = (node for node in module.nodes if isinstance(node, ast.Constant))
        found = [node for node in texts if _is_path(node.value)]
        aside = _no_paths(module) if found else set()
        for node in found:
            if id(node) not in aside:
                what = f'"{shorten_text(str(node.value))}" is an absolute path'
                yield LintFinding(NAME, module.path, node.lineno, what, _REASON, _FIX, node.end_lineno or 0)


def _is_path(value: object) -> bool:
    return isinstance(value, str) and is_absolute(value) and not _is_in(value, _SYSTEM)


def in_commands(declared: Declared) -> Iterator[LintFinding]:
    """A finding for each absolute path that a command of the project names."""
    for entry_point in declared.project.entry_points.values():
        for word in split_words(entry_point.command):
            path = word.partition("=")[2] if word.startswith("-") and "=" in word else word.lstrip("<>")
            if not (is_absolute(path) or _is_in(path, _SYSTEM)):
                continue
            line = declared.line_in(path, "entry_points", entry_point.name, "command")
            what = f'the command of {entry_point.name} uses "{shorten_text(path)}", an absolute path'
            yield LintFinding(NAME, declared.file, line, what, _REASON, _FIX)


def is_absolute(text: str) -> bool:
    """Return whether ``text`` is an absolute path that not every machine has."""
    found = _ABSOLUTE.fullmatch(text) or _FILE.fullmatch(text)
    return found is not None and not _is_in(text, _EVERYWHERE)


def _is_in(text: str, folders: Iterable[str]) -> bool:
    return any(text == folder or text.startswith(f"{folder}/") for folder in folders)


def _no_paths(module: Module) -> set[int]:
    """Return texts that are not paths: docstrings, the ends of longer texts, routes."""
    found: set[int] = set()
    for node in module.nodes:
        match node:
            case ast.Expr(value=ast.Constant() as text):
                found.add(id(text))
            case ast.JoinedStr(values=[_, *rest]):
                found |= {id(part) for part in rest}
            case ast.BinOp(op=ast.Add(), right=ast.Constant() as text):
                found.add(id(text))
            case ast.Call(func=ast.Attribute(attr=name), args=arguments) if name in _TEXT_METHODS | _ROUTES:
                found |= {id(argument) for argument in arguments}
            case (
                ast.FunctionDef(decorator_list=decorators) | ast.AsyncFunctionDef(decorator_list=decorators)
            ):
                found |= {id(part) for decorator in decorators for part in ast.walk(decorator)}
    return found
