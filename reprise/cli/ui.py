"""``reprise ui``."""

from __future__ import annotations

import os
from typing import Any

import click

from reprise.cli.serving_options import serve_store, serving_of, store_options

_PORT = 5000


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), help="Port. [default: 5000, or any free one]")
@store_options
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
def ui(
    host: str,
    port: int | None,
    store: str | None,
    artifact_root: str | None,
    no_browser: bool,
    **how: Any,
) -> None:
    """View and compare runs in a browser, until Ctrl-C. MLflow clients can log to the same address."""
    serving = serving_of(host, _free(host) if port is None else port, **how)
    serve_store(store, artifact_root, serving, None if no_browser else _open)


def _free(host: str) -> int:
    """Return the usual port, or 0 (any free port) if it is in use."""
    from reprise.server.sockets import listen

    try:
        listen(host, _PORT).close()
    except OSError:
        return 0
    return _PORT


def _open(url: str) -> None:
    """Open ``url`` in the user's browser, if there is a screen."""
    import sys
    import webbrowser

    has_screen = sys.platform == "darwin" or any(
        map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    )
    if has_screen:
        webbrowser.open(url)
