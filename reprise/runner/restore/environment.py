"""The environment of a recorded run: from its lock, not from what the project says."""

from __future__ import annotations

import logging

from reprise.envs import registry as envs
from reprise.envs.base import EnvManager
from reprise.errors import EnvError, UsageError
from reprise.runner.restore import environments
from reprise.schemas.entities import Run
from reprise.schemas.environment import Lock
from reprise.schemas.record.run_record import EnvironmentRecord
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)


def lock_of(tracking: Tracking, run: Run, recorded: EnvironmentRecord) -> Lock | None:
    """Return the lock of the run if it works here.

    None if the run used a Python of the user that is missing here, or has changed.

    Raises:
        EnvError: the run has none, or its environment cannot be created on this machine.
    """
    manager = envs.find_manager(recorded.manager)
    if not manager.PINS_PACKAGES:
        return _lock_of_current(tracking, run, manager)
    if recorded.digest is None:
        raise EnvError(f"run {run.run_id} ended before it had an environment, so it has no lock")
    try:
        lock = environments.lock_of(tracking, run)
    except UsageError as error:
        raise EnvError(error.message, hint=error.hint) from error
    if reason := manager.unusable() or manager.unrestorable(lock):
        raise EnvError(f"cannot create the environment of run {run.run_id} here: {reason}")
    return lock


def _lock_of_current(tracking: Tracking, run: Run, manager: EnvManager) -> Lock | None:
    """Return the lock with the run's Python, if that is unchanged on this machine."""
    try:
        lock = environments.lock_of(tracking, run)
    except UsageError as error:
        log.debug("which Python run %s ran in is not known: %s", run.run_id, error)
        return None
    if reason := manager.unrestorable(lock):
        log.warning("The environment of the run is not here: %s", reason)
        return None
    return lock
