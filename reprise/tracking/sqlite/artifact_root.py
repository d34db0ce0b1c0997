"""Where a store keeps its artifacts, noted in the store, so that every command finds them there.

A local root elsewhere gets a folder as its mark. Where a disk is not mounted, its folder is empty: without
a mark that would be a place where no run ever logged a file.
"""

from __future__ import annotations

import os
from pathlib import Path

from reprise import durable
from reprise.disk import reason_of
from reprise.errors import TrackingError, UsageError
from reprise.redact import redact
from reprise.tracking.artifacts.digests import Digests
from reprise.tracking.artifacts.files import (
    ArtifactFolder,
    Artifacts,
    local_root,
    open_root,
)
from reprise.tracking.artifacts.names import MARK
from reprise.tracking.sqlite.database import Database

_NAME = "artifact_root"


def read_root(database: Database) -> str | None:
    """The noted root: an absolute local path or a URI; None for the folder in the store itself."""
    with database.reading() as connection:
        row = connection.execute("SELECT value FROM setting WHERE name = ?", (_NAME,)).fetchone()
    return row and str(row[0])


def claim_root(database: Database, given: str, folder: Path, digests: Digests) -> None:
    """Note the root that a command was given, where the store has none and no files in its own ``folder``.

    Raises:
        UsageError: the artifacts of the store are in another place, or the root cannot be made.
    """
    root = canonical_root(given)
    noted = read_root(database) or str(folder)
    if noted == root:
        return
    if noted != str(folder) or _has_files(folder):
        raise UsageError(
            f"the artifacts of this store are in {redact(noted)}, and --artifact-root is {redact(root)}",
            hint="leave it out, or move the files and then say so: reprise artifacts root URI",
        )
    note_root(database, root, folder, digests)


def note_root(database: Database, root: str, folder: Path, digests: Digests) -> None:
    """Note where the artifacts are from now on; a local folder is made and marked.

    Raises:
        UsageError: it cannot be made, or what its scheme needs is not installed.
    """
    place = open_root(root, folder, digests)
    if isinstance(place, ArtifactFolder) and place.root != folder:
        try:
            durable.make_folders(place.root / MARK)
        except OSError as error:
            raise UsageError(f"artifacts cannot be kept in {place.root}: {reason_of(error)}") from error
    with database.writing() as connection:
        if root == str(folder):
            connection.execute("DELETE FROM setting WHERE name = ?", (_NAME,))
        else:
            connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (_NAME, root))


def change_root(database: Database, given: str, folder: Path, digests: Digests) -> None:
    """Note another root, whose files were copied there before.

    Raises:
        UsageError: it cannot be used, or it lacks experiments that have files in the present root.
    """
    root = canonical_root(given)
    present = read_root(database) or str(folder)
    if root == present:
        return
    try:
        wanted = {item.path for item in open_noted(database, folder, digests).list()}
    except TrackingError:
        wanted = set()  # it was removed and replaced
    lacking = sorted(wanted - {item.path for item in open_root(root, folder, digests).list()})
    if lacking:
        raise UsageError(
            f"{redact(root)} lacks the files of {redact(present)}: see {', '.join(lacking[:5])}",
            hint="copy them first, with all folders",
        )
    note_root(database, root, folder, digests)


def open_noted(database: Database, folder: Path, digests: Digests) -> Artifacts:
    """The artifacts of the store, in the noted root or in its own ``folder``.

    Raises:
        TrackingError: the root is a local folder that does not exist now.
    """
    root = read_root(database)
    place = open_root(root, folder, digests)
    if isinstance(place, ArtifactFolder) and root is not None and not (place.root / MARK).is_dir():
        raise TrackingError(
            f"the artifacts of this store are in {place.root}, which does not exist: is it mounted?",
            code="TEMPORARILY_UNAVAILABLE",
            hint="mount it; after a move of the files: reprise artifacts root FOLDER",
        )
    return place


def canonical_root(root: str) -> str:
    """A local path as an absolute one, and a URI without a slash at its end.

    Raises:
        UsageError: it is empty.
    """
    if not root.strip():
        raise UsageError("the artifact root is empty", hint="give a folder, or a URI as s3://bucket/path")
    folder = local_root(root)
    return root.rstrip("/") if folder is None else os.path.normpath(folder)


def _has_files(folder: Path) -> bool:
    return any(file.is_file() for file in folder.rglob("*"))
