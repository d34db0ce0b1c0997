"""``reprise server``."""

from __future__ import annotations

from pathlib import Path

import click

from reprise.errors import UsageError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("-p", "--port", default=5000, show_default=True, type=click.IntRange(0, 65535), help="Port.")
@click.option(
    "--store", type=Path, metavar="DIR", help="The store. [default: mlruns found upward from here]"
)
@click.option("--token", envvar="REPRISE_SERVER_TOKEN", help="Bearer token. [env: REPRISE_SERVER_TOKEN]")
def server(host: str, port: int, store: Path | None, token: str | None) -> None:
    """Serve the store over MLflow's REST API, until Ctrl-C."""
    from reprise import paths
    from reprise.server.serving import serve
    from reprise.tracking.embedded import EmbeddedStore

    if host not in ("127.0.0.1", "::1", "localhost") and not token:
        raise UsageError(
            f"on {host} others can reach the server", hint="give --token, or serve on 127.0.0.1"
        )
    with EmbeddedStore(store or paths.find_store(paths.here())) as opened:
        serve(opened, host, port, token)
