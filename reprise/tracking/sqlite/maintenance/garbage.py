"""What was deleted is removed for good: rows first, each with a note of its files, then the files.

The notes (table ``garbage``) are written in the transaction that removes the rows, and go when the files
are gone. Killed at any moment, nothing half is shown, and the next time finishes what the notes say.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from reprise.errors import RepriseError, TrackingError
from reprise.file_lock import ARRIVING
from reprise.schemas.entities import DELETED
from reprise.schemas.tags import JOB
from reprise.tracking.artifacts.files import (
    PROXY,
    ArtifactFolder,
    Artifacts,
    at_location,
)
from reprise.tracking.artifacts.locations import place_of
from reprise.tracking.protocols.garbage import EXPERIMENT, MODEL, RUN, Deleted, GarbageFiles, GarbageSize
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.sqlite.connecting import is_writable
from reprise.tracking.sqlite.database import Database
from reprise.tracking.sqlite.faults import read_only
from reprise.tracking.sqlite.rows import Connection

log = logging.getLogger(__name__)

_ABANDONED = 24 * 3600
"""Seconds after which an upload that nothing was added to is taken for one that was killed."""


class StoredGarbage:
    """What was deleted from ``store``, whose tables are in ``database``; satisfies ``Garbage``."""

    def __init__(self, store: TrackingStore, database: Database, home: Path) -> None:
        self._store = store
        self._database = database
        self.home = home

    def require_writable(self) -> None:
        """Raise where the store can be read only, also when there is nothing to write."""
        if not is_writable(self._database.path):
            raise read_only(self.home)

    def deleted(self, before: int) -> list[Deleted]:
        """What was deleted until ``before`` (ms since the epoch): runs and models, then experiments.

        The logged models of a deleted experiment, which are not marked themselves, count as well; the
        experiment ``Default`` stays, since clients expect it.
        """
        with self._database.reading() as connection:
            used = _used(connection)
            runs = connection.execute(
                "SELECT r.run_id, r.name, r.experiment, coalesce(r.deleted_time, 0), r.artifact_uri,"
                " r.status, t.value FROM run r LEFT JOIN run_tag t ON t.owner = r.id AND t.key = ?"
                " WHERE r.lifecycle_stage = ? AND coalesce(r.deleted_time, 0) <= ? ORDER BY r.id",
                (JOB, DELETED, before),
            ).fetchall()
            models = connection.execute(
                "SELECT m.model_id, m.name, m.experiment, iif(m.lifecycle_stage = 'deleted',"
                " m.last_update_time, e.last_update_time) AS gone, m.artifact_uri"
                " FROM logged_model m JOIN experiment e ON e.id = m.experiment"
                " WHERE ? IN (m.lifecycle_stage, e.lifecycle_stage) AND gone <= ? ORDER BY m.id",
                (DELETED, before),
            ).fetchall()
            experiments = connection.execute(
                "SELECT id, name, id, last_update_time, artifact_location || '/traces' FROM experiment"
                " WHERE lifecycle_stage = ? AND last_update_time <= ? AND id != 0 ORDER BY id",
                (DELETED, before),
            ).fetchall()
        return [
            *(_deleted(RUN, *row)._replace(used_by=used.get(row[0])) for row in runs),
            *(_deleted(MODEL, *row)._replace(used_by=used.get(row[0])) for row in models),
            *(_deleted(EXPERIMENT, *row) for row in experiments),
        ]

    def remove(self, items: Sequence[Deleted]) -> list[Deleted]:
        """Remove the rows of those that are deleted still, in one transaction; the files are noted.

        An experiment goes when it holds no run and no logged model any more.
        """
        gone = []
        with self._database.writing(frees_room=True) as connection:
            for item in items:
                folders = _folders(connection, item)
                if _remove(connection, item):
                    gone.append(item)
                    notes = [(folder,) for folder in folders]
                    connection.executemany("INSERT OR IGNORE INTO garbage VALUES (?)", notes)
            if any(item.kind == RUN for item in gone):
                connection.execute("DELETE FROM dataset WHERE id NOT IN (SELECT dataset FROM run_dataset)")
        return gone

    def sweep(self) -> set[str]:
        """Remove the files of all notes, also of those that were left by one that was killed.

        Uploads that were killed in the middle go too, when nothing was added to them for a day.
        What cannot be removed is a warning, and stays noted; these places are returned.
        """
        left = set()
        with self._database.reading() as connection:
            uris = [uri for (uri,) in connection.execute("SELECT uri FROM garbage")]
        for uri in uris:
            try:
                self._drop(uri)
            except (OSError, RepriseError) as error:
                log.warning("%s cannot be removed: %s", uri, error)
                left.add(uri)
                continue
            with self._database.writing(frees_room=True) as connection:
                connection.execute("DELETE FROM garbage WHERE uri = ?", (uri,))
        if isinstance(self._store.artifacts, ArtifactFolder):
            _drop_arriving(self._store.artifacts.root)
        return left

    def drop_files(self, item: Deleted) -> None:
        """Remove the files of something that was deleted, before its rows."""
        with self._database.reading() as connection:
            folders = _folders(connection, item)
        for folder in folders:
            self._drop(folder)

    def reach_artifacts(self) -> None:
        """Look for the artifact root.

        Raises:
            TrackingError: it does not exist.
        """
        _ = self._store.artifacts

    def files(self, item: Deleted) -> GarbageFiles:
        """The files that are removed with it.

        Raises:
            TrackingError: their place cannot be reached, so that it is not known what is there.
        """
        with self._database.reading() as connection:
            folders = _folders(connection, item)
        places = [_reached(folder, self._store.artifacts) for folder in folders]
        sizes = [size for place in places for size in _sizes(place)]
        return GarbageFiles(folders, GarbageSize(len(sizes), sum(sizes)))

    def run_ids(self) -> list[str]:
        """All runs that are there, deleted ones too."""
        with self._database.reading() as connection:
            return [run_id for (run_id,) in connection.execute("SELECT run_id FROM run")]

    def text(self, run_id: str, path: str) -> str | None:
        """A text artifact of a run, None when it has none."""
        try:
            with self._store.artifacts_of(run_id).reading(path) as stream:
                return stream.read().decode("utf-8", "replace")
        except TrackingError as error:
            if error.code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def has_run(self, run_id: str) -> bool:
        with self._database.reading() as connection:
            return bool(connection.execute("SELECT 1 FROM run WHERE run_id = ?", (run_id,)).fetchone())

    def _drop(self, uri: str) -> None:
        place = _reached(uri, self._store.artifacts)
        try:
            place.delete("")
        except TrackingError as error:
            if (
                error.code != "RESOURCE_DOES_NOT_EXIST"
            ):  # nothing was logged there, or it was already removed
                raise
        if isinstance(place, ArtifactFolder) and isinstance(self._store.artifacts, ArtifactFolder):
            _drop_empty(place.root.parent, self._store.artifacts.root)


def _remove(connection: Connection, item: Deleted) -> bool:
    """Return whether it was still deleted, and is removed now."""
    if item.kind == RUN:
        sql = "DELETE FROM run WHERE run_id = ? AND lifecycle_stage = 'deleted'"
    elif item.kind == MODEL:
        sql = (
            "DELETE FROM logged_model WHERE model_id = ? AND (lifecycle_stage = 'deleted' OR experiment IN"
            " (SELECT id FROM experiment WHERE lifecycle_stage = 'deleted'))"
        )
    else:
        sql = (
            "DELETE FROM experiment WHERE id = ? AND lifecycle_stage = 'deleted'"
            " AND NOT EXISTS (SELECT 1 FROM run WHERE experiment = experiment.id)"
            " AND NOT EXISTS (SELECT 1 FROM logged_model WHERE experiment = experiment.id)"
        )
    return connection.execute(sql, (item.id,)).rowcount > 0


def _used(connection: Connection) -> dict[str, str]:
    """Runs and logged models whose files are those of a registered model version, and which."""
    used = {}
    for name, version, storage, model_id in connection.execute(
        "SELECT m.name, v.version, v.storage_location, v.model_id FROM model_version v"
        " JOIN registered_model m ON m.id = v.model"
    ):
        place = place_of(storage)
        for owner in filter(None, (model_id, place and place[0], _of_runs_uri(storage))):
            used[owner] = f"version {version} of {name}"
    return used


def _of_runs_uri(storage: str) -> str | None:
    return storage.removeprefix("runs:/").partition("/")[0] if storage.startswith("runs:/") else None


def _deleted(
    kind: str,
    identity: str | int,
    name: str,
    experiment: int,
    time: int,
    uri: str,
    status: str = "",
    job: str | None = None,
) -> Deleted:
    return Deleted(kind, str(identity), name, str(experiment), time, uri, status, job)


def _folders(connection: Connection, item: Deleted) -> list[str]:
    """Return the places of its own files only: the folder of an experiment may contain other files."""
    if item.kind == EXPERIMENT:
        traces = connection.execute("SELECT trace_id FROM trace WHERE experiment = ?", (item.id,))
        return [f"{item.uri}/{trace_id}" for (trace_id,) in traces]
    return [item.uri.removesuffix("/artifacts") if item.uri.endswith(f"/{item.id}/artifacts") else item.uri]


def _reached(uri: str, root: Artifacts) -> Artifacts:
    """The artifacts at ``uri``. A folder that a disk that is not mounted would leave so is an error.

    That is an empty one, or none in a folder that is empty or missing as well. (The root of the store was
    looked at when it was opened, and a store of objects says itself when it is away.)
    """
    place = at_location(uri, root)
    if not uri.startswith(PROXY) and isinstance(place, ArtifactFolder):
        location = place.root.parent
        holder = location if location.exists() else location.parent
        if not holder.is_dir() or not any(holder.iterdir()):
            message = f"its files are in {location}, which does not exist: is it mounted?"
            raise TrackingError(message, code="TEMPORARILY_UNAVAILABLE")
    return place


def _sizes(place: Artifacts, folder: str = "") -> Iterator[int]:
    for found in place.list(folder):
        if found.is_dir:
            yield from _sizes(place, found.path)
        else:
            yield found.size or 0


def _drop_arriving(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for file in (Path(folder, name) for name in names if name.startswith(ARRIVING)):
            try:
                if time.time() - file.stat().st_mtime > _ABANDONED:
                    file.unlink()
            except OSError as error:
                log.debug("%s: %s", file, error)


def _drop_empty(folder: Path, root: Path) -> None:
    """Remove ``folder`` and those above it, below ``root``, that hold nothing any more."""
    while folder != root and folder.is_relative_to(root):
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            return
        folder = folder.parent
