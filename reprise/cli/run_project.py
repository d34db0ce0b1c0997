"""What ``reprise run`` does. It needs no parser of options, and does not load one."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from reprise.cli.words import name_values, refuse_undecodable, sandbox_of
from reprise.errors import RunFailed, TrackingError, UsageError
from reprise.units import duration

if TYPE_CHECKING:
    from reprise.schemas.job import Outcome, RunRequest
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)


def run_project(uri: str, *, no_wait: bool, dry_run: bool, twice: bool, json_: bool, **given: Any) -> None:
    """Run the project at ``uri``; ``given`` are the other options by name, as the parser returns them."""
    if twice and (no_wait or given["run_id"] is not None):
        raise UsageError("--twice makes two runs and waits for them", hint="remove --no-wait and --run-id")
    from reprise.tracking.registry import open_tracking

    request = _make_request(uri, given)
    tracking = open_tracking(request.tracking_uri, request.base)
    try:
        if dry_run:
            from reprise.cli.run_plan import show_plan

            show_plan(request, tracking, json_)
        elif no_wait:
            _start(request, tracking, json_)
        elif twice:
            from reprise.cli import run_twice

            run_twice.perform(request, tracking, json_)
        else:
            _perform(request, tracking, json_)
    finally:
        tracking.close()


def _make_request(uri: str, given: dict[str, Any]) -> RunRequest:
    from reprise.runner.planning.request import make_request, read_params_file
    from reprise.runner.planning.resources import NAMES, read_resources
    from reprise.schemas.job import ParameterSource

    for option in ("run_name", "experiment_name"):
        refuse_undecodable(f"--{option.replace('_', '-')}", given[option])
    params_file = given.pop("params_file")
    from_file = read_params_file(params_file) if params_file is not None else {}
    typed = name_values("-P", given.pop("param_list"))
    observe = not given.pop("no_observe")
    sandbox = sandbox_of(given.pop("sandbox"), given.pop("no_network"))
    resources = read_resources({name: given.pop(name) for name in NAMES})
    docker_args = name_values("-A", given.pop("docker_args"))
    return make_request(
        uri,
        parameters={**from_file, **typed},
        sources={
            **dict.fromkeys(from_file, ParameterSource.PARAMS_FILE),
            **dict.fromkeys(typed, ParameterSource.COMMAND_LINE),
        },
        docker_args={name: True if value is None else value for name, value in docker_args.items()},
        observe=observe,
        sandbox=sandbox,
        resources=resources,
        **given,
    )


def _perform(request: RunRequest, tracking: Tracking, json_: bool) -> None:
    from reprise.runner.runs import executor

    started = time.monotonic()
    outcome = executor.run(request, tracking, stdout_to_stderr=json_)
    took = duration(time.monotonic() - started)
    if json_:
        _print_json(_as_dict(outcome))
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
    from reprise.backends import registry as backends
    from reprise.runner.runs import detached

    if backends.find_mlflow_plugin(request.backend) is not None:
        raise UsageError(
            f"--no-wait: a run of {request.backend}, a backend for MLflow, ends with this command",
            hint="remove --no-wait",
        )
    started = detached.start(request, tracking)
    if json_:
        _print_json({"run_id": started.run_id, "status": "RUNNING"})
    else:
        print(started.run_id, flush=True)
        log.info("Started run %s; reprise runs logs %s -f", started.run_id, started.run_id[:8])


def _print_json(value: Any) -> None:
    from reprise.cli import show

    show.as_json(value)
