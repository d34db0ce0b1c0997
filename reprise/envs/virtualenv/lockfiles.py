"""``requirements.lock``: pinned requirements with hashes, which pip and uv can read too.

Our own files contain their Python, platforms and the digest of their spec in comments, so that their
validity is known at once. Files of other tools work too: they are valid if a resolution that prefers their
versions gives the same ones.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from reprise.envs.project_files import local_projects
from reprise.envs.project_files.credentials import hide_credentials
from reprise.envs.project_files.requirement_text import join_lines
from reprise.envs.project_files.requirements import NAME, Requirements
from reprise.envs.virtualenv import pins
from reprise.envs.virtualenv.pins import Pin
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple
from reprise.schemas import platforms
from reprise.schemas.environment import PythonEnv

_FACT = re.compile(r"#\s+(?P<name>python|platforms|spec|as of):\s+(?P<value>.+)")
_FORMAT = 1


class HeldLock(NamedTuple):
    """The content of a lock file. ``fits``: True or False if known without resolving, else None.

    ``pins`` are those for this machine; ``as_of`` is the time up to which it was resolved.
    """

    file: Path
    pins: tuple[Pin, ...]
    fits: bool | None = None
    as_of: str | None = None


class Facts(NamedTuple):
    """Return the values of the comments at the top of our own lock, with None for missing ones."""

    python: str | None = None
    platforms: str | None = None
    spec: str | None = None
    as_of: str | None = None

    @property
    def version(self) -> str | None:
        """The version of ``CPython 3.11.7``."""
        return self.python.split()[-1] if self.python else None

    @property
    def words(self) -> tuple[str, ...]:
        """The platforms, one by one."""
        return tuple(re.split(r",\s*", self.platforms)) if self.platforms else ()


def read_text(file: Path) -> str | None:
    """The file's text, None when there is none.

    Raises:
        EnvError: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise EnvError(f"cannot read {file}: {error}") from error


def read_facts(content: str) -> Facts:
    """What the comments at the top say."""
    found = {}
    for line in content.splitlines():
        if not line.startswith("#"):
            break
        if fact := _FACT.fullmatch(line.rstrip()):
            found[fact["name"].replace(" ", "_")] = fact["value"]
    return Facts(**found)


def known_to_fit(said: Facts, digest: str, python: str) -> bool:
    """Return whether our own lock was made from the same spec, for this platform and series of Python."""
    return (
        said.spec == digest
        and platforms.current_platform() in said.words
        and said.version is not None
        and series_of(said.version) == series_of(python)
    )


def series_of(version: str) -> str:
    return ".".join(version.split(".")[:2])


def digest_request(spec: PythonEnv, asked: Requirements) -> str:
    """Of all that decides a resolution in the project itself: the same on every machine."""
    decisive = [
        _FORMAT,
        spec.python,
        *([*join_lines(lines)] for lines in (spec.build_dependencies, spec.dependencies)),
        [
            (os.path.relpath(file, spec.root), [*join_lines(text.splitlines())])
            for file, text in asked.files
        ],
        [
            (
                os.path.relpath(project.path, spec.root),
                local_projects.digest_project(project.path, editable=True),
            )
            for project in asked.local
        ],
    ]
    if varying := _with_variables(asked):
        decisive.append(varying)
    return f"sha256:{hashlib.sha256(json.dumps(decisive).encode()).hexdigest()}"


def _with_variables(asked: Requirements) -> list[str]:
    """The requirements of an index that are written with variables, as they are with their values."""
    pairs = zip(asked.lines, asked.origins, strict=True)
    return [line for line, origin in pairs if "${" in origin.text and NAME.match(line) and "/" not in line]


def format_lock(
    said: Facts, file: Path, sources: Iterable[str], locked: Iterable[Pin], notes: Iterable[str] = ()
) -> str:
    """The text of a lock file; no secret is in it. ``notes`` are for people, and never read again."""
    locked = tuple(locked)
    # pip takes hashes of all packages or of none; uv checks those that are there.
    tool = "pip install --require-hashes" if all(pin.hashes for pin in locked) else "uv pip install"
    rows = [
        "# Made by `reprise lock`, which also brings it up to date.",
        f"# {tool} -r {file.name} installs the same.",
        *(f"# note: {note}" for note in notes),
        *(f"# {name.replace('_', ' ')}: {value}" for name, value in said._asdict().items() if value),
        *(hide_credentials(line) for line in (*sources, *pins.format_lines(locked))),
    ]
    return "".join(f"{row}\n" for row in rows)
