"""The marker of a complete environment, and its users.

The marker is written last and removed first; its time of modification is the time of the last use. Users
are appended line by line, so that concurrent processes lose nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from reprise.durable import current_boot, write_file, write_note
from reprise.named_tuple import NamedTuple

NAME = "reprise-env.json"
LOCK = "reprise-env.lock"
_USERS = "reprise-env.users"
_CHECKED = "reprise-env.checked"


class User(NamedTuple):
    """Who uses an environment: a project's name, and the store that its runs are recorded in."""

    project: str
    store: str | None = None


class Marker(NamedTuple):
    """``created`` in milliseconds since the epoch; ``packages`` without the interpreter.

    ``contents`` are the top-level names of the folders with packages at creation. ``odd`` are files that
    never matched their package. ``ill`` is the sentence of a check that found damage.
    """

    manager: str
    digest: str
    created: int
    python: str
    packages: int
    contents: Mapping[str, list[str]]
    odd: tuple[str, ...] = ()
    ill: str = ""

    @classmethod
    def read(cls, prefix: Path) -> Self:
        """Read the marker; raise FileNotFoundError if there is none, ValueError if it is invalid."""
        try:
            found = cls(**json.loads((prefix / NAME).read_bytes()))
        except (TypeError, NotADirectoryError) as error:
            raise ValueError(f"{prefix / NAME} is not a record of an environment") from error
        if not isinstance(found.contents, dict):
            raise ValueError(f"{prefix / NAME} does not list the packages")
        return found

    def write(self, prefix: Path) -> None:
        write_file(prefix / NAME, json.dumps(self._asdict()) + "\n")


def note_use(prefix: Path) -> None:
    """Note a use now, where we may."""
    try:
        os.utime(prefix / NAME)
    except OSError:
        pass  # an environment of others, which we may only read


def note_user(prefix: Path, user: User) -> None:
    """Note who uses it, once, where we may."""
    try:
        if user not in list_users(prefix):
            with (prefix / _USERS).open("ab", buffering=0) as out:
                out.write(json.dumps(user).encode() + b"\n")
    except OSError:
        pass


def last_use(prefix: Path) -> float:
    """Seconds since the epoch."""
    return (prefix / NAME).stat().st_mtime


def list_users(prefix: Path) -> list[User]:
    """Return all users, each once; incomplete lines of killed processes are ignored."""
    try:
        lines = (prefix / _USERS).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(User(*json.loads(line)))
        except (ValueError, TypeError):
            continue
    return list(dict.fromkeys(found))


def note_check(prefix: Path) -> None:
    """Note that all its files were looked at now."""
    try:
        write_note(prefix / _CHECKED, current_boot())
    except OSError:
        pass


def last_check(prefix: Path) -> float:
    """Seconds since the epoch; 0 for never, and when the machine has started again since.

    What installers write is on the disk at some time after they end: a power cut may take a part of it.
    """
    try:
        note = prefix / _CHECKED
        return note.stat().st_mtime if note.read_text(encoding="ascii") == current_boot() else 0.0
    except (FileNotFoundError, ValueError):
        return 0.0
