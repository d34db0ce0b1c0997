"""Making an environment: at its final place, since it cannot be moved, and with the marker last."""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path

from reprise.durable import make_folders, put_in_place, write_file
from reprise.envs.base import EnvManager
from reprise.envs.cache import (
    bytecode,
    contents,
    marker,
    package_links,
)
from reprise.envs.cache.contents import Damage
from reprise.envs.cache.marker import Marker, User
from reprise.errors import EnvError
from reprise.paths import cache_dir
from reprise.schemas.environment import Lock, Policy

logger = logging.getLogger(__name__)

REMOVING = ".removing-"

_WAIT = "60"  # seconds until another uv has left the cache that both use


def make_environment(
    manager: EnvManager, lock: Lock, prefix: Path, policy: Policy, fault: str, log: Path
) -> None:
    """Create the environment of ``lock``; ``fault`` says why the existing one is unusable (empty: none
    exists).

    The caller must have exclusive access to ``prefix``.

    Raises:
        EnvError: it cannot be created; nothing is left behind.
    """
    if fault:
        logger.info("Recreating environment %s: %s", prefix.name, fault)
    started = time.monotonic()
    before, users = _read_previous(prefix)
    try:
        odd = _fill_prefix(manager, lock, prefix, policy, before, log)
    except BaseException:
        remove_environment(prefix)
        raise
    make_folders(prefix, cache_dir().parent)
    write_file(prefix / marker.LOCK, lock.text)
    for user in users:
        marker.note_user(prefix, user)
    marker.note_check(prefix)
    _make_marker(manager, lock, prefix, odd).write(prefix)
    package_links.tell_copies(prefix)
    logger.info("Created environment %s in %.1f s", prefix.name, time.monotonic() - started)


def remove_environment(prefix: Path) -> None:
    """Delete ``prefix``, its marker first: a part of it must not count as an environment."""
    try:
        (prefix / marker.NAME).unlink(missing_ok=True)
    except NotADirectoryError:
        prefix.unlink()
    if not prefix.exists():
        return
    # What still writes there finds its place gone, and cannot disturb.
    doomed = prefix.with_name(f"{REMOVING}{prefix.name}-{os.urandom(4).hex()}")
    put_in_place(prefix, doomed)
    shutil.rmtree(doomed)


def _read_previous(prefix: Path) -> tuple[Marker | None, list[User]]:
    """Return what is known of the environment to be replaced."""
    try:
        return Marker.read(prefix), marker.list_users(prefix)
    except (OSError, ValueError):
        return None, []


def _make_marker(manager: EnvManager, lock: Lock, prefix: Path, odd: tuple[str, ...]) -> Marker:
    packages = manager.packages(lock)
    python = [package.version for package in packages if "python" in (package.kind, package.name)]
    return Marker(
        manager=manager.NAME,
        digest=lock.digest,
        created=int(time.time() * 1000),
        python=python[0] if python else "",
        packages=sum(package.kind not in ("python", "image") for package in packages),
        contents=contents.list_packages(prefix),
        odd=odd,
    )


def _fill_prefix(
    manager: EnvManager, lock: Lock, prefix: Path, policy: Policy, before: Marker | None, log: Path
) -> tuple[str, ...]:
    """Make it, and return the files that are not what their packages say: some are wrong about themselves.

    But a file that was right in the environment ``before`` and is wrong in this one was damaged where both
    got it from. Then it is made once more, with packages from where they come from.
    """
    found = _fill_once(manager, lock, prefix, policy, before, log)
    if before is not None and any(item.file not in before.odd for item in found):
        _forget_packages(found, log)
        found = _fill_once(manager, lock, prefix, policy, before, log)
    if found:
        logger.warning(
            "Environment %s: %s. The package is wrong about itself, or the cache of packages is damaged "
            "(uv cache clean %s)",
            prefix.name,
            contents.enumerate_few(found),
            " ".join(_packages_of(found)),
        )
    return tuple(item.file for item in found)


def _fill_once(
    manager: EnvManager, lock: Lock, prefix: Path, policy: Policy, before: Marker | None, log: Path
) -> list[Damage]:
    remove_environment(prefix)
    prefix.mkdir()
    manager.create(lock, prefix, policy, log)
    bytecode.share_bytecode(prefix)
    if wrong := manager.unhealthy(lock, prefix):
        raise EnvError(f"environment {prefix.name} is not usable right after its creation: {wrong}")
    # what a check found may be of the right size
    return list(contents.find_damage(prefix, hashes=before is not None and bool(before.ill)))


def _forget_packages(found: list[Damage], log: Path) -> None:
    """Remove damaged packages from uv's cache, whose files are linked into environments."""
    from reprise.envs.pypi import uv, uv_failures

    names = [name for name in _packages_of(found) if name[0] != "_"]  # conda's own; uv refuses such names
    if not names:
        return
    logger.warning(
        "uv's cache is damaged (%s): downloading %s again", contents.enumerate_few(found), ", ".join(names)
    )
    done = uv.call_uv(["cache", "clean", *names], log=log, environ={"UV_LOCK_TIMEOUT": _WAIT})
    if done.exit_code != 0:
        raise uv_failures.explain_failure(
            f"cannot remove {', '.join(names)} from uv's cache, which is damaged", done, log
        )


def _packages_of(found: list[Damage]) -> list[str]:
    return list(dict.fromkeys(item.package.split()[0] for item in found))
