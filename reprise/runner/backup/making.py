"""Make a backup of a store, which may be written to meanwhile."""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO

from reprise import durable, file_lock
from reprise.disk import reason_of
from reprise.errors import TrackingError, UsageError
from reprise.runner.backup.layout import ARTIFACTS, DATABASE, MANIFEST, OBJECTS, Digested, Entry, Manifest
from reprise.tracking.artifacts.files import PROXY, Artifacts
from reprise.tracking.names import now
from reprise.tracking.sqlite.store import EmbeddedStore

_PRIVATE = 0o600  # it holds all that the store knows


def make_backup(
    store: EmbeddedStore, file: Path, *, with_artifacts: bool, say: Callable[[str], None] = lambda _: None
) -> Manifest:
    """Write a backup of ``store`` to ``file``, whole or not at all.

    The database is a snapshot of one moment; files are those of that moment or later.

    Raises:
        UsageError: a file changed while it was read, or cannot be read.
        TrackingError: the database is damaged, or the artifacts cannot be reached.
    """
    try:
        with (
            file_lock.arriving_folder(file.absolute().parent, 0o700) as scratch,
            durable.arriving(file) as target,
        ):
            os.fchmod(target.fileno(), _PRIVATE)
            say("Copying the database")
            snapshot = scratch / DATABASE
            _copy_database(store.directory / DATABASE, snapshot)
            with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
                return _write(store, snapshot, _Writer(tar, say), with_artifacts)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {reason_of(error, file)}") from error


def _write(store: EmbeddedStore, snapshot: Path, writer: _Writer, with_artifacts: bool) -> Manifest:
    with snapshot.open("rb") as stream:
        writer.add(DATABASE, stream, snapshot.stat().st_size)
    if with_artifacts:
        writer.add_all(ARTIFACTS, store.artifacts)
    writer.add_folder(OBJECTS, store.directory / OBJECTS)
    manifest = _describe(store, snapshot, writer, with_artifacts)
    writer.add(MANIFEST, io.BytesIO(content := manifest.write()), len(content))
    return manifest


class _Writer:
    """Adds files to ``tar`` and notes their digests."""

    def __init__(self, tar: tarfile.TarFile, say: Callable[[str], None]) -> None:
        self._tar = tar
        self._say = say
        self.files: dict[str, Entry] = {}
        self.gone: list[str] = []

    def add(self, name: str, stream: IO[bytes], size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, _PRIVATE, now() // 1000
        read = Digested(stream)  # type: ignore[arg-type]
        try:
            self._tar.addfile(member, read)
        except OSError as error:
            if read.size < size and error.errno is None:  # the tar wants what it was promised
                raise UsageError(f"{name} became shorter while it was read", hint="try again") from error
            raise
        self.files[name] = read.entry
        self._say(f"Stored {len(self.files):,} files")

    def add_all(self, name: str, artifacts: Artifacts, folder: str = "") -> None:
        for item in artifacts.list(folder):
            if item.is_dir:
                self.add_all(name, artifacts, item.path)
                continue
            try:
                with artifacts.reading(item.path) as stream:
                    size = stream.seek(0, io.SEEK_END)
                    stream.seek(0)
                    self.add(f"{name}/{item.path}", stream, size)
            except TrackingError as error:
                if error.code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                self.gone.append(f"{name}/{item.path}")

    def add_folder(self, name: str, folder: Path) -> None:
        for file in _files_below(folder):
            path = f"{name}/{file.relative_to(folder).as_posix()}"
            try:
                with file.open("rb") as stream:
                    self.add(path, stream, os.fstat(stream.fileno()).st_size)
            except FileNotFoundError:
                self.gone.append(path)


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if not name.startswith(".") and not (file := Path(place, name)).is_symlink():
                yield file


def _copy_database(source: Path, target: Path) -> None:
    """A snapshot by SQLite itself: writers write on, and what they write is not in it."""
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True)) as reader,
            closing(sqlite3.connect(target)) as writer,
        ):
            reader.backup(writer)
            (found,) = writer.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise TrackingError(f"{source} cannot be copied: {error}") from error
    if found != "ok":
        raise TrackingError(f"{source} is damaged: {found}", hint="restore an earlier backup")


def _describe(store: EmbeddedStore, snapshot: Path, writer: _Writer, with_artifacts: bool) -> Manifest:
    with closing(sqlite3.connect(snapshot)) as reader:
        counts = [reader.execute(sql).fetchone()[0] for sql in _COUNTS]
        locations = reader.execute("SELECT artifact_location FROM experiment ORDER BY id").fetchall()
    elsewhere = tuple(location for (location,) in locations if not location.startswith(PROXY))
    gone = tuple(writer.gone)
    experiments, runs, going_on = counts
    files = dict(writer.files)
    return Manifest(store.uri, now(), experiments, runs, going_on, with_artifacts, elsewhere, gone, files)


_COUNTS: Sequence[str] = (
    "SELECT count(*) FROM experiment",
    "SELECT count(*) FROM run",
    "SELECT count(*) FROM run WHERE status IN ('RUNNING', 'SCHEDULED')",
)
