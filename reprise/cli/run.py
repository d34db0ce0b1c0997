"""``reprise run``: run a project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reprise import paths
from reprise.cli import show
from reprise.cli.options import json_option, python_option, sandbox_options, tracking_option
from reprise.cli.run_project import run_project


@click.command(add_help_option=False)
@click.argument("uri", required=False)
@click.option(
    "-e", "--entry-point", default="main", metavar="NAME", help="Entry point or script. [default: main]"
)
@click.option("-v", "--version", metavar="REF", help="Branch, tag or commit of a git project.")
@click.option(
    "-P", "--param-list", multiple=True, metavar="NAME=VALUE", help="Set a parameter; repeatable."
)
@click.option(
    "--params-file", type=Path, metavar="FILE", help="Read parameters from YAML or JSON; -P overrides them."
)
@click.option(
    "-A", "--docker-args", multiple=True, metavar="NAME[=VALUE]", help="Pass an option to docker run."
)
@click.option(
    "--experiment-name",
    metavar="NAME",
    help="Experiment, created if missing. [env: MLFLOW_EXPERIMENT_NAME]",
)
@click.option("--experiment-id", metavar="ID", help="Id of the experiment. [env: MLFLOW_EXPERIMENT_ID]")
@click.option("-b", "--backend", metavar="NAME", help="Where the job runs. [default: local]")
@click.option(
    "-c", "--backend-config", metavar="JSON", help="Options of the backend: a .json file or JSON text."
)
@click.option("--cpus", metavar="N", help="CPUs for the job; local: its number of threads.")
@click.option("--gpus", metavar="N", help="GPUs for the job; local: the first N, 0 hides them.")
@click.option("--mem", metavar="SIZE", help="Memory for the job, such as 4GB; local: only checked.")
@click.option("--time", metavar="TIME", help="End the job after 30m, 2h, 01:30:00; local: enforced.")
@click.option(
    "--env-manager",
    metavar="NAME",
    help="local, virtualenv or uv, conda, docker. [env: REPRISE_ENV_MANAGER; default: by the project]",
)
@python_option
@click.option(
    "--storage-dir", metavar="DIR", help="Folder for downloads of path parameters. [env: MLFLOW_TMP_DIR]"
)
@click.option("--run-id", metavar="ID", help="Resume this run instead of creating a new one.")
@click.option("--run-name", metavar="NAME", help="Name of the run. [default: random]")
@click.option("--build-image", is_flag=True, help="Build a new docker image with the project in it.")
@click.option("--locked", is_flag=True, help="Fail if the project's lock is missing or outdated.")
@click.option("--offline", is_flag=True, help="Do not use the network. [env: REPRISE_OFFLINE]")
@click.option(
    "--as-of",
    metavar="DATE",
    help="Without a lock: packages as of a date or time, or `commit` for the commit's date.",
)
@click.option(
    "--no-observe", is_flag=True, help="Do not record what the run reads. [env: REPRISE_NO_OBSERVE]"
)
@sandbox_options
@click.option(
    "--no-wait", is_flag=True, help="Return once the run has started; it continues in the background."
)
@click.option("--dry-run", is_flag=True, help="Check everything and show the plan without running it.")
@click.option("--twice", is_flag=True, help="Run twice, and report what differs and why.")
@tracking_option
@json_option
@click.option(
    "-h",
    "--help",
    "help_",
    is_flag=True,
    help="Show this message, or with URI the parameters of its entry point.",
)
def run(uri: str | None, help_: bool, **given: Any) -> None:
    """Run the project at URI: a folder, a git URL (#subdirectory), or an archive.

    If there is no MLproject file, use -e to select a script of the folder.
    """
    if uri is None:
        if help_:
            click.echo(click.get_current_context().get_help())
            return
        raise click.UsageError("Missing argument 'URI'.", click.get_current_context())
    if help_:
        _show_entry_point(uri, given["entry_point"], given["version"], given["offline"])
        return
    run_project(uri, **given)


def _show_entry_point(uri: str, name: str, version: str | None, offline: bool) -> None:
    """Print the parameters for ``reprise run URI -e NAME --help``: types, defaults, descriptions."""
    from reprise.runner.sources import working_copy
    from reprise.schemas.loader import find_entry_point, read_project
    from reprise.schemas.use import Use, use_project

    checkout = working_copy.fetch_project(uri, version, paths.here(), offline=offline)
    try:
        project = use_project(read_project(checkout.path), Use(name, environment=False))
        entry_point = find_entry_point(project, name)
    finally:
        working_copy.discard_checkout(checkout)
    show.print_line(f"Usage: reprise run {uri} -e {entry_point.name} [-P NAME=VALUE]...")
    click.echo()
    show.pairs("Command", [(entry_point.command.strip(), "")])
    show.pairs("Parameters", [(item.name, _describe(item)) for item in entry_point.parameters.values()])
    others = [other for other in project.entry_points if other != entry_point.name]
    if others:
        show.pairs("Other entry points", [(other, "") for other in others])


def _describe(parameter: Any) -> str:
    """Return one line: type, default or "required", constraints, description."""
    from reprise.runner.planning.bind import MASK

    parts = [parameter.type]
    if parameter.default is not None:
        parts.append(f"default {MASK if parameter.secret else repr(parameter.default)}")
    else:
        parts.append("required" if parameter.required else "optional")
    if parameter.enum:
        parts.append(f"one of {', '.join(parameter.enum)}")
    if parameter.minimum is not None:
        parts.append(f">= {parameter.minimum:g}")
    if parameter.maximum is not None:
        parts.append(f"<= {parameter.maximum:g}")
    if parameter.pattern is not None:
        parts.append(f"matches {parameter.pattern}")
    if parameter.secret:
        parts.append("secret")
    return f"{', '.join(parts)}{'  ' + parameter.description if parameter.description else ''}"
