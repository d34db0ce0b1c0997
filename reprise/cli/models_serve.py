"""``reprise models serve``."""

from __future__ import annotations

from typing import Any

import click

from reprise.cli.model_options import model_options, policy_of
from reprise.cli.options import opened, tracking_option
from reprise.cli.serving_options import access_options, serving_of

_LOOK = 10.0  # seconds


@click.command()
@model_options
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("-p", "--port", default=5000, show_default=True, type=click.IntRange(0, 65535), help="Port.")
@click.option(
    "-w",
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Number of worker processes.",
)
@click.option(
    "-t",
    "--timeout",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Request timeout in seconds.",
)
@click.option(
    "--watch",
    is_flag=False,
    flag_value=_LOOK,
    type=click.FloatRange(0.1),
    metavar="[SECONDS]",
    help=f"Poll for a new version behind URI and serve it. [{_LOOK:g} seconds by default]",
)
@access_options
@click.option(
    "--max-request", default="100M", show_default=True, metavar="SIZE", help="Maximum size of a request."
)
@click.option(
    "--limit-concurrency",
    default=256,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Maximum number of concurrent requests; others get 503.",
)
@tracking_option
def serve(
    uri: str,
    host: str,
    port: int,
    workers: int,
    timeout: float,
    env_manager: str | None,
    python: str | None,
    offline: bool,
    watch: float | None,
    max_request: str,
    limit_concurrency: int,
    tracking_uri: str | None,
    **who: Any,
) -> None:
    """Serve a model over HTTP like MLflow's scoring server, in its own environment, until Ctrl-C."""
    from reprise import paths
    from reprise.runner.models import proxy
    from reprise.runner.models.folder import is_address
    from reprise.runner.models.served_versions import WantedService
    from reprise.runner.models.worker import Settings
    from reprise.server.serving import place
    from reprise.units import read_size

    policy = policy_of(python, offline)
    how = serving_of(host, port, largest=read_size("--max-request", max_request), **who)
    with opened(tracking_uri, make=not is_address(uri)) as tracking, place(how) as here:
        log = paths.state_dir() / "logs" / f"serving-{host}-{here.port}.log"
        wanted = WantedService(tracking, uri, env_manager, policy, Settings(log, workers, timeout))
        proxy.serve_model(wanted, how, here, limit_concurrency, watch)
