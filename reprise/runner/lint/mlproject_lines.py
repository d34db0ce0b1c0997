"""The lines of values in the MLproject file."""

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
    """A project, and its file with positions; ``node`` is None if the file does not exist."""

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
        """Return the line of ``text`` in the value at ``keys``, which may have many lines."""
        start = self.find_line(*keys)
        there = (number for number in range(start, len(self.text) + 1) if text in self.text[number - 1])
        return next(there, start) if start else 0


def read_declared(project: Project) -> Declared:
    """Read the file of ``project`` again, with its lines; its faults are reported elsewhere."""
    if project.file is None:
        return Declared(project, None, ())
    node, _ = read_yaml(project.file, "mlproject", Findings(project.file.name))
    text = project.file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return Declared(project, node if isinstance(node, MappingNode | SequenceNode) else None, tuple(text))
