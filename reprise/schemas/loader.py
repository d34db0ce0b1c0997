"""Load a project folder as a ``Project``: the MLproject file, or its substitutes.

All faults of the file and of its environment file are reported at once. Unknown keys and ignored selectors
are warnings.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from reprise import paths
from reprise.errors import ProjectError
from reprise.named_tuple import NamedTuple
from reprise.schemas.environment import EnvSpec
from reprise.schemas.environment_files import is_file, read_named_environment, read_yaml
from reprise.schemas.faults import START, Findings, did_you_mean, refuse_faults, shorten_text
from reprise.schemas.parameters import read_parameter
from reprise.schemas.project import EntryPoint, Project
from reprise.schemas.template import template_faults
from reprise.schemas.yaml.nodes import (
    MappingNode,
    Node,
    entries_of,
    get_child,
    is_null,
    text_of,
)

FILE_NAME = "MLproject"

ENVIRONMENT_KEYS = ("python_env", "conda_env", "docker_env")


class ProjectReading(NamedTuple):
    """A project as far as it could be read, and what was found in each of its files.

    ``environment_file`` is the one of them that is about the file of its environment, where there is such.
    """

    project: Project
    files: tuple[Findings, ...]
    environment_file: Findings | None = None


def load_project(root: Path, *, check_environment_files: bool = True) -> Project:
    """The project in the folder ``root``.

    With ``check_environment_files`` off, the environment file is not opened and may be missing; the
    spec then only names it.

    Raises:
        ProjectError: with all faults of the MLproject and of its environment file.
    """
    reading = read_project(root, check_environment_files=check_environment_files)
    refuse_faults(reading.files)
    return reading.project


def read_project(root: Path, *, check_environment_files: bool = True) -> ProjectReading:
    """As ``load_project``, with the faults beside the project instead of raised."""
    if not root.is_dir():
        raise ProjectError(f"there is no project folder {root}")
    file, findings = _project_file(root)
    node = read_yaml(file, "mlproject", findings)[0] if file else None
    points = _entry_points(get_child(node, "entry_points"), findings)
    environment, reason, inner = _load_environment(node, root, findings, check_file=check_environment_files)
    is_told = file or findings.faults or findings.warnings
    files = tuple(found for found in (findings if is_told else None, inner) if found)
    project = Project(
        root=root,
        file=file,
        name=text_of(get_child(node, "name")),
        entry_points=points,
        environment=environment,
        warnings=tuple(line for found in files for line in found.format_lines(found.warnings)),
        environment_reason=reason,
    )
    return ProjectReading(project, files, inner)


def is_script(name: str) -> bool:
    """Whether ``name`` can be that of a script that is run as it is."""
    return _script_command(name) is not None


def find_entry_point(project: Project, name: str) -> EntryPoint:
    """Return the declared entry point ``name``, else the script of that name in the project.

    A ``.py`` is run by ``python``, a ``.sh`` by ``$SHELL`` (``bash`` where that is unset), and a ``.R``
    by ``Rscript`` with ``mlflow::mlflow_source``, as MLflow does it; a script declares no parameters.

    Raises:
        ProjectError: there is neither; the message lists the available names.
        UsageError: the script is outside the project.
    """
    if name in project.entry_points:
        return project.entry_points[name]
    command = _script_command(name)
    if command and is_file(project.root / name):
        paths.confined(project.root, name, "the script")
        return EntryPoint(name, command.replace("{", "{{").replace("}", "}}"), {})
    what = "script" if command else "entry point"
    raise ProjectError(
        f'there is no {what} "{shorten_text(name)}" in {project.root}',
        hint=_describe_declared(project, name),
    )


def _script_command(name: str) -> str | None:
    """Return the bash text that runs the script ``name``; None if its suffix is unknown."""
    script = shlex.quote(f"./{name}" if name.startswith("-") else name)
    if name.endswith(".py"):
        return f"python {script}"
    if name.endswith(".sh"):
        return f'"${{SHELL:-bash}}" {script}'
    if name.endswith(".R"):
        quoted = re.sub(r"(['\\])", r"\\\1", name)
        call = f"mlflow::mlflow_source('{quoted}')"
        return f"Rscript -e {shlex.quote(call)} --args"
    return None


def _describe_declared(project: Project, name: str) -> str:
    scripts = "a script of the project (.py, .sh, .R) can be named too"
    if not project.entry_points:
        what = (
            f"{project.file.name} declares no entry points"
            if project.file
            else "there is no MLproject file"
        )
        return f"{what}; {scripts}"
    names = ", ".join(project.entry_points)
    return f"entry points are {names}; {scripts}{did_you_mean(name, project.entry_points)}"


def _project_file(root: Path) -> tuple[Path | None, Findings]:
    """The project file, whose name is ``MLproject`` in any case; the exact name comes first."""
    try:
        listed = sorted(path.name for path in root.iterdir())
    except OSError as error:
        raise ProjectError(f"the project folder {root} cannot be read: {error.strerror}") from error
    names = [name for name in listed if name.lower() == FILE_NAME.lower() and is_file(root / name)]
    names.sort(key=lambda name: name != FILE_NAME)
    if names:
        findings = Findings(names[0])
        for other in names[1:]:
            findings.add_warning(
                START, (), f'"{other}" is ignored; it differs in upper and lower case only'
            )
        return root / names[0], findings
    findings = Findings(FILE_NAME)
    if FILE_NAME in listed:  # a folder called "mlproject" may be any package
        findings.add_fault(START, (), "this is a folder; the project file has that name", is_of_all=True)
    for other in (f"{FILE_NAME}.yaml", f"{FILE_NAME}.yml"):
        if is_file(root / other):
            findings.add_warning(START, (), f'"{other}" is ignored; the file is called "{FILE_NAME}"')
    return None, findings


def _entry_points(node: Node | None, findings: Findings) -> dict[str, EntryPoint]:
    points: dict[str, EntryPoint] = {}
    if node is not None and is_null(node):
        findings.add_warning(node.at, ("entry_points",), "no value; the entry points are written below it")
    for name, entry in entries_of(node).items():
        if isinstance(entry.value, MappingNode):
            points[name] = _entry_point(name, entry.value, findings)
    return points


def _entry_point(name: str, node: MappingNode, findings: Findings) -> EntryPoint:
    path = ("entry_points", name)
    parameters = {
        key: read_parameter(key, entry.value, (*path, "parameters", key), findings)
        for key, entry in entries_of(get_child(node, "parameters")).items()
    }
    written = get_child(node, "command")
    command = text_of(written) or ""
    if written is not None:
        for sentence in template_faults(command, parameters):
            findings.add_fault(written.at, (*path, "command"), sentence)
    return EntryPoint(name, command, parameters)


def _load_environment(
    node: Node | None, root: Path, findings: Findings, *, check_file: bool
) -> tuple[EnvSpec, str, Findings | None]:
    for key in ENVIRONMENT_KEYS:
        value = get_child(node, key)
        if value is not None and not is_null(value):
            spec, inner = read_named_environment(key, value, root, findings, check_file=check_file)
            named = text_of(value) or text_of(get_child(value, "image"))
            return spec, f"{findings.file} -> {key}: {named}", inner
    from reprise.schemas import detect_environment

    return detect_environment.recognise_environment(root, check_file=check_file)
