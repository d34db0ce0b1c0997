"""``reprise ui``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reprise.cli.serving_options import access_of, serve_store, store_options

_PORT = 5000


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), help="Port. [default: 5000, or any free one]")
@store_options
@click.option("--no-browser", is_flag=True, help="Tell the address only.")
def ui(
    host: str,
    port: int | None,
    store: Path | None,
    artifact_root: str | None,
    auth: Path | None,
    token: str | None,
    insecure: bool,
    allowed_host: tuple[str, ...],
    access_log: Path | None,
    no_browser: bool,
) -> None:
    """See and compare runs in a browser, until Ctrl-C. MLflow's clients can log to it as well."""
    from reprise.server.serving import Serving

    access = access_of(host, auth, token, insecure)
    port = _free(host) if port is None else port
    how = Serving(host, port, access, frozenset(allowed_host) or None, access_log)
    serve_store(store, artifact_root, how, None if no_browser else _open)


def _free(host: str) -> int:
    """The port that people expect, unless another server has it."""
    from reprise.server.loopback import listen

    try:
        listen(host, _PORT).close()
    except OSError:
        return 0
    return _PORT


def _open(url: str) -> None:
    """In the user's browser, where there is a screen to show one."""
    import sys
    import webbrowser

    has_screen = sys.platform == "darwin" or any(
        map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    )
    if has_screen:
        webbrowser.open(url)
