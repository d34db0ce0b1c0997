"""The surroundings of a run: folders and addresses in its texts that are specific to this run."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from reprise import paths
from reprise.schemas.job import Command

PROJECT = "project folder"
"""The role of the folder in which the command runs."""

_TRACKING = "MLFLOW_TRACKING_URI"
_CREDENTIALS = r"://[^/@]*@"
_HOME_OF_VENV = r"(?m)^home *= *(.+)$"


def find_places(command: Command, environ: Mapping[str, str]) -> dict[str, str]:
    """Folders and addresses of a run by their roles; ``environ`` are the variables of its processes."""
    found = {
        PROJECT: str(command.cwd),
        "home": environ.get("HOME", ""),
        "temporary folder": environ.get("TMPDIR") or paths.temporary_dir(),
        "cache": str(paths.cache_dir()),
        "tracking address": re.sub(_CREDENTIALS, "://", environ.get(_TRACKING, "")),
        **dict(_interpreter_places(environ)),
    }
    return {role: place.rstrip("/") for role, place in found.items() if place.rstrip("/")}


def _interpreter_places(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Return the folder of the Python that the command finds, and of the base Python of a virtual
    environment.
    """
    program = shutil.which("python", path=environ.get("PATH", os.defpath))
    if program is None:
        return
    prefix = Path(program).parent.parent
    try:
        home = re.search(_HOME_OF_VENV, (prefix / "pyvenv.cfg").read_text("utf-8", "replace"))
    except OSError:
        yield "interpreter", str(Path(program).resolve().parent.parent)
        return
    yield "environment", str(prefix)
    if home:
        yield "interpreter", str(Path(home[1].strip()).parent)
