"""The faults of a project's files that matter for the used parts: the others are only warnings.

Like MLflow, we run an entry point in spite of faults in others. ``reprise check`` reports every fault.
"""

from __future__ import annotations

import logging

from reprise.named_tuple import NamedTuple
from reprise.schemas.faults import FileFinding, Findings, KeyPath, refuse_faults
from reprise.schemas.loader import ENVIRONMENT_KEYS, ProjectReading, is_script
from reprise.schemas.project import Project

log = logging.getLogger(__name__)


class Use(NamedTuple):
    """What is used of a project: an entry point by its name, or none, and whether its environment is."""

    entry_point: str | None
    environment: bool


def use_project(reading: ProjectReading, use: Use) -> Project:
    """The project, for ``use`` alone. What is doubtful is logged as warnings, before anything is refused.

    Raises:
        ProjectError: with the faults that matter.
    """
    name = use.entry_point
    if name is not None and name not in reading.project.entry_points and is_script(name):
        use = use._replace(entry_point=None)
    mattering: list[Findings] = []
    lines: list[str] = []
    for findings in reading.files:
        is_environment = findings is reading.environment_file
        faults = [fault for fault in findings.faults if _matters(fault, use, is_environment)]
        aside = [fault for fault in findings.faults if fault not in faults]
        lines += findings.format_lines([*findings.warnings, *aside])
        mattering.append(Findings(findings.file, faults))
    for line in lines:
        log.warning("%s", line)
    refuse_faults(mattering)
    return reading.project._replace(warnings=tuple(lines))


def _matters(fault: FileFinding, use: Use, is_environment: bool) -> bool:
    if is_environment:
        return use.environment and not fault.is_mild
    if fault.is_of_all or fault.is_mild:
        return fault.is_of_all
    subject: KeyPath = (*fault.path, fault.key) if fault.key else fault.path
    match subject:
        case ():
            return True
        case ("entry_points",):
            return use.entry_point is not None
        case ("entry_points", name, *_):
            return name == use.entry_point
        case (key, *_):
            return use.environment and key in ENVIRONMENT_KEYS
    raise AssertionError("never reached: a path has a first key or none")
