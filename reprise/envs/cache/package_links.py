"""Package files are linked from uv's cache, so that a second environment takes little room."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from reprise.paths import CACHE_VARIABLE

logger = logging.getLogger(__name__)

_TOLD = ".copies-told"


def tell_copies(prefix: Path) -> None:
    """Say, once in a cache, that files had to be copied because there are two file systems."""
    told = prefix.parent / _TOLD
    if os.environ.get("UV_LINK_MODE") or told.exists() or not _is_copied(prefix):
        return
    cache = _uv_cache()
    if not cache.is_dir() or cache.stat().st_dev == prefix.stat().st_dev:
        return
    told.touch()
    logger.warning(
        "Package files are copied, not linked: uv's cache, %s, and the environments, %s, are on two file "
        "systems. Each environment takes its full size; UV_CACHE_DIR or %s puts both on one",
        cache,
        prefix.parent,
        CACHE_VARIABLE,
    )


def _is_copied(prefix: Path) -> bool:
    """Whether uv installed something, and has no link to it."""
    for installer in prefix.glob("lib/python*/site-packages/*.dist-info/INSTALLER"):
        if installer.read_bytes().strip() == b"uv":
            return (installer.parent / "METADATA").stat().st_nlink == 1
    return False


def _uv_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("UV_CACHE_DIR") or Path(home) / "uv")
