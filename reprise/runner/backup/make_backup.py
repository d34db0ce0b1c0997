"""Make a backup of a store, which may be written to meanwhile."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from reprise import durable, file_lock
from reprise.disk import reason_of
from reprise.errors import TrackingError, UsageError
from reprise.runner.backup.layout import (
    ARTIFACTS,
    DATABASE,
    MANIFEST,
    OBJECTS,
    BackupEntry,
    BackupManifest,
    Digested,
)
from reprise.tracking.artifacts.files import PROXY, Artifacts
from reprise.tracking.names import now
from reprise.tracking.protocols.store import Snapshot, TrackingStore

_PRIVATE = 0o600  # it holds all that the store knows


def make_backup(
    store: TrackingStore, file: Path, *, with_artifacts: bool, say: Callable[[str], None] = lambda _: None
) -> BackupManifest:
    """Write a backup of ``store`` to ``file``, completely or not at all.

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
            copied = store.copy_database(snapshot)
            with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
                return _write_backup(store, snapshot, copied, _Writer(tar, say), with_artifacts)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {reason_of(error, file)}") from error


def _write_backup(
    store: TrackingStore, snapshot: Path, copied: Snapshot, writer: _Writer, with_artifacts: bool
) -> BackupManifest:
    with snapshot.open("rb") as stream:
        writer.add_member(DATABASE, stream, snapshot.stat().st_size)
    if with_artifacts:
        writer.add_all(ARTIFACTS, store.artifacts)
    if store.home is not None:
        writer.add_folder(OBJECTS, store.home / OBJECTS)
    manifest = _describe_store(store, copied, writer, with_artifacts)
    writer.add_member(MANIFEST, io.BytesIO(content := manifest.write()), len(content))
    return manifest


class _Writer:
    """Adds files to ``tar`` and notes their digests."""

    def __init__(self, tar: tarfile.TarFile, say: Callable[[str], None]) -> None:
        self._tar = tar
        self._say = say
        self.files: dict[str, BackupEntry] = {}
        self.gone: list[str] = []

    def add_member(self, name: str, stream: IO[bytes], size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, _PRIVATE, now() // 1000
        read = Digested(stream)  # type: ignore[arg-type]
        try:
            self._tar.addfile(member, read)
        except OSError as error:
            if read.size < size and error.errno is None:  # the tar header already has the size
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
                    self.add_member(f"{name}/{item.path}", stream, size)
            except TrackingError as error:
                if error.code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                self.gone.append(f"{name}/{item.path}")

    def add_folder(self, name: str, folder: Path) -> None:
        for file in _files_below(folder):
            path = f"{name}/{file.relative_to(folder).as_posix()}"
            try:
                with file.open("rb") as stream:
                    self.add_member(path, stream, os.fstat(stream.fileno()).st_size)
            except FileNotFoundError:
                self.gone.append(path)


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if not name.startswith(".") and not (file := Path(place, name)).is_symlink():
                yield file


def _describe_store(
    store: TrackingStore, copied: Snapshot, writer: _Writer, with_artifacts: bool
) -> BackupManifest:
    elsewhere = tuple(location for location in copied.locations if not location.startswith(PROXY))
    counts = (copied.experiments, copied.runs, copied.going_on)
    gone, files = tuple(writer.gone), dict(writer.files)
    return BackupManifest(store.uri, now(), *counts, with_artifacts, elsewhere, gone, files)
