"""What tests need of the machine beside Python and git, by their markers, and what brings it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache

from reprise.envs.pypi import pip_settings
from tests.envs import docker_engine
from tests.fakes import databases, disks

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NOT_QUICK = ("browser", "databases", "docker", "mlflow", "network", "slow")
"""The markers of tests that ``--quick`` leaves out."""


def browser() -> str | None:
    """The program that opens the pages; None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def lacks(marker: str) -> str | None:
    """Why tests with ``marker`` cannot run here, and what helps; None where they can."""
    return _CHECKS[marker]() if marker in _CHECKS else None


@cache
def _lacks_browser() -> str | None:
    return None if browser() else "there is no Chromium; apt-get install chromium brings one"


@cache
def _lacks_databases() -> str | None:
    return databases.missing()


@cache
def _lacks_engine() -> str | None:
    return docker_engine.missing()


@cache
def _lacks_index() -> str | None:
    uv = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-cache", "-"]
    environ = {**os.environ, **pip_settings.for_uv(os.environ), "UV_HTTP_RETRIES": "0"}
    done = subprocess.run(uv, input=b"six\n", env=environ, capture_output=True, check=False)
    if done.returncode == 0:
        return None
    return "no package index answers; UV_DEFAULT_INDEX or PIP_INDEX_URL names one that does"


@cache
def _lacks_mounts() -> str | None:
    return disks.missing()


_CHECKS: dict[str, Callable[[], str | None]] = {
    "browser": _lacks_browser,
    "databases": _lacks_databases,
    "docker": _lacks_engine,
    "mounts": _lacks_mounts,
    "network": _lacks_index,
}
