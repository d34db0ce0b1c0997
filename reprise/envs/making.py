"""Making an environment: at its final place, since it cannot be moved, and with the marker last."""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path

from reprise.envs import bytecode, contents, links, marker
from reprise.envs.base import EnvManager
from reprise.envs.marker import Marker, User
from reprise.errors import EnvError
from reprise.paths import write_atomically
from reprise.schemas.environment import Lock, Policy

logger = logging.getLogger(__name__)

REMOVING = ".removing-"


def make(manager: EnvManager, lock: Lock, prefix: Path, policy: Policy, fault: str, log: Path) -> None:
    """Make the environment of ``lock``; ``fault`` says why not what is there (empty: nothing is).

    The caller alone is at ``prefix``.

    Raises:
        EnvError: it cannot be made; nothing of it stays behind.
    """
    if fault:
        logger.info("Making environment %s again: %s", prefix.name, fault)
    started = time.monotonic()
    before, users = _before(prefix)
    remove(prefix)
    prefix.mkdir()
    try:
        manager.create(lock, prefix, policy, log)
        bytecode.share(prefix)
        if wrong := manager.unhealthy(lock, prefix):
            raise EnvError(f"environment {prefix.name} is not usable right after it was made: {wrong}")
        odd = _odd(prefix, before)
    except BaseException:
        remove(prefix)
        raise
    write_atomically(prefix / marker.LOCK, lock.text)
    for user in users:
        marker.note_user(prefix, user)
    marker.checked(prefix)
    _marker(manager, lock, prefix, odd).write(prefix)
    links.tell_copies(prefix)
    logger.info("Created environment %s in %.1f s", prefix.name, time.monotonic() - started)


def remove(prefix: Path) -> None:
    """Delete what lies at ``prefix``, its marker first: half of it must not pass for an environment."""
    try:
        (prefix / marker.NAME).unlink(missing_ok=True)
    except NotADirectoryError:
        prefix.unlink()
    if not prefix.exists():
        return
    # What still writes there finds its place gone, and cannot disturb.
    doomed = prefix.with_name(f"{REMOVING}{prefix.name}-{os.urandom(4).hex()}")
    prefix.rename(doomed)
    shutil.rmtree(doomed)


def _before(prefix: Path) -> tuple[Marker | None, list[User]]:
    """What is known of the environment that is going to be replaced."""
    try:
        return Marker.read(prefix), marker.users(prefix)
    except (OSError, ValueError):
        return None, []


def _marker(manager: EnvManager, lock: Lock, prefix: Path, odd: tuple[str, ...]) -> Marker:
    packages = manager.packages(lock)
    python = [package.version for package in packages if "python" in (package.kind, package.name)]
    return Marker(
        manager=manager.NAME,
        digest=lock.digest,
        created=int(time.time() * 1000),
        python=python[0] if python else "",
        packages=sum(package.kind not in ("python", "image") for package in packages),
        contents=contents.listing(prefix),
        odd=odd,
    )


def _odd(prefix: Path, before: Marker | None) -> tuple[str, ...]:
    """The files of a new environment that are not what their packages say.

    Some packages are wrong about themselves. But a file that was right in the last environment of the
    same lock and is wrong in this one was damaged where both got it from.

    Raises:
        EnvError: there is such a file.
    """
    found = list(contents.damage(prefix))
    if not found:
        return ()
    names = " ".join(dict.fromkeys(item.package.split()[0] for item in found))
    hint = f"uv cache clean {names}"
    if before is not None and any(item.file not in before.odd for item in found):
        raise EnvError(
            f"environment {prefix.name} is damaged although it is new: {contents.enumerated(found)}; "
            "so is the cache of packages that its files are linked from",
            hint=f"{hint} removes them from uv's; the next run gets them again",
        )
    logger.warning(
        "Environment %s: %s. The package is wrong about itself, or the cache of packages is damaged (%s)",
        prefix.name,
        contents.enumerated(found),
        hint,
    )
    return tuple(item.file for item in found)
