"""``reprise env exec`` and ``reprise env shell``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reprise import paths
from reprise.cli.options import opened, python_option, tracking_option
from reprise.errors import UsageError

if TYPE_CHECKING:
    from reprise.schemas.environment import Environment

log = logging.getLogger(__name__)

_F = TypeVar("_F", bound=Callable[..., Any])
_WHICH = "ENV is in the cache, RUN is a recorded run, URI is a project as for reprise run."


def _options(function: _F) -> _F:
    for option in (
        click.option(
            "--env-manager", metavar="NAME", help="Environment manager, as for reprise run; only for a URI."
        ),
        python_option,
        click.option("-v", "--version", metavar="REF", help="Branch, tag or commit; only for a URI."),
        click.option("--offline", is_flag=True, help="Do not use the network. [env: REPRISE_OFFLINE]"),
        tracking_option,
    ):
        function = option(function)
    return function


@click.command("exec", help=f"Run a command inside an environment, without recording a run. {_WHICH}")
@click.argument("word", metavar="ENV|RUN|URI")
@click.argument("argv", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@_options
@click.pass_context
def exec_(context: click.Context, /, word: str, argv: tuple[str, ...], **given: Any) -> None:
    from reprise.runner import environment_shell

    with _entered(word, **given) as environment:
        code = environment_shell.execute_command(environment, argv, paths.here())
    context.exit(code)


@click.command("shell", help=f"Open your shell inside an environment. {_WHICH}")
@click.argument("word", metavar="ENV|RUN|URI")
@_options
@click.pass_context
def shell(context: click.Context, /, word: str, **given: Any) -> None:
    from reprise.runner import environment_shell

    with _entered(word, **given) as environment:
        code = environment_shell.open_shell(environment, paths.here())
    context.exit(code)


@contextmanager
def _entered(
    word: str,
    env_manager: str | None,
    python: str | None,
    version: str | None,
    offline: bool,
    tracking_uri: str | None,
) -> Iterator[Environment]:
    from reprise.envs.cache import inventory
    from reprise.runner.planning.request import make_request
    from reprise.runner.restore import environments

    request = make_request(
        word,
        parameters={},
        sources={},
        env_manager=env_manager,
        version=version,
        offline=offline,
        python=python,
    )
    if inventory.find_entry(word) is None and environments.is_project(word):
        with environments.of_project(request) as environment:
            yield environment
        return
    if env_manager is not None or version is not None or python is not None:
        raise UsageError(
            "--env-manager, --python and --version only work with the URI of a project", hint="remove them"
        )
    found = environments.find_environment(word, partial(opened, tracking_uri))
    from reprise.envs.registry import find_manager

    if not find_manager(found.lock.manager).PINS_PACKAGES:
        log.warning(
            "%s used the current environment of its machine (local): there is no environment to enter",
            found.title,
        )
    with environments.enter_environment(found, offline=request.offline) as environment:
        yield environment
