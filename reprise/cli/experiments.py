"""``reprise experiments``."""

from __future__ import annotations

import click

from reprise.cli import show
from reprise.cli.options import json_option, opened, tracking_option
from reprise.errors import UsageError

_HELP = "EXPERIMENT is a name or an id."


@click.group()
def experiments() -> None:
    """List, create, rename, delete and restore experiments."""


@experiments.command("list")
@click.option("--deleted", is_flag=True, help="List deleted experiments.")
@tracking_option
@json_option
def list_(deleted: bool, tracking_uri: str | None, json_: bool) -> None:
    """List all experiments, newest first."""
    from reprise.runner.jobs.find import all_experiments

    with opened(tracking_uri) as tracking:
        found = all_experiments(tracking, "DELETED_ONLY" if deleted else "ACTIVE_ONLY")
    if json_:
        show.as_json(found)
        return
    rows = [(item.experiment_id, item.name, show.ago(item.creation_time)) for item in found]
    show.table(("ID", "NAME", "CREATED"), rows)


@experiments.command("create")
@click.argument("name")
@tracking_option
@json_option
def create(name: str, tracking_uri: str | None, json_: bool) -> None:
    """Create an experiment and print its id."""
    with opened(tracking_uri, make=True) as tracking:
        made = tracking.create_experiment(name)
    if json_:
        show.as_json({"experiment_id": made, "name": name})
    else:
        click.echo(made)


@experiments.command("rename", help=f"Rename an experiment. {_HELP}")
@click.argument("experiment")
@click.argument("new_name")
@tracking_option
def rename(experiment: str, new_name: str, tracking_uri: str | None) -> None:
    from reprise.runner.jobs.find import find_experiment

    with opened(tracking_uri) as tracking:
        found = find_experiment(tracking, experiment)
        tracking.rename_experiment(found.experiment_id, new_name)
    show.print_note(f'Renamed experiment {found.experiment_id} from "{found.name}" to "{new_name}"')


@experiments.command(
    "delete", help=f"Delete experiments and their runs; reprise experiments restore undoes it. {_HELP}"
)
@click.argument("experiments", metavar="EXPERIMENT...", nargs=-1, required=True)
@tracking_option
def delete(experiments: tuple[str, ...], tracking_uri: str | None) -> None:
    from reprise.runner.jobs.find import find_experiment
    from reprise.runner.runs.running_runs import refuse_watched_in

    with opened(tracking_uri) as tracking:
        found = [find_experiment(tracking, experiment) for experiment in experiments]
        for item in found:
            if item.lifecycle_stage == "deleted":
                raise UsageError(f'experiment "{item.name}" is already deleted')
            refuse_watched_in(tracking, item)
        for item in found:
            tracking.delete_experiment(item.experiment_id)
            show.print_note(f'Deleted experiment {item.experiment_id} "{item.name}"')


@experiments.command("restore", help=f"Restore deleted experiments and their runs. {_HELP}")
@click.argument("experiments", metavar="EXPERIMENT...", nargs=-1, required=True)
@tracking_option
def restore(experiments: tuple[str, ...], tracking_uri: str | None) -> None:
    from reprise.runner.jobs.find import find_experiment

    with opened(tracking_uri) as tracking:
        found = [find_experiment(tracking, experiment) for experiment in experiments]
        for item in found:
            if item.lifecycle_stage != "deleted":
                raise UsageError(f'experiment "{item.name}" is not deleted')
        for item in found:
            tracking.restore_experiment(item.experiment_id)
            show.print_note(f'Restored experiment {item.experiment_id} "{item.name}"')
