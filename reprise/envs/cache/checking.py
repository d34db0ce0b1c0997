"""``reprise env check``: every file of an environment against the hash that its package gives."""

from __future__ import annotations

import os

from reprise.envs.cache import contents, marker, store
from reprise.envs.cache.inventory import CachedEnvironment
from reprise.errors import EnvError
from reprise.file_lock import hold


def check_entry(entry: CachedEnvironment) -> list[str] | None:
    """Return sentences on what is wrong; None for an environment that is being created or removed.

    A damaged environment is marked, so that its next use recreates it.
    """
    held = hold(store.use_lock(entry.prefix), shared=True, wait=False)
    if held is None:
        return None
    try:
        changed = contents.find_change(entry.prefix, entry.marker.contents)
        damaged = [
            str(item)
            for item in contents.find_damage(entry.prefix, hashes=True)
            if item.file not in entry.marker.odd
        ]
        wrong = [*_faults_of_lock(entry), *([changed] if changed else ()), *damaged]
        if wrong:
            _mark_damaged(entry, contents.enumerate_few(wrong))
        else:
            marker.note_check(entry.prefix)
        return wrong
    finally:
        os.close(held)


def _faults_of_lock(entry: CachedEnvironment) -> list[str]:
    try:
        _ = entry.lock
    except EnvError:
        return ["its lock is not the lock it was created from"]
    return []


def _mark_damaged(entry: CachedEnvironment, sentence: str) -> None:
    """Note in its marker that it is damaged, without counting as a use."""
    try:
        last_use = marker.last_use(entry.prefix)
        entry.marker._replace(ill=sentence).write(entry.prefix)
        os.utime(entry.prefix / marker.NAME, (last_use, last_use))
    except OSError:
        pass  # an environment of another user, or removed meanwhile
