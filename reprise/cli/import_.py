"""``reprise import``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reprise.cli.options import json_option, tracking_option
from reprise.errors import UsageError

if TYPE_CHECKING:
    from reprise.tracking.protocols.store import StoreDestination


@click.command("import")
@click.argument("source", metavar="SRC")
@click.option(
    "--artifacts",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Folder of the artifacts, if they are not where the source says.",
)
@click.option("--no-artifacts", is_flag=True, help="Do not import the files of runs.")
@click.option(
    "--check", is_flag=True, help="Compare what is already imported, value by value, without writing."
)
@click.option("--strict", is_flag=True, help="Fail if anything is missing or different.")
@tracking_option
@json_option
def import_(
    source: str,
    artifacts: Path | None,
    no_artifacts: bool,
    check: bool,
    strict: bool,
    tracking_uri: str | None,
    json_: bool,
) -> None:
    """Import the runs of an MLflow store, and report the counts.

    SRC is an mlruns folder, a database (mlflow.db, sqlite:///mlflow.db, postgresql://...), or the URL of a
    server. Runs keep their ids. Run the same command again to continue after an interruption, or to import
    later changes; local changes are kept.
    """
    from contextlib import closing

    from reprise import paths
    from reprise.cli import copies, show
    from reprise.runner.runs.sweep import sweep_cache, sweep_store
    from reprise.tracking.copy.sources import open_source

    start = time.monotonic()
    with (
        closing(open_source(source, paths.here(), artifacts)) as opened,
        closing(_destination(tracking_uri)) as store,
    ):
        if opened.uri == store.uri and type(opened).__name__ == "TrackingSource":
            raise UsageError(
                f"{store.uri} is the store itself", hint="use --tracking-uri to select another"
            )
        sweep_store(store)
        sweep_cache()
        if check and not store.exists:
            raise UsageError(
                f"there is no store at {store.uri}", hint="use --tracking-uri to select another"
            )
        census = copies.copy(opened, store, artifacts=not no_artifacts, writes=not check)
    copies.show_census(census, json_=json_)
    if check:
        show.print_note(f"Compared {census.source} with {census.destination}")
    else:
        copies.tell_copied("Imported", census, start)
    if strict or check:
        copies.refuse_differences(census)


def _destination(tracking_uri: str | None) -> StoreDestination:
    from reprise import paths
    from reprise.tracking.registry import open_destination, open_tracking

    uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or None
    store = open_tracking(uri, paths.here())
    if store.home is None:
        raise UsageError(
            f"cannot import into {store.uri}: it is not a folder",
            hint="use --tracking-uri to select a folder, or reprise push to send runs to a server",
        )
    return open_destination(store.home)
