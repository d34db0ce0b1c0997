"""``reprise run``: run a project."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reprise import paths
from reprise.cli import show
from reprise.cli.options import (
    json_option,
    name_values,
    python_option,
    refuse_undecodable,
    sandbox_of,
    sandbox_options,
    tracking_option,
)
from reprise.errors import RunFailed, TrackingError, UsageError

if TYPE_CHECKING:
    from reprise.runner.planning.plan import Plan
    from reprise.schemas.job import Outcome, RunRequest
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)


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
def run(
    uri: str | None, help_: bool, no_wait: bool, dry_run: bool, twice: bool, json_: bool, **given: Any
) -> None:
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
    if twice and (no_wait or given["run_id"] is not None):
        raise UsageError("--twice makes two runs and waits for them", hint="remove --no-wait and --run-id")
    from reprise.tracking.registry import open_tracking

    request = _request(uri, given)
    tracking = open_tracking(request.tracking_uri, request.base)
    try:
        if dry_run:
            _show_plan(request, tracking, json_)
        elif no_wait:
            _start(request, tracking, json_)
        elif twice:
            from reprise.cli import run_twice

            run_twice.perform(request, tracking, json_)
        else:
            _perform(request, tracking, json_)
    finally:
        tracking.close()


def _request(uri: str, given: dict[str, Any]) -> RunRequest:
    from reprise.runner.planning.request import make_request, read_params_file
    from reprise.schemas.job import Source

    for option in ("run_name", "experiment_name"):
        refuse_undecodable(f"--{option.replace('_', '-')}", given[option])
    params_file = given.pop("params_file")
    from_file = read_params_file(params_file) if params_file is not None else {}
    typed = name_values("-P", given.pop("param_list"))
    observe = not given.pop("no_observe")
    sandbox = sandbox_of(given.pop("sandbox"), given.pop("no_network"))
    docker_args = name_values("-A", given.pop("docker_args"))
    return make_request(
        uri,
        parameters={**from_file, **typed},
        sources={
            **dict.fromkeys(from_file, Source.PARAMS_FILE),
            **dict.fromkeys(typed, Source.COMMAND_LINE),
        },
        docker_args={name: True if value is None else value for name, value in docker_args.items()},
        observe=observe,
        sandbox=sandbox,
        **given,
    )


def _perform(request: RunRequest, tracking: Tracking, json_: bool) -> None:
    from reprise.runner.runs import executor

    started = time.monotonic()
    outcome = executor.run(request, tracking, stdout_to_stderr=json_)
    took = show.duration(time.monotonic() - started)
    if json_:
        show.as_json(_as_dict(outcome))
    if outcome.status != "FINISHED":
        raise RunFailed(
            f"run {outcome.run_id} {outcome.status} after {took}: {outcome.reason}",
            outcome=outcome,
            hint=f"reprise runs show {outcome.run_id[:8]}",
        )
    if outcome.unrecorded:
        raise TrackingError(
            f"run {outcome.run_id} FINISHED in {took}, but part of it is not recorded in the store yet",
            hint=f"reprise runs show {outcome.run_id[:8]} records the rest once the store is reachable",
        )
    log.info("Run %s FINISHED in %s", outcome.run_id, took)


def _as_dict(outcome: Outcome) -> dict[str, Any]:
    return {
        "run_id": outcome.run_id,
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "reason": outcome.reason,
    }


def _start(request: RunRequest, tracking: Tracking, json_: bool) -> None:
    from reprise.runner.runs import detached

    started = detached.start(request, tracking)
    if json_:
        show.as_json({"run_id": started.run_id, "status": "RUNNING"})
    else:
        click.echo(started.run_id)
        log.info("Started run %s; reprise runs logs %s -f", started.run_id, started.run_id[:8])


def _show_plan(request: RunRequest, tracking: Tracking, json_: bool) -> None:
    from reprise.runner.planning.plan import make_plan
    from reprise.runner.sources import working_copy

    plan = make_plan(request, tracking)
    try:
        facts = _facts(plan, tracking)
    finally:
        working_copy.discard(plan.checkout)
    if json_:
        show.as_json(facts)
        return
    for title, value in facts.items():
        if isinstance(value, dict):
            show.pairs(title, ((name, str(text)) for name, text in value.items()))
        elif value is not None:
            show.pairs(title, [(str(value), "")])


def _facts(plan: Plan, tracking: Tracking) -> dict[str, Any]:
    """Return the plan by title, in the order of execution."""
    from reprise.runner.planning.bind import MASK
    from reprise.runner.planning.plan import python_of
    from reprise.runner.runs.lifecycle import planned_tags

    repository = plan.checkout.repository
    return {
        "project": plan.project.name,
        "source": plan.checkout.name,
        "commit": repository.commit if repository else None,
        "branch": repository.branch if repository else None,
        "uncommitted changes": repository.dirty if repository else None,
        "entry point": plan.entry_point.name,
        "environment": f"{plan.env_manager} ({plan.project.environment_reason})",
        "python": python_of(plan),
        "command": plan.shown_command,
        "parameters": {
            item.name: f"{MASK if item.secret else item.text}  ({item.source})"
            for item in plan.invocation.parameters
        },
        "tracking": tracking.uri,
        "tags": planned_tags(plan),
    }


def _show_entry_point(uri: str, name: str, version: str | None, offline: bool) -> None:
    """Print the parameters for ``reprise run URI -e NAME --help``: types, defaults, descriptions."""
    from reprise.runner.sources import working_copy
    from reprise.schemas.loader import find_entry_point, read_project
    from reprise.schemas.use import Use, use_project

    checkout = working_copy.fetch(uri, version, paths.here(), offline=offline)
    try:
        project = use_project(read_project(checkout.path), Use(name, environment=False))
        entry_point = find_entry_point(project, name)
    finally:
        working_copy.discard(checkout)
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
