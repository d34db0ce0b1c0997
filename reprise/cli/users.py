"""``reprise users``: manage the users of a server."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reprise.cli import show
from reprise.errors import UsageError


@click.group()
def users() -> None:
    """Manage the users file of reprise server --auth FILE."""


@users.command()
@click.argument("file", type=Path)
@click.argument("name")
@click.option("--role", type=click.Choice(["read", "write", "admin"]), default="write", show_default=True)
@click.option("--token", is_flag=True, help="Create a token for a program instead of a password.")
def add(file: Path, name: str, role: str, token: bool) -> None:
    """Add a user, or change the role and secret of a user.

    The password is prompted for, or read from standard input if that is not a terminal. A token is
    printed once.
    """
    from reprise.server.http import users

    if not name or ":" in name or not name.isprintable():
        raise UsageError(f"{name!r} is not a valid name", hint="use printable text without a colon")
    made = users.put(file, name, role, password=None if token else _password())
    show.print_note(f"{name} has the role {role}")
    if made is not None:
        click.echo(made)


def _password() -> str:
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise UsageError("the password is empty")
    return password


@users.command("list")
@click.argument("file", type=Path)
def list_(file: Path) -> None:
    """List the users with their roles."""
    from reprise.server.http import users

    rows = [
        (name, entry["role"], "token" if "token" in entry else "password")
        for name, entry in sorted(users.read(file).items())
    ]
    show.table(("NAME", "ROLE", "SECRET"), rows)


@users.command()
@click.argument("file", type=Path)
@click.argument("name")
def remove(file: Path, name: str) -> None:
    """Remove a user. A running server refuses the user at once."""
    from reprise.server.http import users

    users.remove(file, name)
    show.print_note(f"Removed {name}")
