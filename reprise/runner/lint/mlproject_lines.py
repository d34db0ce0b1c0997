"""Where in the MLproject file the things stand that were read from it."""

from __future__ import annotations

from reprise.named_tuple import NamedTuple
from reprise.schemas.environment_files import read_yaml
from reprise.schemas.faults import Findings
from reprise.schemas.project import Project
from reprise.schemas.yaml.nodes import (
    MappingNode,
    Node,
    SequenceNode,
    get_child,
)


class Declared(NamedTuple):
    """A project, and what its file says with the places; ``node`` is None where there is no such file."""

    project: Project
    node: Node | None
    text: tuple[str, ...]

    @property
    def file(self) -> str:
        return self.project.file.name if self.project.file else "MLproject"

    def find_line(self, *keys: str) -> int:
        """The line of the value at ``keys``, or of what of it there is; 0 without a file."""
        at, line = self.node, 0
        for key in keys:
            at = get_child(at, key)
            if at is None:
                break
            line = at.at.line
        return line

    def line_in(self, text: str, *keys: str) -> int:
        """The line at which ``text`` stands in the value at ``keys``: it may be one of many lines."""
        start = self.find_line(*keys)
        there = (number for number in range(start, len(self.text) + 1) if text in self.text[number - 1])
        return next(there, start) if start else 0


def read_declared(project: Project) -> Declared:
    """The file of ``project`` again, with its places; its faults are told elsewhere."""
    if project.file is None:
        return Declared(project, None, ())
    node, _ = read_yaml(project.file, "mlproject", Findings(project.file.name))
    text = project.file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return Declared(project, node if isinstance(node, MappingNode | SequenceNode) else None, tuple(text))
