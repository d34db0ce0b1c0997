"""Inputs that do not come with the project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from reprise.runner.lint.findings import LintFinding
from reprise.runner.lint.mlproject_lines import Declared
from reprise.runner.lint.paths_in_code import is_absolute
from reprise.schemas.environment import DockerEnv
from reprise.schemas.faults import shorten_text
from reprise.schemas.project import Parameter

NAME = "outside-data"
_REASON = "it is not in the commit: elsewhere it is missing, or different"
_FIX = "move it into the project, or use a stable URI; reprise records its digest either way"
_PATHS = ("path", "uri", "list[path]", "list[uri]")


def find_outside(declared: Declared, root: Path) -> Iterator[LintFinding]:
    """A finding for each default that leads out of ``root``, and each volume of this machine."""
    for entry_point in declared.project.entry_points.values():
        for parameter in entry_point.parameters.values():
            if not _leads_out(parameter, declared.project.root, root):
                continue
            keys = ("entry_points", entry_point.name, "parameters", parameter.name, "default")
            default = shorten_text(parameter.default or "")
            what = (
                f'{entry_point.name} -> {parameter.name}: the default "{default}" is outside of the project'
            )
            yield LintFinding(NAME, declared.file, declared.find_line(*keys), what, _REASON, _FIX)
    spec = declared.project.environment
    for volume in spec.volumes if isinstance(spec, DockerEnv) else ():
        folder, colon, _ = volume.partition(":")
        if colon and ("/" in folder or folder.startswith(("~", "."))):
            line = declared.line_in(volume, "docker_env", "volumes")
            what = f'the volume "{shorten_text(volume)}" is a folder of this machine'
            yield LintFinding(NAME, declared.file, line, what, _REASON, _FIX)


def _leads_out(parameter: Parameter, folder: Path, root: Path) -> bool:
    text = (parameter.default or "").removeprefix("file://")
    if parameter.type not in _PATHS:
        return parameter.type == "string" and not parameter.secret and is_absolute(text)
    several = parameter.type.startswith("list")
    items = [part.strip(" '\"") for part in text.strip("[]").split(",")] if several else [text]
    return any(_is_outside(item, folder, root) for item in items)


def _is_outside(text: str, folder: Path, root: Path) -> bool:
    if text.startswith(("/", "~/")) or is_absolute(text):
        return True
    if "://" in text or ".." not in PurePosixPath(text).parts:
        return False
    return not Path(os.path.normpath(folder / text)).is_relative_to(root)
