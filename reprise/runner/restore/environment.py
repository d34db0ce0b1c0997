"""The environment of a recorded run: from its lock, not from what the project says."""

from __future__ import annotations

import logging
import sysconfig
from pathlib import Path

from reprise.envs import local
from reprise.envs import registry as envs
from reprise.envs.pythons.facts import describe_python
from reprise.errors import EnvError, UsageError
from reprise.runner.restore import environments
from reprise.schemas.entities import Run
from reprise.schemas.environment import CondaEnv, EnvSpec, Lock, Policy
from reprise.schemas.record.run_record import EnvironmentRecord
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

LOCAL = "local"
_DOCKER = "docker"


def lock_of(tracking: Tracking, run: Run, recorded: EnvironmentRecord) -> Lock | None:
    """The lock that the run ran with, found to be of use here.

    None where it ran in a Python of the user's that is not here, or not as it was.

    Raises:
        EnvError: the run kept none, or nothing can be made of it on this machine.
    """
    if recorded.manager == LOCAL:
        return _local_lock(tracking, run)
    if recorded.digest is None:
        raise EnvError(f"run {run.run_id} ended before it had an environment: there is no lock of it")
    try:
        lock = environments.lock_of(tracking, run)
    except UsageError as error:
        raise EnvError(error.message, hint=error.hint) from error
    if reason := envs.MANAGERS[lock.manager].unusable() or foreign(lock):
        raise EnvError(f"the environment of run {run.run_id} cannot be made here: {reason}")
    return lock


def _local_lock(tracking: Tracking, run: Run) -> Lock | None:
    """The lock that names the run's Python, where that is on this machine as it was."""
    try:
        lock = environments.lock_of(tracking, run)
        was = local.read_lock(lock)
    except (UsageError, ValueError, KeyError, TypeError) as error:
        log.debug("which Python run %s ran in is not known: %s", run.run_id, error)
        return None
    now = describe_python(was.executable, Path("/"))
    if now is not None and (now.version, now.implementation) == (was.version, was.implementation):
        return lock
    found = f"is Python {now.version} now" if now else "is not here"
    log.warning("The run was in Python %s of %s, which %s", was.version, was.executable, found)
    return None


def for_copy(lock: Lock, environment: EnvSpec, policy: Policy, log_file: Path) -> Lock:
    """``lock`` as it is used for a copy of the project, whose environment is ``environment``.

    Raises:
        EnvError: the project's own packages are not those that were locked, or the image is not to be had.
    """
    if lock.manager == _DOCKER:
        from reprise.envs.docker import images

        image = images.obtain(images.Image.read(lock.text), policy, log_file, {})
        return Lock(lock.manager, image.text)
    from reprise.envs.virtualenv.unlinked import unlinked

    root = environment.file.parent if isinstance(environment, CondaEnv) else environment.root
    credentials = envs.MANAGERS[lock.manager].read_credentials(environment)
    return unlinked(lock, root.absolute())._replace(credentials=credentials)


def foreign(lock: Lock) -> str | None:
    """A sentence when the lock is of machines of another kind."""
    if lock.manager == _DOCKER:
        return _image_is_gone(lock)
    if lock.manager == "conda":
        from reprise.envs.conda import records

        locked, here = records.read(lock).platform, records.here()
    else:
        locked, here = envs.MANAGERS[lock.manager].packages(lock)[0].build, sysconfig.get_platform()
    if _kind(locked) == _kind(here):
        return None
    return f"its lock is of {locked}, and this machine is {here}"


def _kind(platform: str) -> tuple[str, bool]:
    """The system, and whether it is that of the machine: ``macosx-14.0-arm64`` runs on a later one too."""
    words = platform.split("-")
    return words[0], any(word in ("arm64", "aarch64") for word in words)


def _image_is_gone(lock: Lock) -> str | None:
    from reprise.envs.docker import images

    image = images.Image.read(lock.text)
    if image.digest is not None or images.inspect(image.id, image.name) is not None:
        return None
    return f"image {image.shown} is not on this machine, and no registry knows it"
