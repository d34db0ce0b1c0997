"""The meaning of names in a file's code."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from reprise.named_tuple import NamedTuple


class Call(NamedTuple):
    """A call with its full name (``numpy.random.rand``), or the name as written if it is not imported."""

    name: str
    node: ast.Call

    @property
    def last(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def is_given(self) -> bool:
        """Whether it has an argument that is not None."""
        values = [*self.node.args, *(keyword.value for keyword in self.node.keywords)]
        return any(not (isinstance(value, ast.Constant) and value.value is None) for value in values)

    def find_keyword(self, *names: str) -> ast.expr | None:
        """Return the value of one of the keyword arguments, unless it is None."""
        for keyword in self.node.keywords:
            is_none = isinstance(keyword.value, ast.Constant) and keyword.value.value is None
            if keyword.arg in names and not is_none:
                return keyword.value
        return None


def find_imported(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """Return a map of each imported name to its full name."""
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def find_calls(nodes: Iterable[ast.AST], known: Mapping[str, str]) -> tuple[Call, ...]:
    """Return every call with a known name, in the order of the lines; ``known`` are the imports."""
    found = [
        Call(name, node)
        for node in nodes
        if isinstance(node, ast.Call) and (name := full_name(node.func, known))
    ]
    return tuple(sorted(found, key=lambda call: (call.node.lineno, call.node.col_offset)))


def full_name(node: ast.expr, known: Mapping[str, str]) -> str:
    """Return ``numpy.random.rand`` for ``np.random.rand``; empty if it is not a dotted name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(known.get(node.id, node.id))
    elif parts:
        parts.append("")  # a method of some value
    return ".".join(reversed(parts))
