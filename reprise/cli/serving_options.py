"""Options of the verbs that serve: access, store, access log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reprise.errors import INTERRUPTED, UsageError

if TYPE_CHECKING:
    from reprise.server.http.access import Access
    from reprise.server.serving import Serving

F = TypeVar("F", bound=Callable[..., Any])

_STORE = (
    click.option(
        "--store",
        metavar="DIR",
        help="Store directory. [default: the nearest mlruns folder, here or above]",
    ),
    click.option(
        "--artifact-root",
        metavar="URI",
        help="Where artifacts are stored: a folder, s3://... [default: in the store]",
    ),
    click.option(
        "--static-prefix",
        metavar="PATH",
        envvar="MLFLOW_STATIC_PREFIX",
        help="Path prefix of all URLs, such as /mlflow. [env: MLFLOW_STATIC_PREFIX]",
    ),
)
_ACCESS = (
    click.option("--auth", type=Path, metavar="FILE", help="Users file; see reprise users."),
    click.option(
        "--token", envvar="REPRISE_SERVER_TOKEN", help="A single shared token. [env: REPRISE_SERVER_TOKEN]"
    ),
    click.option("--insecure", is_flag=True, help="Allow unauthenticated access from other machines."),
    click.option(
        "--allowed-host",
        "--allowed-hosts",
        "allowed_host",
        multiple=True,
        metavar="NAME",
        envvar="MLFLOW_SERVER_ALLOWED_HOSTS",
        help="Accepted Host name, such as ml.example.org or *.example.org; repeatable."
        " [env: MLFLOW_SERVER_ALLOWED_HOSTS]",
    ),
    click.option(
        "--cors-allowed-origins",
        multiple=True,
        metavar="ORIGIN",
        envvar="MLFLOW_SERVER_CORS_ALLOWED_ORIGINS",
        help="Allowed origin of other web pages, such as https://app.example.org; repeatable."
        " [env: MLFLOW_SERVER_CORS_ALLOWED_ORIGINS]",
    ),
    click.option("--access-log", type=Path, metavar="FILE", help="Append one JSON line per request."),
)


def access_options(command: F) -> F:
    """``--auth --token --insecure --allowed-host --cors-allowed-origins --access-log``."""
    return _with(command, _ACCESS)


def store_options(command: F) -> F:
    """``--store --artifact-root --static-prefix``, and the access options."""
    return _with(access_options(command), _STORE)


def access_of(host: str, auth: Path | None, token: str | None, insecure: bool) -> Access:
    """Return the access rules that the options set.

    Raises:
        UsageError: the options contradict each other, or leave the server open to other machines.
    """
    from reprise.server.http.access import Everyone, OneSecret
    from reprise.server.http.users import Users

    if auth and token:
        raise UsageError("both --auth and --token are given", hint="give one of them")
    if host not in ("127.0.0.1", "::1", "localhost") and not (auth or token or insecure):
        hint = "use --auth FILE or --token to authenticate users, or --insecure to allow everyone"
        raise UsageError(f"the server would be open to other machines on {host}", hint=hint)
    return Users(auth) if auth else OneSecret(token) if token else Everyone()


def serving_of(
    host: str,
    port: int,
    *,
    auth: Path | None,
    token: str | None,
    insecure: bool,
    allowed_host: tuple[str, ...],
    cors_allowed_origins: tuple[str, ...],
    access_log: Path | None,
    static_prefix: str | None = None,
    largest: int | None = None,
) -> Serving:
    """Return the server settings from the options; ``largest`` is the limit of a request body in bytes.

    Raises:
        UsageError: a value is invalid, or options contradict each other.
    """
    from reprise.server.http.foreign import read_origins
    from reprise.server.http.hosts import read_hosts
    from reprise.server.http.prefix import Prefix, read_prefix
    from reprise.server.serving import Serving

    return Serving(
        host,
        port,
        access_of(host, auth, token, insecure),
        read_hosts(allowed_host, host),
        access_log,
        largest,
        origins=read_origins(cors_allowed_origins),
        prefix=read_prefix(static_prefix) if static_prefix else Prefix(),
    )


def serve_store(
    uri: str | None,
    artifact_root: str | None,
    how: Serving,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the store that ``uri`` means, or the nearest store, with its pages, until Ctrl-C.

    Raises:
        RepriseError: as :func:`reprise.server.serving.serve`.
    """
    from contextlib import closing

    from reprise import paths
    from reprise.runner import gc_over_http
    from reprise.runner.runs.reap import reaping
    from reprise.runner.runs.sweep import sweep_cache, sweep_store
    from reprise.server.serving import serve
    from reprise.tracking.registry import open_own_store
    from reprise.ui import WebPages

    with closing(open_own_store(uri, paths.here(), artifact_root)) as store:
        sweep_store(store)
        sweep_cache()
        try:
            pages = WebPages(store, how.access, how.prefix.url)
            with reaping(store):
                serve(store, how._replace(pages=pages, more=gc_over_http.ROUTES), ready)
        except KeyboardInterrupt:  # the usual way to stop a server: not an error
            click.echo(err=True)  # after the ^C of the terminal
            raise click.exceptions.Exit(INTERRUPTED) from None


def _with(command: F, options: Sequence[Callable[[F], F]]) -> F:
    for option in reversed(options):
        command = option(command)
    return command
