"""Imports of packages that the project's environment would have by luck, or not at all."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath

from reprise.envs.project_files.requirements import canonical_name
from reprise.runner.lint import dependencies, installed
from reprise.runner.lint.code import Module
from reprise.runner.lint.findings import LintFinding
from reprise.schemas.environment import CONDA_PACKAGE, DockerEnv
from reprise.schemas.faults import shorten_text
from reprise.schemas.project import Project

NAME = "undeclared-import"
_REASON = "a new environment may not have it"

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_SUFFIXES = (".py", ".so", ".pyd", ".pyx")


def check_imports(project: Project, modules: Iterable[Module]) -> Iterator[LintFinding]:
    """Yield a finding for each import of a package that is neither a dependency nor in the lock file.

    The packages of an image are not known. An import that may fail (``except ImportError``), or that only a
    type checker follows, needs no package.
    """
    spec = project.environment
    if isinstance(spec, DockerEnv):
        return
    asked = [*dependencies.list_asked(spec)]
    known = {item.name for item in asked} | _translate_names(
        item.name for item in asked if item.kind == CONDA_PACKAGE
    )
    if (lock := dependencies.lock_file(spec)) is not None:
        known |= _list_locked(lock)
    local = [_folder_of(item) for item in asked if item.kind == "pypi" and not item.name]
    owners = installed.find_owners(project)

    @cache
    def is_local(top: str, folder: str) -> bool:
        return _is_local(top, folder, project.root, local)

    for module in modules:
        for node, name in _find_needed(module.tree):
            top = name.partition(".")[0]
            if top in sys.stdlib_module_names or is_local(top, module.folder):
                continue
            candidates = _find_candidates(name, owners)
            if not known.isdisjoint(candidates):
                continue
            package = min(owners.get(top, ()), default=candidates[0])
            named = f'"{shorten_text(top)}"' + (
                f", of {package}," if canonical_name(top) != package else ""
            )
            what = f"imports {named} which no dependency declares"
            if top in owners and spec.file is not None:
                what += "; it is only installed as a dependency of another package"
            fix = f"add {package} to the dependencies" + (f" in {spec.file.name}" if spec.file else "")
            yield LintFinding(NAME, module.path, node.lineno, what, _REASON, fix, node.end_lineno or 0)


def _find_needed(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    """Each import of another package that must succeed, once for each line and name."""
    waiting: list[ast.AST] = [tree]  # statements and what holds some: imports are in nothing else
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node, node.module
        elif isinstance(node, ast.Try) and any(map(_is_for_imports, node.handlers)):
            continue  # an alternative, or optional
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        else:
            for name in _BLOCKS:
                waiting += getattr(node, name, ())


def _is_for_imports(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type else "Exception"
    return any(word in caught for word in ("ImportError", "ModuleNotFoundError", "Exception"))


def _is_local(top: str, inside: str, root: Path, others: list[Path]) -> bool:
    """Return whether the module exists in the folder, above it, or in an installed project."""
    folder = PurePosixPath(inside)
    above = [root / name for name in (folder, *folder.parents)]
    places = [*above, root / "src", *others, *(other / "src" for other in others)]
    return any(_has_module(place, top) for place in places)


def _has_module(folder: Path, name: str) -> bool:
    if any((folder / f"{name}{suffix}").is_file() for suffix in _SUFFIXES):
        return True
    inside = folder / name
    return inside.is_dir() and any(path.suffix in _SUFFIXES for path in inside.rglob("*.*"))


def _folder_of(item: dependencies.AskedDependency) -> Path:
    path = item.text.removeprefix("-e ").removeprefix("--editable ").partition("[")[0].strip()
    return item.file.parent / path


def _find_candidates(name: str, owners: Mapping[str, set[str]]) -> list[str]:
    """The packages that have the module ``name``, the likeliest first."""
    top = name.partition(".")[0]
    listed = next((_load_table()[key] for key in (name, top) if key in _load_table()), [])
    guesses = [canonical_name(top), f"python-{canonical_name(top)}", f"py{canonical_name(top)}"]
    # of a package without a module of its own, google.cloud.storage is google-cloud-storage
    parts = name.split(".")
    spaces = [canonical_name("-".join(parts[:end])) for end in range(len(parts), 1, -1)]
    return [*sorted(owners.get(top, ())), *listed, *guesses, *spaces]


def _translate_names(names: Iterable[str]) -> set[str]:
    """What packages of conda are called in the package index."""
    from reprise.envs.virtualenv.translate import index_name

    return {canonical_name(found) for name in names if name and (found := index_name(name))}


def _list_locked(lock: Path) -> set[str]:
    """Return the packages in a lock file; empty if it cannot be read, which is reported on its use."""
    from reprise.envs import lock_packages
    from reprise.errors import RepriseError

    try:
        packages = lock_packages.read_packages(lock)
    except RepriseError:
        return set()
    conda = (package.name for package in packages if package.kind == CONDA_PACKAGE)
    return {canonical_name(package.name) for package in packages} | _translate_names(conda)


@cache
def _load_table() -> dict[str, list[str]]:
    table: dict[str, list[str]] = json.loads(Path(__file__).with_name("import_names.json").read_bytes())
    return table
