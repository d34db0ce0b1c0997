"""``reprise runs``: list, show, follow, stop, delete and restore runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from reprise.cli import show
from reprise.cli.options import json_option, opened, tracking_option
from reprise.cli.words import refuse_undecodable
from reprise.errors import UsageError

if TYPE_CHECKING:
    from reprise.schemas.entities import Metric, Run
    from reprise.tracking.base import Tracking

_RUN_HELP = "RUN is a run id or its prefix, or @last."


@click.group()
def runs() -> None:
    """List, show, follow, stop, delete and restore runs."""


@runs.command("list")
@click.option(
    "--experiment", "--experiment-name", metavar="NAME", help="Only list runs of this experiment."
)
@click.option("-f", "--filter", "filter_", default="", metavar="TEXT", help="MLflow's search language.")
@click.option(
    "--sort",
    "--order-by",
    "sort",
    multiple=True,
    metavar="KEY",
    help='For example "metrics.accuracy DESC".',
)
@click.option(
    "-n",
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1, 50000),
    help="Maximum number of runs.",
)
@click.option("--deleted", is_flag=True, help="List deleted runs.")
@click.option("--columns", metavar="NAME,...", help="For example run_id,name,status,metrics.loss,params.C.")
@tracking_option
@json_option
def list_(
    experiment: str | None,
    filter_: str,
    sort: tuple[str, ...],
    limit: int,
    deleted: bool,
    columns: str | None,
    tracking_uri: str | None,
    json_: bool,
) -> None:
    """List runs, newest first."""
    from reprise.cli import run_columns
    from reprise.runner.jobs.listing import list_runs, name_searched_experiments

    names_of = run_columns.parse(columns)
    with opened(tracking_uri) as tracking:
        names = name_searched_experiments(tracking, experiment, deleted=deleted)
        found = list_runs(
            tracking, list(names), filter=filter_, order_by=sort, limit=limit, deleted=deleted
        )
        if filter_ and not found:
            from reprise.runner.filter_names import explain_names

            for sentence in explain_names(tracking, list(names), filter_):
                show.print_note(sentence)
    if json_:
        show.as_json(found)
        return
    show.table(names_of, [run_columns.row(run, names, names_of) for run in found])


@runs.command("show", help=f"Show everything recorded about a run. {_RUN_HELP}")
@click.argument("run")
@tracking_option
@json_option
def show_(run: str, tracking_uri: str | None, json_: bool) -> None:
    from reprise.runner.jobs.find import find_run

    with opened(tracking_uri) as tracking:
        found = find_run(tracking, run)
        experiment = tracking.get_experiment(found.experiment_id).name
        files = _files(tracking, found.run_id)
        models = {link.model_id: _files(tracking, link.model_id) for link in found.model_outputs}
        versions = tracking.model_versions(found.run_id)
    if json_:
        more = {"artifacts": dict(files), "models": models, "model_versions": versions}
        show.as_json({**found._asdict(), "experiment_name": experiment, **more})
        return
    show.pairs(f"Run {found.run_id}", _summary(found, experiment))
    show.pairs("Parameters", sorted(found.params.items()))
    show.pairs("Metrics", [(key, _point(metric)) for key, metric in sorted(found.metrics.items())])
    show.pairs("Datasets", [(item.dataset.name, item.dataset.digest) for item in found.dataset_inputs])
    show.pairs("Registered models", [(item.name, f"version {item.version}") for item in versions])
    show.pairs("Tags", sorted(found.tags.items()))
    show.pairs("Artifacts", _sizes(files))
    for model_id, model_files in models.items():
        show.pairs(f"Model {model_id}", _sizes(model_files))


@runs.command("logs", help=f"Show the output of a run. {_RUN_HELP}")
@click.argument("run")
@click.option("-f", "--follow", is_flag=True, help="Follow the output until the run ends.")
@click.option("--environment", is_flag=True, help="Show the log of creating its environment instead.")
@tracking_option
@json_option
def logs(run: str, follow: bool, environment: bool, tracking_uri: str | None, json_: bool) -> None:
    from reprise.runner.jobs.find import find_run
    from reprise.runner.runs import logs

    if follow and (environment or json_):
        raise UsageError("--follow cannot be combined with --environment or --json")
    with opened(tracking_uri) as tracking:
        found = find_run(tracking, run)
        read = logs.follow if follow else partial(logs.output, environment=environment)
        pieces = read(tracking, found)
        if json_:
            lines = b"".join(pieces).decode("utf-8", "replace").splitlines()
            show.as_json({"run_id": found.run_id, "lines": lines})
            return
        show.print_output(pieces)


@runs.command("delete", help=f"Delete runs; reprise runs restore undoes it. {_RUN_HELP}")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--with-children/--without-children",
    default=None,
    help="Also delete child runs, or keep them. [default: ask]",
)
@tracking_option
def delete(runs: tuple[str, ...], with_children: bool | None, tracking_uri: str | None) -> None:
    from reprise.runner.families import delete_family, find_descendants
    from reprise.runner.jobs.find import find_run
    from reprise.runner.runs.running_runs import refuse_watched

    with opened(tracking_uri) as tracking:
        found = [find_run(tracking, run) for run in runs]
        for run in found:
            if run.lifecycle_stage == "deleted":
                raise UsageError(f"run {run.run_id} is already deleted")
            refuse_watched(tracking, run)
        named = {run.run_id for run in found}
        for run in found:
            children = [one for one in find_descendants(tracking, run) if one.run_id not in named]
            if children and _takes_children(run, children, with_children):
                for child in children:
                    refuse_watched(tracking, child)
                delete_family(tracking, run, children)
                show.print_note(f"Deleted run {run.run_id} and {show.counted(len(children), 'child run')}")
            else:
                tracking.delete_run(run.run_id)
                show.print_note(f"Deleted run {run.run_id}")


@runs.command("restore", help=f"Restore deleted runs. {_RUN_HELP}")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@tracking_option
def restore(runs: tuple[str, ...], tracking_uri: str | None) -> None:
    from reprise.runner.jobs.find import find_run

    with opened(tracking_uri) as tracking:
        found = [find_run(tracking, run, view_type="DELETED_ONLY") for run in runs]
        for run in found:
            if run.lifecycle_stage != "deleted":
                raise UsageError(f"run {run.run_id} is not deleted")
            experiment = tracking.get_experiment(run.experiment_id)
            if experiment.lifecycle_stage == "deleted":
                hint = f'reprise experiments restore "{experiment.name}"'
                raise UsageError(f'its experiment "{experiment.name}" is deleted', hint=hint)
        for run in found:
            tracking.restore_run(run.run_id)
            show.print_note(f"Restored run {run.run_id}")


@runs.command("stop", help=f"Stop a running run and all its child processes. {_RUN_HELP}")
@click.argument("run")
@click.option("--force", is_flag=True, help="Mark a run as KILLED if its machine or process died.")
@click.option("--reason", metavar="TEXT", help="With --force: the reason, recorded with the run.")
@tracking_option
def stop(run: str, force: bool, reason: str | None, tracking_uri: str | None) -> None:
    from reprise.runner.jobs.find import find_run
    from reprise.runner.runs.stop import end_lost_run
    from reprise.runner.runs.stop import stop as stop_run

    if reason is not None and not force:
        raise UsageError("--reason only works with --force")
    refuse_undecodable("--reason", reason)
    with opened(tracking_uri) as tracking:
        found = find_run(tracking, run)
        if force:
            end_lost_run(tracking, found, reason)
        else:
            stop_run(tracking, found)
    show.print_note(f"Stopped run {found.run_id}")


def _takes_children(run: Run, children: list[Run], with_children: bool | None) -> bool:
    """Return whether to delete the child runs of ``run`` too; ask if the options do not say."""
    import sys

    if with_children is not None:
        return with_children
    count = show.counted(len(children), "run")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        hint = "use --with-children to delete them too, or --without-children to keep them"
        raise UsageError(f"run {run.run_id} has child runs: {count}", hint=hint)
    return click.confirm(f"Run {run.run_name} has child runs: {count}. Delete them too?", err=True)


def _summary(run: Run, experiment: str) -> list[tuple[str, str]]:
    from reprise.schemas import tags

    facts = [
        ("name", run.run_name),
        ("status", run.status),
        ("deleted", "yes" if run.lifecycle_stage == "deleted" else ""),
        ("experiment", f"{experiment} ({run.experiment_id})"),
        ("started", show.ago(run.start_time)),
        ("took", show.took(run)),
        ("user", run.user_id),
        ("source", run.tags.get(tags.SOURCE_NAME, "")),
        ("commit", _commit(run)),
        ("entry point", run.tags.get(tags.ENTRY_POINT, "")),
        ("command", run.tags.get(tags.COMMAND, "")),
        ("environment", run.tags.get(tags.PROJECT_ENV, "")),
        ("reason", run.tags.get(tags.REASON, "")),
    ]
    return [(name, value) for name, value in facts if value]


def _commit(run: Run) -> str:
    from reprise.schemas import tags

    commit = run.tags.get(tags.GIT_COMMIT, "")
    return f"{commit} with uncommitted changes" if run.tags.get(tags.DIRTY) == "true" else commit


def _point(metric: Metric) -> str:
    return f"{metric.value:.10g}" + (f"  (step {metric.step})" if metric.step else "")


def _sizes(files: list[tuple[str, int]]) -> list[tuple[str, str]]:
    return [(path, f"{size:,} bytes") for path, size in files]


def _files(tracking: Tracking, run_id: str, folder: str = "") -> list[tuple[str, int]]:
    files: list[tuple[str, int]] = []
    for item in tracking.list_artifacts(run_id, folder):
        files += _files(tracking, run_id, item.path) if item.is_dir else [(item.path, item.size or 0)]
    return files
