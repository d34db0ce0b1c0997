"""Observing the Python processes of a container: our folders as mounts, and what its paths are outside."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from reprise.envs.base import OBSERVED_VARIABLE, OBSERVER_VARIABLE, PLACES
from reprise.envs.docker import client
from reprise.envs.docker.files import CODE, mount_argument
from reprise.schemas.job import Command

OBSERVER, NOTES = "/reprise/observer", "/reprise/observed"


def observe_command(command: Command, observer: Path, notes: Path, project: Path | None) -> Command:
    """Return the ``docker run`` of ``command`` with the two folders mounted; unchanged if the engine is
    remote.

    Args:
        project: the folder mounted as the project's code; None if that is in the image.
    """
    if not client.describe_engine().shares_files:
        return command
    places = {CODE: str(project)} if project else {}
    places |= dict(_list_mounted(command.argv))
    (notes / PLACES).write_text(json.dumps(places), encoding="utf-8")
    program, verb, *rest = command.argv
    more = (
        mount_argument("type=bind", f"src={observer}", f"dst={OBSERVER}", "readonly"),
        mount_argument("type=bind", f"src={notes}", f"dst={NOTES}"),
        f"--env={OBSERVER_VARIABLE}={OBSERVER}",
        f"--env={OBSERVED_VARIABLE}={NOTES}",
    )
    return command._replace(argv=(program, verb, *more, *rest))


def _list_mounted(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Folders of this machine that are seen inside, each by its place there."""
    for argument in argv:
        option, _, text = argument.partition("=")
        if option in ("--volume", "-v"):
            source, _, rest = text.partition(":")
            if source.startswith("/"):
                yield rest.partition(":")[0], source
        elif option == "--mount":
            fields = dict(field.partition("=")[::2] for line in csv.reader([text]) for field in line)
            if fields.get("type") == "bind":
                yield fields.get("dst", ""), fields.get("src", "")
