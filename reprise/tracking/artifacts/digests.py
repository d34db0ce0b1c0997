"""The sizes and SHA-256 digests of artifacts, noted as they arrive.

They are in ``artifacts.db``, a separate database that uploads do not sync to disk: it only avoids reading
files again. A digest is valid as long as its file has the same size and time of change; files written by
other processes are digested on first use.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
from pathlib import Path

from reprise.named_tuple import NamedTuple

logger = logging.getLogger(__name__)

DATABASE_NAME = "artifacts.db"


class Digest(NamedTuple):
    """``size`` in bytes, ``sha256`` in hex."""

    size: int
    sha256: str


class FileState(NamedTuple):
    """The state of a file: its size in bytes, and its time of change (ns; 0 if unknown)."""

    size: int
    changed: int


class Digests:
    """The notes on the files below ``root``; safe from any thread and any process."""

    def __init__(self, database: Path, root: Path) -> None:
        self._path = database
        self._root = f"{root}/"
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def note(self, place: str, state: FileState, sha256: bytes) -> None:
        """An upload never fails because its digest could not be noted."""
        self._tell(
            "INSERT OR REPLACE INTO digest VALUES (?, ?, ?, ?)",
            (self._key(place), state.size, state.changed, sha256),
        )

    def noted(self, place: str, state: FileState) -> Digest | None:
        """The digest of the file as it is now, or None when it was not noted."""
        found = self._tell(
            "SELECT sha256 FROM digest WHERE path = ? AND size = ? AND changed = ?",
            (self._key(place), *state),
        )
        return Digest(state.size, found[0][0].hex()) if found else None

    def of_file(self, file: Path) -> Digest:
        """The digest of a local file, noted or read now."""
        state = state_of(file)
        if noted := self.noted(str(file), state):
            return noted
        digest = read_digest(file)
        if state_of(file) == state:
            self.note(str(file), state, bytes.fromhex(digest.sha256))
        return digest

    def forget(self, place: str) -> None:
        """Forget a removed file, or a removed folder with its content."""
        key = self._key(place)
        self._tell("DELETE FROM digest WHERE path = ? OR path BETWEEN ? AND ?", (key, f"{key}/", f"{key}0"))

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _key(self, place: str) -> str:
        """Below the root relative to it, so that a store can move."""
        return place.removeprefix(self._root)

    def _tell(self, sql: str, values: tuple[object, ...]) -> list[tuple[bytes]]:
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = _connect(self._path)
                return self._connection.execute(sql, values).fetchall()
        except (sqlite3.Error, UnicodeEncodeError) as error:
            logger.debug("%s: %s", self._path, error)
            return []


def read_digest(file: Path) -> Digest:
    """The digest of the bytes of a local file."""
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return Digest(stream.tell(), sha256)


def state_of(file: Path | int) -> FileState:
    """The state of a file that a path or a descriptor names."""
    found = os.stat(file)  # noqa: PTH116 -- of a descriptor too
    return FileState(found.st_size, found.st_mtime_ns)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")  # no commit waits for the disk
    connection.execute(
        "CREATE TABLE IF NOT EXISTS digest (path TEXT PRIMARY KEY, size INTEGER NOT NULL,"
        " changed INTEGER NOT NULL, sha256 BLOB NOT NULL) WITHOUT ROWID"
    )
    return connection
