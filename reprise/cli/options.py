"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from reprise.errors import UsageError
from reprise.tracking.base import Tracking

F = TypeVar("F", bound=Callable[..., Any])


def sandbox_options(command: F) -> F:
    """``--sandbox --no-network``."""
    command = click.option(
        "--no-network", is_flag=True, help="Run in a sandbox that only reaches the tracking store."
    )(command)
    return click.option(
        "--sandbox",
        is_flag=True,
        help="Hide the home folder and only allow writes to the run (bubblewrap; Linux).",
    )(command)


def tracking_option(function: F) -> F:
    return click.option(
        "--tracking-uri",
        metavar="URI",
        help="Where runs are recorded: a folder, http(s)://..., or any MLflow tracking URI. "
        "[env: MLFLOW_TRACKING_URI; default: the nearest mlruns folder, here or above]",
    )(function)


def python_option(function: F) -> F:
    return click.option(
        "--python", metavar="VERSION", help="Python version, such as 3.10; overrides the project's."
    )(function)


def refused_python(why: str, hint: str) -> Callable[[F], F]:
    """Refuse ``--python`` with a reason, for a verb where it has no effect."""

    def refuse(_: click.Context, __: click.Parameter, version: str | None) -> None:
        if version is not None:
            raise UsageError(f"--python: {why}", hint=hint)

    return click.option("--python", metavar="VERSION", hidden=True, expose_value=False, callback=refuse)


def json_option(function: F) -> F:
    return click.option("--json", "json_", is_flag=True, help="Print JSON on stdout.")(function)


@contextmanager
def opened(tracking_uri: str | None, *, make: bool = False) -> Iterator[Tracking]:
    """Open the user's store, after closing runs whose watchers have died.

    Raises:
        UsageError: there is no store, and the verb does not ``make`` it.
    """
    from reprise.runner.runs.open_run import open_store

    tracking = open_store(tracking_uri, make=make)
    try:
        yield tracking
    finally:
        tracking.close()
