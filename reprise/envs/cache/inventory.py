"""The content of the cache of environments: complete ones, leftovers, and sizes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from reprise.envs.cache import marker, store
from reprise.envs.cache.marker import Marker, User
from reprise.errors import EnvError, UsageError
from reprise.file_lock import hold
from reprise.named_tuple import NamedTuple
from reprise.schemas.environment import Lock

_FEWEST = 4  # characters of a digest that name an environment
_HINT = "reprise env list"


class CachedEnvironment(NamedTuple):
    """An environment of the cache; ``last_use`` in seconds since the epoch."""

    prefix: Path
    marker: Marker
    last_use: float
    users: tuple[User, ...]

    @property
    def name(self) -> str:
        return self.prefix.name

    @property
    def lock(self) -> Lock:
        """Return the lock; raise EnvError if the environment was not created from it."""
        try:
            lock = Lock(self.marker.manager, (self.prefix / marker.LOCK).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            lock = None
        if lock is None or lock.digest != self.marker.digest:
            raise EnvError(
                f"the lock in environment {self.name} is not the lock it was created from",
                hint=f"run reprise env check {self.name} to recreate it on its next use",
            )
        return lock

    @property
    def projects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(user.project for user in self.users))


class FolderSize(NamedTuple):
    """Bytes on disk: ``own`` is not shared, and free when the folder is removed."""

    total: int
    own: int


def list_entries() -> list[CachedEnvironment]:
    """Return every complete environment, most recently used first."""
    found = []
    for prefix in list_folders():
        try:
            entry = CachedEnvironment(
                prefix, Marker.read(prefix), marker.last_use(prefix), tuple(marker.list_users(prefix))
            )
        except (OSError, ValueError):
            continue  # half of one
        found.append(entry)
    return sorted(found, key=lambda entry: entry.last_use, reverse=True)


def is_whole(prefix: Path) -> bool:
    """Return whether it has a marker; an environment being created has none yet."""
    try:
        Marker.read(prefix)
    except (OSError, ValueError):
        return False
    return True


def list_folders() -> Iterator[Path]:
    """The folders of environments, whole or not."""
    try:
        scanned = list(os.scandir(store.environments_folder()))
    except FileNotFoundError:
        return
    for entry in scanned:
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield Path(entry.path)


def find_entry(word: str) -> CachedEnvironment | None:
    """The environment that is called ``word``, or whose lock's digest begins with it; None for none.

    Raises:
        UsageError: there are several.
    """
    cached = list_entries()
    named = [entry for entry in cached if entry.name == word]
    if not named and re.fullmatch(rf"[0-9a-f]{{{_FEWEST},64}}", word):
        named = [entry for entry in cached if entry.marker.digest.startswith(word)]
    if len({entry.marker.digest for entry in named}) > 1:
        listed = "\n".join(f"  {entry.name}  {', '.join(entry.projects)}" for entry in named)
        raise UsageError(f'several environments begin with "{word}":\n{listed}', hint=_HINT)
    return named[0] if named else None


def is_in_use(prefix: Path) -> bool:
    """Return whether it is in use, or being created."""
    try:
        held = hold(store.use_lock(prefix), wait=False)
    except OSError:
        return False
    if held is None:
        return True
    os.close(held)
    return False


def measure_folder(folder: Path) -> FolderSize:
    """What a folder takes; files that are linked from elsewhere count as shared."""
    total = own = 0
    seen: dict[int, int] = {}
    for entry in _walk_files(folder):
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        taken = found.st_blocks * 512
        if found.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
            seen[found.st_ino] = seen.get(found.st_ino, 0) + 1
            if seen[found.st_ino] > 1:
                own += taken if seen[found.st_ino] == found.st_nlink else 0
                continue
        else:
            own += taken
        total += taken
    return FolderSize(total, own)


def _walk_files(folder: Path) -> Iterator[os.DirEntry[str]]:
    pending = [str(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as found:
                for entry in found:
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            continue
