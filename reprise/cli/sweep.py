"""``reprise sweep``: one project, many settings of its parameters."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from reprise import paths
from reprise.cli import show
from reprise.cli.options import json_option, opened, tracking_option
from reprise.cli.run import run as run_command
from reprise.cli.words import name_values, refuse_undecodable
from reprise.errors import RunFailed, UsageError
from reprise.units import counted

if TYPE_CHECKING:
    from reprise.runner.sweeps.performing import Effort, Opened
    from reprise.runner.sweeps.plan import SweepPlan
    from reprise.runner.sweeps.trials import Summary, Trial
    from reprise.schemas.entities import Run
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_OF_RUN = (
    "entry_point",
    "version",
    "param_list",
    "params_file",
    "experiment_name",
    "experiment_id",
    "backend",
    "backend_config",
    "env_manager",
    "python",
    "storage_dir",
    "locked",
    "offline",
    "as_of",
    "no_observe",
)
"""The options of ``reprise run`` that every trial gets."""


class _Sweep(click.Group):
    """``reprise sweep URI`` starts one; the words of the other verbs come in the same place."""

    DEFAULT = "start"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [self.DEFAULT, *args]
        return super().parse_args(ctx, args)


def _effort_options(command: click.Command) -> None:
    """``--jobs --retries --max-failures``."""
    command.params += [
        click.Option(
            ["-j", "--jobs"], type=click.IntRange(1), default=1, help="Runs at a time. [default: 1]"
        ),
        click.Option(
            ["--retries"],
            type=click.IntRange(0),
            default=0,
            help="Further attempts at a trial that failed.",
        ),
        click.Option(
            ["--max-failures"],
            type=click.IntRange(1),
            help="Start no further trial once so many have failed.",
        ),
    ]


@click.group(cls=_Sweep)
def sweep() -> None:
    """Try many settings of a project's parameters, and find the best.

    \b
    reprise sweep . -S C=0.01,0.1,1 -S solver=lbfgs,saga -P epochs=5 --metric val_acc:max
    reprise sweep . -S lr=1e-5..1e-1:log --sampler random --trials 20 --jobs 4
    reprise sweep resume NAME

    The same command continues a sweep that was interrupted.
    """


@sweep.command()
@click.argument("uri")
@click.option(
    "-S",
    "--sweep",
    "varied",
    multiple=True,
    metavar="NAME[=VALUES]",
    help="Vary a parameter; repeatable. VALUES: a,b,c or 1..8 or 0..1:0.1 or 1e-5..1e-1:log; "
    "without it, the enum or the minimum and maximum of the MLproject.",
)
@click.option("--sampler", type=click.Choice(["grid", "random"]), default="grid", help="[default: grid]")
@click.option("--trials", type=click.IntRange(1), help="Number of trials of a random search.")
@click.option("--seed", type=int, default=0, help="Seed of a random search. [default: 0]")
@click.option("--metric", default="", metavar="NAME[:max|min]", help="What the best trial is best at.")
@click.option("--name", metavar="NAME", help="Name of the sweep. [default: random]")
@tracking_option
@json_option
def start(uri: str, tracking_uri: str | None, json_: bool, name: str | None, **given: Any) -> None:
    """Start a sweep, or continue the same one."""
    from reprise.runner.sweeps import performing
    from reprise.runner.sweeps.parent import download_plan, find_unfinished, open_parent

    effort = _read_effort(given)
    plan = _read_plan(uri, given)
    refuse_undecodable("--name", name)
    with opened(tracking_uri, make=True) as tracking:
        ready = performing.prepare_sweep(tracking, plan)
        run = find_unfinished(tracking, ready.digest)
        if run is not None:
            kept = download_plan(tracking, run)
            kept = kept._replace(uri=uri, parameters={**kept.parameters, **plan.parameters})
            _continue(tracking, run, kept, tracking_uri, effort, json_)
            return
        found = open_parent(tracking, ready.kept, ready.digest, ready.first, name)
        trials = counted(ready.sampler.trials, "trial")
        log.info("Started sweep %s (%s): %s", found.name, found.run_id[:8], trials)
        uri_of_runs = _uri_of_runs(tracking, tracking_uri)
        _perform(tracking, performing.Opened(found, ready.plan, ready.sampler, uri_of_runs), effort, json_)


@sweep.command()
@click.argument("name")
@click.option(
    "-P", "--param-list", multiple=True, metavar="NAME=VALUE", help="Give a secret parameter again."
)
@tracking_option
@json_option
def resume(name: str, tracking_uri: str | None, json_: bool, **given: Any) -> None:
    """Continue a sweep: what was killed, what failed if --retries allows it, and what is left."""
    from reprise.runner.sweeps.parent import download_plan, find_sweep

    effort = _read_effort(given)
    secrets = name_values("-P", given["param_list"])
    with opened(tracking_uri) as tracking:
        run = find_sweep(tracking, name)
        kept = download_plan(tracking, run)
        kept = kept._replace(parameters={**kept.parameters, **secrets})
        _continue(tracking, run, kept, tracking_uri, effort, json_)


@sweep.command("list")
@tracking_option
@json_option
def list_(tracking_uri: str | None, json_: bool) -> None:
    """List the sweeps of a store, newest first."""
    from reprise.runner.sweeps.parent import list_sweeps

    with opened(tracking_uri) as tracking:
        found = [_describe_sweep(tracking, run) for run in list_sweeps(tracking)]
    if json_:
        show.as_json(found)
    elif not found:
        show.print_note("there is no sweep in this store")
    else:
        rows = [[str(item[key]) for key in _COLUMNS] for item in found]
        show.table([key.replace("_", " ").upper() for key in _COLUMNS], rows)


@sweep.command("show")
@click.argument("name")
@tracking_option
@json_option
def show_(name: str, tracking_uri: str | None, json_: bool) -> None:
    """Show the trials of a sweep, the best first."""
    from reprise.runner.sweeps.parent import download_plan, find_sweep, list_trials
    from reprise.runner.sweeps.trials import find_trials, rank_trials

    with opened(tracking_uri) as tracking:
        run = find_sweep(tracking, name)
        plan = download_plan(tracking, run)
        trials = rank_trials(find_trials(list_trials(tracking, run), plan.metric).values(), plan.goal)
        described = _describe_sweep(tracking, run)
    if json_:
        show.as_json({**described, "list": [_describe_trial(trial, plan) for trial in trials]})
        return
    show.pairs(f"Sweep {run.run_name}", [(key.replace("_", " "), str(described[key])) for key in described])
    click.echo()
    metric = [plan.metric] if plan.metric else []
    rows = [
        [
            str(trial.number + 1),
            trial.run.run_id[:8],
            str(trial.status),
            *(trial.run.params.get(parameter, "") for parameter in plan.varied),
            *(["" if trial.value is None else f"{trial.value:.6g}"] if metric else []),
            show.took(trial.run),
        ]
        for trial in trials
    ]
    show.table(["TRIAL", "RUN", "STATUS", *plan.varied, *metric, "TOOK"], rows)


@sweep.command()
@click.argument("name")
@tracking_option
def stop(name: str, tracking_uri: str | None) -> None:
    """End a sweep and its running trials; reprise sweep resume continues it."""
    from reprise.runner.runs import stop as stopping
    from reprise.runner.sweeps.parent import find_sweep

    with opened(tracking_uri) as tracking:
        run = find_sweep(tracking, name)
        stopping.stop(tracking, run)
        show.print_note(f"Stopped sweep {run.run_name}")


def _continue(
    tracking: Tracking,
    run: Run,
    plan: SweepPlan,
    tracking_uri: str | None,
    effort: Effort,
    json_: bool,
) -> None:
    """Perform what is left of the sweep whose parent is ``run``; ``plan`` has its secrets again."""
    from reprise.runner.sweeps import performing
    from reprise.runner.sweeps.parent import reopen_parent

    ready = performing.prepare_sweep(tracking, plan)
    log.info("Continuing sweep %s (%s)", run.run_name, run.run_id[:8])
    found = reopen_parent(tracking, run)
    uri_of_runs = _uri_of_runs(tracking, tracking_uri)
    _perform(tracking, performing.Opened(found, ready.plan, ready.sampler, uri_of_runs), effort, json_)


def _perform(tracking: Tracking, opened_sweep: Opened, effort: Effort, json_: bool) -> None:
    from reprise.runner.jobs.signals import interruptible
    from reprise.runner.sweeps.performing import perform_sweep
    from reprise.schemas.job import Outcome, RunStatus

    plan, name = opened_sweep.plan, opened_sweep.parent.name

    def tell(trial: Trial, summary: Summary) -> None:
        log.info("%s", _describe_end(trial, plan, summary))

    try:
        with interruptible(), _each_message_once():
            summary = perform_sweep(tracking, opened_sweep, effort, tell)
    except KeyboardInterrupt:
        log.warning("Stopped sweep %s; reprise sweep resume %s continues it", name, name)
        raise
    if json_:
        show.as_json(_describe_sweep(tracking, tracking.get_run(opened_sweep.parent.run_id)))
    best = f"; best: {_describe_best(summary.best, plan)}" if summary.best else ""
    if not summary.is_complete:
        raise RunFailed(
            f"sweep {name}: {summary.finished} of {summary.planned} trials finished, "
            f"{summary.failed} failed{best}",
            outcome=Outcome(opened_sweep.parent.run_id, RunStatus.FAILED, 1),
            hint=f"reprise sweep resume {name} --retries 1 tries again; reprise sweep show {name}",
        )
    log.info("Sweep %s FINISHED: %s%s", name, counted(summary.planned, "trial"), best)


@contextmanager
def _each_message_once() -> Iterator[None]:
    """What every trial would say of project and environment is said by the first."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        before = len(said)
        said.add(record.getMessage())
        return len(said) > before

    handlers = list(logging.getLogger("reprise").handlers)
    for handler in handlers:
        handler.addFilter(is_new)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(is_new)


def _read_effort(given: dict[str, Any]) -> Effort:
    from reprise.runner.sweeps.performing import Effort

    return Effort(given.pop("jobs"), given.pop("retries"), given.pop("max_failures"))


def _read_plan(uri: str, given: dict[str, Any]) -> SweepPlan:
    from reprise.runner.planning.request import read_params_file
    from reprise.runner.sweeps.plan import GOALS, SweepPlan

    varied = name_values("-S", given.pop("varied"))
    if not varied:
        raise UsageError("a sweep varies at least one parameter", hint="add -S NAME=a,b,c")
    params_file = given.pop("params_file")
    fixed = read_params_file(params_file) if params_file is not None else {}
    fixed = {**fixed, **name_values("-P", given.pop("param_list"))}
    if both := varied.keys() & fixed.keys():
        raise UsageError(
            f'the parameter "{min(both)}" is varied and has a fixed value', hint="remove -P or -S"
        )
    metric, _, goal = given.pop("metric").partition(":")
    if goal and goal not in GOALS:
        raise UsageError(f'--metric ends in ":{goal}"', hint="write NAME:max or NAME:min")
    method, trials, seed = (given.pop(name) for name in ("sampler", "trials", "seed"))
    options = {**given, "observe": not given.pop("no_observe")}
    options = {name: value for name, value in options.items() if name != "no_observe" and value is not None}
    return SweepPlan(
        uri, str(paths.here()), varied, fixed, options, method, trials, seed, metric, goal or "max"
    )


def _uri_of_runs(tracking: Tracking, given: str | None) -> str | None:
    """Where the runs are recorded, for processes that begin in other folders."""
    return tracking.uri if tracking.home is not None else given


_COLUMNS = ("name", "run_id", "status", "finished", "failed", "best", "started")


def _describe_sweep(tracking: Tracking, run: Run) -> dict[str, Any]:
    from reprise.runner.sweeps.parent import list_trials
    from reprise.runner.sweeps.trials import find_trials
    from reprise.schemas import tags
    from reprise.schemas.job import RunStatus

    statuses = [trial.status for trial in find_trials(list_trials(tracking, run), "").values()]
    best = next((name for name in run.metrics if name.startswith("best_")), None)
    return {
        "name": run.run_name,
        "run_id": run.run_id,
        "status": run.status,
        "finished": statuses.count(RunStatus.FINISHED),
        "failed": statuses.count(RunStatus.FAILED),
        "best": f"{best.removeprefix('best_')}={run.metrics[best].value:.6g}" if best else "",
        "best_run": run.tags.get(tags.SWEEP_BEST, ""),
        "started": show.ago(run.start_time),
        "command": run.tags.get(tags.COMMAND, ""),
    }


def _describe_trial(trial: Trial, plan: SweepPlan) -> dict[str, Any]:
    return {
        "trial": trial.number + 1,
        "run_id": trial.run.run_id,
        "status": trial.status,
        "parameters": {name: trial.run.params.get(name) for name in plan.varied},
        "value": trial.value,
    }


def _describe_end(trial: Trial, plan: SweepPlan, summary: Summary) -> str:
    """``Trial 3 of 6 FINISHED in 2.1 s: C=0.1 solver=lbfgs, val_acc 0.93``."""
    ended = f"{trial.status} in {show.took(trial.run)}"
    line = f"Trial {trial.number + 1} of {summary.planned} {ended}: {_describe_setting(trial, plan)}"
    if trial.value is not None:
        line += f", {plan.metric} {trial.value:.6g}"
    if trial.status != "FINISHED":
        line += f"; reprise runs logs {trial.run.run_id[:8]}"
    return line


def _describe_best(best: Trial, plan: SweepPlan) -> str:
    return (
        f"{plan.metric} {best.value:.6g} with {_describe_setting(best, plan)} (run {best.run.run_id[:8]})"
    )


def _describe_setting(trial: Trial, plan: SweepPlan) -> str:
    return " ".join(f"{name}={trial.run.params.get(name, '')}" for name in plan.varied)


start.params += [parameter for parameter in run_command.params if parameter.name in _OF_RUN]
for _command in (start, resume):
    _effort_options(_command)
