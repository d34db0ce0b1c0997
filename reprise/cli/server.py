"""``reprise server``."""

from __future__ import annotations

from typing import Any

import click

from reprise.cli.serving_options import serve_store, serving_of, store_options


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("-p", "--port", default=5000, show_default=True, type=click.IntRange(0, 65535), help="Port.")
@store_options
@click.option(
    "--max-upload",
    metavar="SIZE",
    help="Maximum size of a request, such as 500M or 2G. [default: no limit]",
)
def server(
    host: str, port: int, store: str | None, artifact_root: str | None, max_upload: str | None, **how: Any
) -> None:
    """Serve the store over MLflow's REST API, with the web UI, until Ctrl-C."""
    from reprise.units import read_size

    largest = None if max_upload is None else read_size("--max-upload", max_upload)
    serve_store(store, artifact_root, serving_of(host, port, largest=largest, **how))
