"""From what the user typed to the project's files on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from reprise.errors import SourceError, UsageError
from reprise.runner import provenance
from reprise.schemas.job import Checkout


def fetch(uri: str, version: str | None, base: Path) -> Checkout:
    """The project at ``uri``, ready to run; relative folders are seen from ``base``."""
    path, _, subdirectory = uri.partition("#")
    folder = (base / Path(path).expanduser()).resolve() / subdirectory
    if not folder.is_dir():
        raise SourceError(f'there is no folder "{folder}"')
    if version is not None:
        raise UsageError("a version needs a git repository")
    repository = provenance.repository(folder)
    if repository is None:
        return Checkout(folder, str(folder))
    return Checkout(folder, source_name(repository.root, folder), repository=repository)


def discard(checkout: Checkout) -> None:
    """Remove what was made for one run only; the user's own folder stays."""
    if checkout.temporary is not None:
        shutil.rmtree(checkout.temporary, ignore_errors=True)


def source_name(root: Path, folder: Path) -> str:
    """``file://<root>[#<subdirectory>]``, as MLflow names a folder inside a work tree."""
    inside = folder.resolve().relative_to(root).as_posix()
    return root.as_uri() + (f"#{inside}" if inside != "." else "")
