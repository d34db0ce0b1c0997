"""The packages of an environment in a bundle, as its manager packs and unpacks them."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from reprise import paths
from reprise.envs import registry as envs
from reprise.schemas.environment import Lock

log = logging.getLogger(__name__)


def put_packages(lock: Lock, folder: Path, *, offline: bool) -> None:
    """Fill the new folder with the packages of the environment of ``lock``, without its Python.

    Raises:
        UsageError: the run ran in the environment that its machine had.
        EnvError: something cannot be fetched, or is not what was locked.
    """
    from reprise.runner.sources.downloads import download_file

    started = time.monotonic()
    folder.mkdir()
    envs.MANAGERS[lock.manager].pack(lock, folder, download_file, _log_file(), offline=offline)
    count = sum(1 for path in folder.rglob("*") if path.is_file())
    log.info("Fetched %d files of packages in %.1f s", count, time.monotonic() - started)


def unpack_packages(manager: str, folder: Path) -> None:
    """Bring the packages of a bundle to where the environment manager finds them.

    Raises:
        EnvError: they cannot be brought there.
    """
    envs.MANAGERS[manager].unpack(folder, _log_file())


def _log_file() -> Path:
    return paths.state_dir() / "logs" / "environment.log"
