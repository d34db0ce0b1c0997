"""Options of the verbs that load a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reprise.cli.options import python_option

if TYPE_CHECKING:
    from reprise.schemas.environment import Policy

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "-m",
        "--model-uri",
        "uri",
        required=True,
        metavar="URI",
        help="models:/NAME@ALIAS, models:/NAME/VERSION, runs:/RUN/PATH or a folder.",
    ),
    click.option(
        "--env-manager", metavar="NAME", help="virtualenv, conda, or local for the current environment."
    ),
    python_option,
    click.option("--offline", is_flag=True, help="Do not use the network. [env: REPRISE_OFFLINE]"),
)


def model_options(command: F) -> F:
    """``--model-uri --env-manager --python --offline``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def policy_of(python: str | None, offline: bool) -> Policy:
    """Return the policy for creating the model's environment, from the options."""
    from reprise.runner.planning.request import is_offline, read_python
    from reprise.schemas.environment import Policy

    return Policy(python=read_python(python), offline=is_offline(offline))
