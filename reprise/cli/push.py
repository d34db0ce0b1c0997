"""``reprise push``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from reprise.cli.options import json_option, opened, tracking_option
from reprise.errors import UsageError

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking
    from reprise.tracking.protocols.copying import CopySource


@click.command()
@click.argument("url")
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option(
    "--experiment", multiple=True, metavar="NAME", help="Push all runs of this experiment; repeatable."
)
@click.option("--no-artifacts", is_flag=True, help="Do not send the files of runs.")
@click.option("--strict", is_flag=True, help="Fail if anything is missing or different.")
@tracking_option
@json_option
def push(
    url: str,
    runs: tuple[str, ...],
    experiment: tuple[str, ...],
    no_artifacts: bool,
    strict: bool,
    tracking_uri: str | None,
    json_: bool,
) -> None:
    """Send runs to the MLflow server at URL, and report the counts.

    Without RUN or --experiment, everything that is not deleted is sent, with traces and registered models.
    The server assigns new ids; the tag reprise.copied_from keeps the old ones, so the same command later
    sends only what is new or changed. RUN is a run id or its prefix, or @last.
    """
    from contextlib import closing

    from reprise.cli import copies
    from reprise.tracking.copy.server.destination import RestDestination

    if not url.startswith(("http://", "https://")):
        raise UsageError(f'"{url}" is not a server', hint="give its URL, for example http://127.0.0.1:5000")
    if runs and experiment:
        raise UsageError("--experiment cannot be combined with run ids")
    start = time.monotonic()
    with opened(tracking_uri) as tracking, closing(RestDestination.at(url)) as server:
        if server.uri == tracking.uri:
            raise UsageError(
                f"{server.uri} is the store itself", hint="use --tracking-uri to select another"
            )
        source = _source(tracking, runs, experiment)
        census = copies.copy(source, server, artifacts=not no_artifacts, with_deleted=bool(runs))
    copies.show_census(census, json_=json_)
    copies.tell_copied("Pushed", census, start)
    if strict:
        copies.refuse_differences(census)


def _source(tracking: Tracking, runs: tuple[str, ...], experiments: tuple[str, ...]) -> CopySource:
    from reprise.runner.jobs.find import find_experiment, find_run
    from reprise.tracking.copy.tracking import TrackingSource

    if runs:
        chosen_runs = sorted((find_run(tracking, run) for run in runs), key=lambda run: run.start_time)
        return TrackingSource(tracking, runs=chosen_runs)
    if experiments:
        chosen = [find_experiment(tracking, name) for name in experiments]
        return TrackingSource(tracking, experiments=chosen)
    return TrackingSource(tracking)
