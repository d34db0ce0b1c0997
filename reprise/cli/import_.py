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
    from reprise.tracking.copy.embedded.destination import EmbeddedDestination


@click.command("import")
@click.argument("source", metavar="SRC")
@click.option(
    "--artifacts",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Where the artifacts of a folder or a database lie, if not where it says.",
)
@click.option("--no-artifacts", is_flag=True, help="Bring in what was logged, without the files.")
@click.option("--check", is_flag=True, help="Compare value by value what is here already; write nothing.")
@click.option("--strict", is_flag=True, help="End with an error when anything is missing or differs.")
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
    """Bring in a store of MLflow's, and count what arrived.

    SRC is a folder mlruns, a database (mlflow.db, sqlite:///mlflow.db, postgresql://...), or the URL of a
    server. Runs keep their ids. The same command again continues where it stopped, and brings what changed
    since; what was changed here stays.
    """
    from contextlib import closing

    from reprise import paths
    from reprise.cli import copies, show
    from reprise.runner.runs.sweep import sweep_cache, sweep_store
    from reprise.tracking.copy.sources import open_source

    start = time.monotonic()
    with (
        closing(open_source(source, paths.here(), artifacts)) as opened,
        _destination(tracking_uri) as store,
    ):
        if opened.uri == store.uri and type(opened).__name__ == "TrackingSource":
            raise UsageError(f"{store.uri} is the store itself", hint="--tracking-uri names another")
        sweep_store(store)
        sweep_cache()
        if check and not store.exists:
            raise UsageError(f"there is no store at {store.uri}", hint="--tracking-uri names another")
        census = copies.copy(opened, store, artifacts=not no_artifacts, writes=not check)
    copies.show_census(census, json_=json_)
    if check:
        show.print_note(f"Compared {census.source} with {census.destination}")
    else:
        copies.tell_copied("Imported", census, start)
    if strict or check:
        copies.refuse_differences(census)


def _destination(tracking_uri: str | None) -> EmbeddedDestination:
    from reprise import paths
    from reprise.tracking.copy.embedded.destination import EmbeddedDestination
    from reprise.tracking.registry import open_tracking
    from reprise.tracking.sqlite.store import EmbeddedStore

    uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or None
    store = open_tracking(uri, paths.here())
    if not isinstance(store, EmbeddedStore):
        raise UsageError(
            f"a store is imported into a folder, and {store.uri} is none",
            hint="--tracking-uri names a folder; reprise push sends runs to a server",
        )
    return EmbeddedDestination(store.directory)
