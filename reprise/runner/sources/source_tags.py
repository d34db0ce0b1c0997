"""What MLflow's own tags say of a local folder that is run, character by character.

Searches by source then find the runs of both. The run's record names the same source in our own words.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from reprise.redact import redact
from reprise.runner.sources import provenance


def name_local_source(uri: str, base: Path) -> str | None:
    """``mlflow.source.name`` of the folder ``uri``, seen from ``base``; None where MLflow sees no path."""
    if "://" in uri or uri.startswith("~"):
        return None
    folder = os.path.abspath(base / uri)  # noqa: PTH100 - links stay as they are written
    if not os.path.exists(folder):  # noqa: PTH110 - with its #subfolder
        return redact(uri)
    root = provenance.work_tree(Path(folder))
    if "#" in folder or root is None:
        return folder
    inside = folder.removeprefix(str(root)).removeprefix("/")
    return f"file://{root}" + (f"#{inside}" if inside else "")


def tag_of_repository(url: str | None) -> str | None:
    """``mlflow.source.git.repoURL`` of a repository with the remote ``url``."""
    if url is None:
        return None
    parts = urlsplit(url)
    if not parts.scheme or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
