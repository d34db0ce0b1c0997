"""The options of the verbs that serve: where to listen, who may come in, what is written down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reprise.errors import UsageError

if TYPE_CHECKING:
    from reprise.server.access import Access

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--auth", type=Path, metavar="FILE", help="Users and their roles; see reprise users."),
    click.option("--token", envvar="REPRISE_SERVER_TOKEN", help="One secret. [env: REPRISE_SERVER_TOKEN]"),
    click.option("--insecure", is_flag=True, help="Serve others without asking who they are."),
    click.option(
        "--allowed-host", multiple=True, metavar="NAME", help="A name it is called by; repeatable."
    ),
    click.option(
        "--access-log", type=Path, metavar="FILE", help="Append one line of JSON for each request."
    ),
)


def access_options(command: F) -> F:
    """``--auth --token --insecure --allowed-host --access-log``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def access_of(host: str, auth: Path | None, token: str | None, insecure: bool) -> Access:
    """Who may do what, as the options say.

    Raises:
        UsageError: they contradict each other, or leave a server open to others.
    """
    from reprise.server.access import Everyone, OneSecret
    from reprise.server.users import Users

    if auth and token:
        raise UsageError("both --auth and --token are given", hint="give one of them")
    if host not in ("127.0.0.1", "::1", "localhost") and not (auth or token or insecure):
        hint = "--auth FILE or --token asks who they are; --insecure does not"
        raise UsageError(f"on {host} others can reach the server", hint=hint)
    return Users(auth) if auth else OneSecret(token) if token else Everyone()
