"""Everything that is wrong or doubtful in a project's files, for ``reprise check``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reprise.schemas.loader import read_project


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """Lines with file, line and column; ``checked`` names the files that were read, else the folder."""

    checked: str
    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def check(root: Path, *, strict: bool = False) -> ProjectReport:
    """Check the project in ``root``; with ``strict`` warnings are faults too.

    Raises:
        ProjectError: there is no folder ``root``.
    """
    reading = read_project(root)
    faults: list[str] = []
    warnings: list[str] = []
    for found in reading.files:
        faults += found.format_lines([*found.faults, *found.warnings] if strict else found.faults)
        warnings += found.format_lines(() if strict else found.warnings)
    checked = " and ".join(found.file for found in reading.files) or str(root)
    return ProjectReport(checked, tuple(faults), tuple(warnings))
