"""The shape of the code, measured: ``./dev house`` prints it, ``test_house.py`` keeps it."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "reprise"
TESTS = REPOSITORY / "tests"
MANAGERS = frozenset({"conda", "docker", "local", "virtualenv"})
_SMALL = 100
"""Lines of a file that could be a part of its only user."""
_VERB_FORMS = re.compile(r"_?[a-z]+(?:ed|told|found|kept|made|taken|given|written|read)(?:_|$)")
_NO_PARTICIPLES = frozenset({"read", "embed", "feed", "need", "seed", "speed", "shed"})


class Module(NamedTuple):
    """One file of the package."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def room(self) -> str:
        return self.name.rpartition(".")[0]


@cache
def modules() -> Mapping[str, Module]:
    """All files of the package that say something, by their dotted names."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
        if text:
            found[name] = Module(name, path, ast.parse(text), len(text.splitlines()))
    return found


def _imported(node: ast.AST) -> Iterator[str]:
    """The modules of the package that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in modules())
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            if whole in modules() or node.module in modules():
                yield whole if whole in modules() else node.module


@cache
def imports() -> Mapping[str, frozenset[str]]:
    """What each module imports of the package, at its top and inside its functions."""
    return {
        name: frozenset(to for node in ast.walk(module.tree) for to in _imported(node)) - {name}
        for name, module in modules().items()
    }


def circles() -> list[frozenset[str]]:
    """Modules that import each other, directly or by way of others."""
    reached: dict[str, set[str]] = {name: set(to) for name, to in imports().items()}
    changed = True
    while changed:
        changed = False
        for to in reached.values():
            more = set().union(*(reached[each] for each in to)) - to if to else set()
            changed |= bool(more)
            to |= more
    inside = {name for name, to in reached.items() if name in to}
    return sorted(
        {frozenset(n for n in inside if name in reached[n] and n in reached[name]) for name in inside},
        key=sorted,
    )


def files_by_folder() -> Counter[str]:
    """How many modules lie in each folder."""
    return Counter(module.room for module in modules().values() if module.path.name != "__init__.py")


def classes_by_name() -> Mapping[str, list[str]]:
    """The modules that define a class of each name."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, module in modules().items():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(name)
    return found


def functions() -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for module in modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("__")
    ]


def is_participle(name: str) -> bool:
    """Whether the name of a function begins with a participle: ``found_in``, ``told``."""
    first = name.lstrip("_").partition("_")[0]
    return bool(_VERB_FORMS.fullmatch(first)) and first not in _NO_PARTICIPLES


def share_of_one_word() -> float:
    """The share of functions whose name is one word, which only its module or class explains."""
    names = [function.name for function in functions()]
    return sum("_" not in name.strip("_") for name in names) / len(names)


def share_of_participles() -> float:
    """The share of functions whose name begins with a participle."""
    names = [function.name for function in functions()]
    return sum(map(is_participle, names)) / len(names)


def files_with_one_user() -> list[Module]:
    """The modules that one other module alone imports."""
    users: Counter[str] = Counter(to for froms in imports().values() for to in froms)
    return [module for name, module in modules().items() if users[name] == 1]


def _imports_inside_functions() -> int:
    return sum(
        1
        for function in functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    )


def comparisons_with_managers() -> list[str]:
    """Where the word of an environment manager is compared outside ``envs/``, by a constant too."""
    return [
        f"{name}:{node.lineno}"
        for name, module in modules().items()
        if not name.startswith("reprise.envs")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Compare)
        and any(_is_manager(side, module) for side in (node.left, *node.comparators))
    ]


def _is_manager(side: ast.expr, module: Module) -> bool:
    """Whether an expression is the word of a manager, or some of them; also by a name of the module."""
    if isinstance(side, ast.Name):
        side = _constants(module).get(side.id, side)
    words = side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]
    return any(isinstance(word, ast.Constant) and word.value in MANAGERS for word in words)


@cache
def _constants(module: Module) -> Mapping[str, ast.expr]:
    return {
        target.id: node.value
        for node in module.tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _lines_of_tests() -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in TESTS.rglob("*.py"))


def _tested_by_name() -> int:
    tests = {path.stem.removeprefix("test_") for path in TESTS.rglob("test_*.py")}
    return sum(module.path.stem in tests for module in modules().values())


def figures() -> dict[str, str]:
    """The figures of the house, as text, by what they are."""
    folder, most = files_by_folder().most_common(1)[0]
    alone = files_with_one_user()
    small = sum(module.lines < _SMALL for module in alone)
    several = {name: where for name, where in classes_by_name().items() if len(where) > 1}
    lines = sum(module.lines for module in modules().values())
    longest = max(functions(), key=lambda f: (f.end_lineno or f.lineno) - f.lineno)
    managers = comparisons_with_managers()
    return {
        "files": str(len(modules())),
        "lines": str(lines),
        "files in the fullest folder": f"{most} ({folder})",
        "lines of the longest function": str((longest.end_lineno or longest.lineno) - longest.lineno + 1),
        "function names of one word": f"{share_of_one_word():.0%}",
        "function names that begin with a participle": f"{share_of_participles():.0%}",
        "class names used for several things": str(len(several)),
        "files with one user": f"{len(alone)}, {small} of them below {_SMALL} lines",
        "imports inside functions": str(_imports_inside_functions()),
        "circles of files": str(len(circles())),
        "lines of tests per line of code": f"{_lines_of_tests() / lines:.2f}",
        "modules with a test of their name": _share(_tested_by_name(), len(modules())),
        "comparisons with the word of a manager outside envs": str(len(managers)),
    }


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}"


def main() -> None:
    """Print the figures as a table."""
    print("| what | |\n|---|---|")
    for what, figure in figures().items():
        print(f"| {what} | {figure} |")


if __name__ == "__main__":
    main()
