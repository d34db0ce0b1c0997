"""Environments in the user's cache, ``<cache>/envs-v1/<manager>-<digest of the lock>/``.

Making one: look; lock; look again; create at the final path (an environment cannot be moved); check its
health; write the marker. The marker is the atomic step: whoever is killed, the next one finds a whole
environment or none. A manager keeps no state of its own here.

Beside an environment lie ``<name>.lock``, held by who makes or removes it, and ``<name>.use``, shared by
those who are inside and held alone by who makes or removes. One that is damaged while somebody is inside
is left to them, and another is made beside it (``<name>-2``): nobody waits for a run to end, which might be
the very run that asks.
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
    """The environment that ``manager`` makes for ``spec``: found in the cache, or made now.

    Nobody removes it within the block. What the tools print while it is made is appended to ``log``.

    Raises:
        EnvError: it cannot be made; nothing of it stays behind.
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
    """The environment that ``lock`` describes, whatever the project says today; ``spec`` goes with it.

    Raises:
        EnvError: it cannot be made; nothing of it stays behind.
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
    """A full or closed disk is told as what it is."""
    try:
        yield
    except OSError as error:
        raise EnvError(
            f"the environment cannot be kept in {cache_dir()}: {error}",
            hint=f"{CACHE_VARIABLE} names another place",
        ) from error


def environments_folder() -> Path:
    """Where all environments lie."""
    return cache_dir() / FOLDER


def place_of(lock: Lock) -> Path:
    """Where the environment of ``lock`` lies, or would lie."""
    return environments_folder() / f"{lock.manager}-{lock.digest[:16]}"


def making_lock(prefix: Path) -> Path:
    """Held by who makes or removes what lies at ``prefix``, or beside it for the same lock."""
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
    """Whether there is a whole environment; then nobody removes it until ``inside`` ends."""
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
    """Make it, unless somebody is inside; whether it was made."""
    from reprise.envs.cache import make_environment

    # The programs that we start hold it too: when we are killed, the uv that we started goes on for a
    # moment, and nobody must build in the same place before that has ended.
    alone = hold(use_lock(prefix), wait=False, inheritable=True)
    if alone is None:
        logger.info(
            "Environment %s is in use, but %s: making another beside it",
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
    """Wait until nobody is left of those who made it alone; we hold the lock for making."""
    held = hold(use_lock(prefix), shared=True, wait=False)
    if held is None:
        logger.info("waiting for %s (what a killed process started is still at it)", prefix.name)
        held = hold(use_lock(prefix), shared=True)
    assert held is not None
    os.close(held)


def find_fault(manager: EnvManager, lock: Lock, prefix: Path) -> str | None:
    """Why what lies at ``prefix`` cannot be used (empty: there is nothing), or None."""
    from reprise.envs.cache import contents

    try:
        found = Marker.read(prefix)
    except FileNotFoundError:
        return "it was never finished" if prefix.exists() else ""
    except (OSError, ValueError):
        return "its record cannot be read"
    if found.digest != lock.digest:
        return "it was made from another lock"
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
