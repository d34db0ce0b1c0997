"""Environments in the user's cache, ``<cache>/envs-v1/<manager>-<digest of the lock>/``.

Making one: look; lock; look again; create at the final path (an environment cannot be moved); check its
health; write the marker. The marker is the atomic step: whoever is killed, the next one finds a whole
environment or none. A manager keeps no state of its own here.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprise.envs import bytecode
from reprise.envs.base import EnvManager
from reprise.errors import EnvError
from reprise.lock import exclusive
from reprise.paths import CACHE_VARIABLE, cache_dir, write_atomically
from reprise.schemas.environment import Environment, EnvSpec, Lock, Policy

logger = logging.getLogger(__name__)

FOLDER = "envs-v1"
MARKER = "reprise-env.json"
LOCK_FILE = "reprise-env.lock"

_CACHEDIR_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder is a cache made by reprise: it can be deleted, and backups can skip it.\n"
)


def ensure(manager: EnvManager, spec: EnvSpec, policy: Policy, log: Path) -> Environment:
    """The environment that ``manager`` makes for ``spec``: found in the cache, or made now.

    What the tools print while it is made is appended to ``log``.

    Raises:
        EnvError: it cannot be made; nothing of it stays behind.
    """
    with _keeping():
        lock = manager.lock(spec, policy, log)
    return from_lock(manager, lock, policy, log)._replace(spec=spec)


def from_lock(manager: EnvManager, lock: Lock, policy: Policy, log: Path) -> Environment:
    """The environment that ``lock`` describes, whatever the project says today.

    Raises:
        EnvError: it cannot be made; nothing of it stays behind.
    """
    prefix = place(lock)
    if manager.KEEPS_FOLDER:
        with _keeping():
            if _fault(manager, lock, prefix) is not None:
                _make_once(manager, lock, prefix, policy, log)
        _touch(prefix / MARKER)
    return Environment(manager.NAME, lock, prefix)


@contextmanager
def _keeping() -> Iterator[None]:
    """A full or closed disk is told as what it is."""
    try:
        yield
    except OSError as error:
        raise EnvError(
            f"the environment cannot be kept in {cache_dir()}: {error}",
            hint=f"{CACHE_VARIABLE} names another place",
        ) from error


def place(lock: Lock) -> Path:
    """Where the environment of ``lock`` lies, or would lie."""
    return cache_dir() / FOLDER / f"{lock.manager}-{lock.digest[:16]}"


def _make_once(manager: EnvManager, lock: Lock, prefix: Path, policy: Policy, log: Path) -> None:
    _prepare_root(prefix.parent)
    with exclusive(prefix.with_suffix(".lock"), f"environment {prefix.name}"), _builders(prefix):
        fault = _fault(manager, lock, prefix)
        if fault is not None:
            _make(manager, lock, prefix, policy, fault, log)


def _touch(marker: Path) -> None:
    """Note the time of the last use, where we may."""
    try:
        os.utime(marker)
    except OSError:
        pass


def _fault(manager: EnvManager, lock: Lock, prefix: Path) -> str | None:
    """Why what lies at ``prefix`` cannot be used (empty: there is nothing), or None."""
    try:
        marker = json.loads((prefix / MARKER).read_bytes())
    except FileNotFoundError:
        return "it was never finished" if prefix.exists() else ""
    except (OSError, ValueError):
        return "its record cannot be read"
    if not isinstance(marker, dict) or marker.get("digest") != lock.digest:
        return "it was made from another lock"
    return manager.unhealthy(lock, prefix)


def _make(manager: EnvManager, lock: Lock, prefix: Path, policy: Policy, fault: str, log: Path) -> None:
    if fault:
        logger.info("Making environment %s again: %s", prefix.name, fault)
    started = time.monotonic()
    _remove(prefix)
    prefix.mkdir()
    try:
        manager.create(lock, prefix, policy, log)
        bytecode.share(prefix)
        if wrong := manager.unhealthy(lock, prefix):
            raise EnvError(f"environment {prefix.name} is not usable right after it was made: {wrong}")
    except BaseException:
        _remove(prefix)
        raise
    write_atomically(prefix / LOCK_FILE, lock.text)
    marker = {"manager": manager.NAME, "digest": lock.digest, "created": int(time.time() * 1000)}
    write_atomically(prefix / MARKER, json.dumps(marker) + "\n")
    logger.info("Created environment %s in %.1f s", prefix.name, time.monotonic() - started)


def _remove(prefix: Path) -> None:
    """Delete what lies at ``prefix``, its marker first: half of it must not pass for an environment."""
    (prefix / MARKER).unlink(missing_ok=True)
    if prefix.exists():
        shutil.rmtree(prefix)


def _prepare_root(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("CACHEDIR.TAG", _CACHEDIR_TAG), (".gitignore", "*\n")):
        if not (folder.parent / name).exists():
            write_atomically(folder.parent / name, text)


@contextmanager
def _builders(prefix: Path) -> Iterator[None]:
    """Hold a lock that the programs which we start hold as well.

    When we are killed, the uv that we started goes on writing to ``prefix`` for a moment; the next
    one to come must not build in the same place before that has ended.
    """
    import fcntl

    descriptor = os.open(prefix.with_suffix(".builders"), os.O_CREAT | os.O_RDWR, 0o644)
    try:
        os.set_inheritable(descriptor, True)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("waiting for %s (what a killed process started is still at it)", prefix.name)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
