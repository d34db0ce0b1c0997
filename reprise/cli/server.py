"""``reprise server``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from reprise.errors import UsageError

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("-p", "--port", default=5000, show_default=True, type=click.IntRange(0, 65535), help="Port.")
@click.option(
    "--store", type=Path, metavar="DIR", help="The store. [default: mlruns found upward from here]"
)
@click.option(
    "--artifact-root", metavar="URI", help="Where artifacts are: a folder, s3://... [default: in the store]"
)
@click.option("--auth", type=Path, metavar="FILE", help="Users and their roles; see reprise users.")
@click.option("--token", envvar="REPRISE_SERVER_TOKEN", help="One secret. [env: REPRISE_SERVER_TOKEN]")
@click.option("--insecure", is_flag=True, help="Serve others without asking who they are.")
@click.option("--allowed-host", multiple=True, metavar="NAME", help="A name it is called by; repeatable.")
@click.option("--access-log", type=Path, metavar="FILE", help="Append one line of JSON for each request.")
@click.option("--max-upload", metavar="SIZE", help="Largest request: 500M, 2G. [default: any]")
def server(
    host: str,
    port: int,
    store: Path | None,
    artifact_root: str | None,
    auth: Path | None,
    token: str | None,
    insecure: bool,
    allowed_host: tuple[str, ...],
    access_log: Path | None,
    max_upload: str | None,
) -> None:
    """Serve the store over MLflow's REST API, until Ctrl-C."""
    from reprise import paths
    from reprise.server.access import Access, Everyone, OneSecret
    from reprise.server.serving import Serving, serve
    from reprise.server.users import Users
    from reprise.tracking.embedded import EmbeddedStore

    if auth and token:
        raise UsageError("both --auth and --token are given", hint="give one of them")
    if host not in ("127.0.0.1", "::1", "localhost") and not (auth or token or insecure):
        hint = "--auth FILE or --token asks who they are; --insecure does not"
        raise UsageError(f"on {host} others can reach the server", hint=hint)
    access: Access = Users(auth) if auth else OneSecret(token) if token else Everyone()
    how = Serving(
        host, port, access, frozenset(allowed_host) or None, access_log, _bytes("--max-upload", max_upload)
    )
    with EmbeddedStore(store or paths.find_store(paths.here()), artifact_root) as opened:
        serve(opened, how)


def _bytes(option: str, size: str | None) -> int | None:
    """``500M`` as a number of bytes."""
    if size is None:
        return None
    found = re.fullmatch(r"(\d+)\s*([KMGT]?)(?:i?B)?", size.strip(), re.IGNORECASE)
    if found is None:
        raise UsageError(f'{option} "{size}" is not a size', hint="write 500M or 2G")
    return int(found[1]) * _UNITS[found[2].upper()]
