"""Paths of the cache, the state and the store.

``REPRISE_CACHE_DIR`` (environments, clones, downloads: all of it can be deleted) and
``REPRISE_STATE_DIR`` (jobs of runs that log to a remote server, logs of unexpected errors)
override the platform's own folders.
"""

from __future__ import annotations

import errno
import os
import sys
from functools import cache
from pathlib import Path
from typing import Literal

from reprise.errors import UsageError

CACHE_VARIABLE = "REPRISE_CACHE_DIR"
STATE_VARIABLE = "REPRISE_STATE_DIR"
STORE_NAME = "mlruns"


def cache_dir() -> Path:
    """The user-level cache; safe to delete at any time, made on demand by its users."""
    return _user_folder("cache", CACHE_VARIABLE)


def state_dir() -> Path:
    """User-level state: job folders of runs recorded elsewhere, error logs."""
    return _user_folder("state", STATE_VARIABLE)


def _user_folder(kind: Literal["cache", "state"], variable: str) -> Path:
    """What ``variable`` names, else the platform's own folder.

    Raises:
        UsageError: a user without an entry in the password file and without HOME has no such folder.
    """
    if given := os.environ.get(variable):
        return Path(given).expanduser().absolute()
    try:
        return _platform_folder(kind, os.environ.get("HOME"), os.environ.get(f"XDG_{kind.upper()}_HOME"))
    except RuntimeError as error:
        raise UsageError(f"no home folder is known: {error}", hint=f"set HOME or {variable}") from error


@cache
def _platform_folder(kind: Literal["cache", "state"], *deciding: str | None) -> Path:
    """The platform's own folder, worked out once for each value of the variables that are ``deciding``."""
    if sys.platform != "linux":
        import platformdirs

        folder = platformdirs.user_cache_path if kind == "cache" else platformdirs.user_state_path
        return folder("reprise", appauthor=False)
    return _home_folder(kind)


def _home_folder(kind: Literal["cache", "state"]) -> Path:
    """The folder of the XDG specification, as ``platformdirs`` finds it, which takes long to import."""
    given = os.environ.get(f"XDG_{kind.upper()}_HOME", "")
    if given.startswith("/"):  # the specification has relative ones ignored
        return Path(given) / "reprise"
    return Path.home() / (".cache" if kind == "cache" else ".local/state") / "reprise"


def temporary_dir() -> str:
    """The folder for temporary files, selected by ``tempfile``, which writes a file to test each
    candidate.
    """
    named = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    for place in (*filter(None, named), "/tmp", "/var/tmp", "/usr/tmp"):
        if Path(place).is_dir() and os.access(place, os.W_OK | os.X_OK):
            return str(Path(place).absolute())
    return str(here())


def room_hint(error: OSError) -> str | None:
    """What to do where the disk of the cache is full; None for another error."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return f"{CACHE_VARIABLE} names a folder on a disk with more room"


def here() -> Path:
    """The current folder.

    Raises:
        UsageError: it was removed.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError("the current folder does not exist any more", hint="cd to one that does") from None


def here_or_gone() -> Path:
    """The current folder; where it was removed, a path at which there is nothing.

    Raises:
        UsageError: it was removed, and the system does not say where it was.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        try:
            gone = Path("/proc/self/cwd").readlink()
        except OSError:
            return here()
        return here() if gone.exists() else gone


def find_store(start: Path) -> Path:
    """The store directory ``mlruns`` found upward from ``start``, else the one to make in it.

    Raises:
        UsageError: ``start`` was removed.
    """
    if not start.is_dir():
        raise UsageError(
            f"no store is named, and the current folder was removed: {start}",
            hint="name a store by --tracking-uri or MLFLOW_TRACKING_URI, or cd to a folder that is there",
        )
    for folder in (start, *start.parents):
        candidate = folder / STORE_NAME
        if candidate.is_dir():
            return candidate
    return start / STORE_NAME


def make_folders(path: Path) -> None:
    """Make the folder ``path`` and those above it, where they are missing."""
    if not path.is_dir():
        make_folders(path.parent)
        make_folder(path)


def make_private(path: Path) -> None:
    """Make the folder ``path`` for this user alone, and those above it where they are missing.

    One that is there keeps its mode.
    """
    if not path.is_dir():
        make_folders(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def make_folder(path: Path) -> None:
    """Make one folder: the cache and the state for this user alone, others as the umask says.

    One that is there keeps its mode: to share a cache, make its folder first.
    """
    if path in (cache_dir(), state_dir()):
        path.mkdir(mode=0o700, exist_ok=True)
    else:
        path.mkdir(exist_ok=True)


def printable(text: str) -> str:
    """Return a text with a path, with bytes that are not UTF-8 written as ``\\xff``."""
    return os.fsencode(text).decode("utf-8", "backslashreplace") if not text.isascii() else text


def confined(root: Path, name: str, what: str) -> Path:
    """``root / name``, refused when it leaves ``root`` by ``..``, an absolute path or a symlink.

    Raises:
        UsageError: the name escapes; ``what`` says in the message what the name is of.
    """
    path = root / name
    if "\0" in name or not path.resolve().is_relative_to(root.resolve()):
        raise UsageError(f'{what} "{name}" leaves {root}')
    return path
