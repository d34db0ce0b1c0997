"""The options of the verbs that put a model to work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from reprise.runner.models.fleet import Wanted
    from reprise.runner.models.worker import Settings
    from reprise.tracking.base import Tracking

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
    click.option("--env-manager", metavar="NAME", help="virtualenv, conda, or local: the current one."),
    click.option("--offline", is_flag=True, help="Fetch nothing. [env: REPRISE_OFFLINE]"),
)


def model_options(command: F) -> F:
    """``--model-uri --env-manager --offline``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wanted_of(
    tracking: Tracking, uri: str, env_manager: str | None, offline: bool, settings: Settings
) -> Wanted:
    """What is asked for, as the options say."""
    from reprise.runner.models.fleet import Wanted
    from reprise.runner.request import is_offline
    from reprise.schemas.environment import Policy

    return Wanted(tracking, uri, env_manager, Policy(offline=is_offline(offline)), settings)
