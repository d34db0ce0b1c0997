"""``reprise lock``: exact versions and hashes, beside the project."""

from __future__ import annotations

from pathlib import Path

import click

from reprise.cli import show
from reprise.cli.options import json_option, python_option
from reprise.errors import UsageError

_ALL = ""  # --upgrade without a name


@click.command()
@click.argument("uri", default=".")
@click.option("-v", "--version", metavar="REF", help="Branch, tag or commit of a git project.")
@click.option(
    "--env-manager", metavar="NAME", help="Environment manager to lock for. [default: by the project]"
)
@python_option
@click.option(
    "--upgrade",
    multiple=True,
    is_flag=False,
    flag_value=_ALL,
    metavar="[PACKAGE]",
    help="Upgrade all packages, or one; repeatable.",
)
@click.option(
    "--as-of", metavar="DATE", help="Packages as of a date or time, or `commit` for the commit's date."
)
@click.option(
    "--platform", "platforms", multiple=True, metavar="NAME", help="Platform, such as linux-64; repeatable."
)
@click.option(
    "-o", "--output", type=Path, metavar="DIR", help="Folder for the lock of a git URL or archive."
)
@click.option("--offline", is_flag=True, help="Do not use the network. [env: REPRISE_OFFLINE]")
@click.option("--locked", is_flag=True, help="Only check the lock: exit 4 if it is missing or outdated.")
@json_option
def lock(
    uri: str,
    version: str | None,
    env_manager: str | None,
    python: str | None,
    upgrade: tuple[str, ...],
    as_of: str | None,
    platforms: tuple[str, ...],
    output: Path | None,
    offline: bool,
    locked: bool,
    json_: bool,
) -> None:
    """Write the lock of the project at URI next to it. Versions in an existing lock are kept.

    reprise run uses the lock.
    """
    from reprise.runner import locks
    from reprise.runner.planning.request import make_request

    if locked and (upgrade or as_of or platforms or output):
        raise UsageError("--locked only checks", hint="remove --upgrade, --as-of, --platform and -o")
    request = make_request(
        uri,
        parameters={},
        sources={},
        version=version,
        env_manager=env_manager,
        offline=offline,
        as_of=as_of,
        python=python,
    )
    if locked:
        found = locks.check_lock(request)
    else:
        found = locks.write_lock(request, upgrade=_names(upgrade), platforms=platforms, output=output)
    if json_:
        files = [{"path": str(path), "changed": changed} for path, changed in found.files]
        show.as_json({"env_manager": found.env_manager, "files": files})


def _names(upgrade: tuple[str, ...]) -> tuple[str, ...] | None:
    """None for nothing, ``()`` for all, else the packages."""
    if not upgrade:
        return None
    return () if _ALL in upgrade else upgrade
