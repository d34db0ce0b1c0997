"""What processes that died left behind goes with the next command that comes by.

The maker of something holds a lock on it, so that what can be locked belongs to none. To look for that
costs the listing of a few folders, and is done each time; to look at every environment, once an hour.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reprise import file_lock, paths
from reprise.durable import ARRIVALS
from reprise.errors import RepriseError, TrackingError
from reprise.runner.jobs.stores import jobs_folder
from reprise.runner.record import contents
from reprise.runner.sources import working_copy

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_STAMP = ".swept"
_PAUSE = 3600.0  # seconds between two looks at every environment and mirror


def sweep_cache() -> None:
    """Remove what dead processes were making in the cache; what cannot be removed stays."""
    cache = paths.cache_dir()
    working_copy.sweep_dead_copies()
    for name in (file_lock.SCRATCH, ARRIVALS):
        file_lock.sweep_dead(cache / name)
    for folder in (cache / "git-v1", cache / "inputs-v1", paths.state_dir()):
        file_lock.sweep_dead(folder, file_lock.ARRIVING)
    if _is_due(cache / _STAMP):
        _sweep_unfinished()


def sweep_store(tracking: Tracking) -> None:
    """Remove what dead processes were making in a store of this machine."""
    file_lock.sweep_dead(jobs_folder(tracking), file_lock.ARRIVING)
    if tracking.home is not None:
        for folder in (tracking.home, tracking.home / contents.FOLDER):
            file_lock.sweep_dead(folder, file_lock.ARRIVING)
    with suppress(TrackingError):  # its artifacts are on a disk that is not mounted
        tracking.sweep_artifacts()


def _is_due(stamp: Path) -> bool:
    """Return whether the last check was long ago; if so, note this check."""
    try:
        if time.time() - stamp.stat().st_mtime < _PAUSE:
            return False
        os.utime(stamp)
    except FileNotFoundError:
        if not stamp.parent.is_dir():
            return False  # no cache yet
        try:
            stamp.touch()
        except OSError:
            return False
    except OSError:
        return False
    return True


def _sweep_unfinished() -> None:
    from reprise.envs.cache import prune
    from reprise.runner.sources import mirror

    try:
        mirror.sweep_mirrors()
        for found in prune.remove_unfinished():
            log.info("Removed %s, left by a process that died", found.path)
    except (OSError, RepriseError) as error:
        log.debug("cannot sweep the cache: %s", error)
