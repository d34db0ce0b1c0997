"""Environments in the user's cache, ``<cache>/envs-v1/<manager>-<digest of the lock>/``.

To create an environment: look; lock; look again; create it at the final path (environments cannot be
moved); check its health; write the marker. The marker is the atomic step: after a kill, the next process
finds a complete environment or none. Managers keep no state here.

Next to an environment are ``<name>.lock``, held by the process that creates or removes it, and
``<name>.use``, shared by its users and held exclusively to create or remove it. If an environment is
damaged while it is in use, its users keep it and another is created next to it (``<name>-2``): waiting for
a run to end could wait for the caller itself.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from reprise.durable import write_note
from reprise.envs.base import EnvManager
from reprise.envs.cache import marker
from reprise.envs.cache.marker import Marker, User
from reprise.errors import EnvError
from reprise.file_lock import exclusive, hold
from reprise.paths import CACHE_VARIABLE, cache_dir, make_folders
from reprise.schemas.environment import Environment, EnvSpec, Lock, Policy

logger = logging.getLogger(__name__)

FOLDER = "envs-v1"

_CHECK_PAUSE = 86400  # seconds between looks at every file of an environment
_CACHEDIR_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder is a cache made by reprise: it can be deleted, and backups can skip it.\n"
)


def ensure_environment(manager: EnvManager, spec: EnvSpec, policy: Policy, log: Path) -> Environment:
    """As :func:`use_environment`, for who does not stay inside: it may be removed again at any moment."""
    with use_environment(manager, spec, policy, log) as environment:
        return environment


def from_lock(manager: EnvManager, lock: Lock, policy: Policy, log: Path) -> Environment:
    """As :func:`using_lock`, for who does not stay inside."""
    with using_lock(manager, lock, policy, log) as environment:
        return environment


@contextmanager
def use_environment(
    manager: EnvManager, spec: EnvSpec, policy: Policy, log: Path, user: User | None = None
) -> Iterator[Environment]:
    """Return the environment of ``manager`` for ``spec``, from the cache or created now.

    It is not removed during the block. The output of the tools is appended to ``log``.

    Raises:
        EnvError: it cannot be created; nothing is left behind.
    """
    with _explain_full_disk():
        lock = manager.lock(spec, policy, log)
    with using_lock(manager, lock, policy, log, user, spec) as environment:
        yield environment


@contextmanager
def using_lock(
    manager: EnvManager,
    lock: Lock,
    policy: Policy,
    log: Path,
    user: User | None = None,
    spec: EnvSpec | None = None,
) -> Iterator[Environment]:
    """Return the environment of ``lock``, whatever the project's files say today; ``spec`` belongs to it.

    Raises:
        EnvError: it cannot be created; nothing is left behind.
    """
    if not manager.KEEPS_FOLDER:
        yield Environment(manager.NAME, lock, place_of(lock), spec)
        return
    with ExitStack() as inside:
        with _explain_full_disk():
            prefix = _enter_environment(manager, lock, policy, log, inside)
        marker.note_use(prefix)
        inside.callback(marker.note_use, prefix)
        if user is not None:
            marker.note_user(prefix, user)
        yield Environment(manager.NAME, lock, prefix, spec)


@contextmanager
def _explain_full_disk() -> Iterator[None]:
    """Report a full or read-only disk as such."""
    try:
        yield
    except OSError as error:
        raise EnvError(
            f"cannot store the environment in {cache_dir()}: {error}",
            hint=f"use {CACHE_VARIABLE} to set another folder",
        ) from error


def environments_folder() -> Path:
    """Return the folder of all environments."""
    return cache_dir() / FOLDER


def place_of(lock: Lock) -> Path:
    """Return the path of the environment of ``lock``, whether it exists or not."""
    return environments_folder() / f"{lock.manager}-{lock.digest[:16]}"


def making_lock(prefix: Path) -> Path:
    """Hold the lock for creating or removing ``prefix``, or its siblings for the same lock."""
    return prefix.with_name("-".join(prefix.name.split("-")[:2]) + ".lock")


def use_lock(prefix: Path) -> Path:
    """Shared by those inside; held alone by who makes it, and by the programs that it has started."""
    return prefix.with_name(f"{prefix.name}.use")


def _enter_environment(
    manager: EnvManager, lock: Lock, policy: Policy, log: Path, inside: ExitStack
) -> Path:
    """Where the environment is that we are inside now, until ``inside`` ends."""
    home = place_of(lock)
    if _step_in(manager, lock, home, inside):
        return home
    _prepare_root(home.parent)
    with exclusive(making_lock(home), f"environment {home.name}"):
        for number in count(1):
            prefix = home if number == 1 else home.with_name(f"{home.name}-{number}")
            _let_orphans_end(prefix)
            if _step_in(manager, lock, prefix, inside) or (
                _make_alone(manager, lock, prefix, policy, log) and _step_in(manager, lock, prefix, inside)
            ):
                return prefix
    raise AssertionError("never reached: the numbers have no end")


def _step_in(manager: EnvManager, lock: Lock, prefix: Path, inside: ExitStack) -> bool:
    """Return whether there is a complete environment; then it is not removed until ``inside`` ends."""
    if find_fault(manager, lock, prefix) is not None:
        return False
    try:
        held = hold(use_lock(prefix), shared=True, wait=False)
    except OSError:
        return True  # a cache of others, which we may only read
    if held is None:
        return False
    if not (prefix / marker.NAME).exists():  # it was removed before we had the lock
        os.close(held)
        return False
    inside.callback(os.close, held)
    return True


def _make_alone(manager: EnvManager, lock: Lock, prefix: Path, policy: Policy, log: Path) -> bool:
    """Create it, unless it is in use; return whether it was created."""
    from reprise.envs.cache import make_environment

    # The programs that we start hold it too: if we are killed, our uv continues for a moment, and no other
    # process may build in the same place before it has ended.
    alone = hold(use_lock(prefix), wait=False, inheritable=True)
    if alone is None:
        logger.info(
            "Environment %s is in use, but %s: creating another next to it",
            prefix.name,
            find_fault(manager, lock, prefix),
        )
        return False
    try:
        make_environment.make_environment(
            manager, lock, prefix, policy, find_fault(manager, lock, prefix) or "", log
        )
    finally:
        os.close(alone)
    return True


def _let_orphans_end(prefix: Path) -> None:
    """Wait until no leftover process has exclusive access; we hold the lock for creating."""
    held = hold(use_lock(prefix), shared=True, wait=False)
    if held is None:
        logger.info("waiting for %s (a child of a killed process is still working on it)", prefix.name)
        held = hold(use_lock(prefix), shared=True)
    assert held is not None
    os.close(held)


def find_fault(manager: EnvManager, lock: Lock, prefix: Path) -> str | None:
    """Return why ``prefix`` cannot be used (empty: it does not exist), or None."""
    from reprise.envs.cache import contents

    try:
        found = Marker.read(prefix)
    except FileNotFoundError:
        return "it was never finished" if prefix.exists() else ""
    except (OSError, ValueError):
        return "its record cannot be read"
    if found.digest != lock.digest:
        return "it was created from another lock"
    return (
        found.ill
        or contents.find_change(prefix, found.contents)
        or manager.unhealthy(lock, prefix)
        or _find_damage(prefix, found)
    )


def _find_damage(prefix: Path, found: Marker) -> str | None:
    """Once a day: a sentence when a file is missing or has another size."""
    from reprise.envs.cache import contents

    if time.time() - marker.last_check(prefix) < _CHECK_PAUSE:
        return None
    wrong = [item for item in contents.find_damage(prefix) if item.file not in found.odd]
    if wrong:
        return contents.enumerate_few(wrong)
    marker.note_check(prefix)
    return None


def _prepare_root(folder: Path) -> None:
    make_folders(folder)
    for name, text in (("CACHEDIR.TAG", _CACHEDIR_TAG), (".gitignore", "*\n")):
        if not (folder.parent / name).exists():
            write_note(folder.parent / name, text)
