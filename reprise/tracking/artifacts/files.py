"""Artifact names on the wire, and the confined local files that they are."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from reprise import disk, durable, file_lock
from reprise.errors import TrackingError, missing
from reprise.schemas.entities import Artifact
from reprise.tracking import validation
from reprise.tracking.artifacts.digests import (
    Digest,
    Digests,
    read_digest,
    state_of,
)
from reprise.tracking.artifacts.names import (
    UPLOADS,
    is_hidden,
    normalize_path,
    parts_of,
    refuse,
)

PROXY = "mlflow-artifacts:"
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "wasbs", "hdfs", "oss", "memory")
"""The schemes of an experiment's own location that fsspec reads for us."""
_LONGEST_LOCATION = 2048


class Sink(Protocol):
    """What an artifact is streamed into."""

    def write(self, piece: bytes, /) -> int: ...


class Artifacts(Protocol):
    """Files below one place: a local folder, or objects that fsspec reaches (``artifact_objects.py``).

    Every ``path`` is relative, with ``/``, and stays inside: one that would leave it is
    ``INVALID_PARAMETER_VALUE``.
    """

    def below(self, path: str) -> Artifacts:
        """The artifacts in a folder of these, which need not exist."""
        ...

    def list(self, path: str = "") -> Sequence[Artifact]:
        """The direct children by name, paths relative to the root; empty when there is no such folder."""
        ...

    def size(self, path: str) -> int:
        """Of the existing file ``path``, in bytes. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        ...

    def reading(self, path: str) -> AbstractContextManager[BinaryIO]:
        """The bytes of an existing file; seekable."""
        ...

    def writing(self, path: str) -> AbstractContextManager[Sink]:
        """A file to stream into, that becomes ``path`` when the block ends well, else nothing."""
        ...

    def delete(self, path: str) -> None:
        """Remove a file or a folder with all in it. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        ...

    def digest(self, path: str) -> Digest:
        """The size and digest of a file, noted or read now."""
        ...

    def known_digest(self, path: str) -> Digest | None:
        """The size and digest of a file where they are noted; it is not read for them."""
        ...

    def copy_in(self, source: Path, path: str) -> None:
        """Store a copy of the file ``source`` as ``path``, whole or not at all."""
        ...

    def copy_out(self, path: str, destination: Path) -> None:
        """Copy the file or folder ``path`` to ``destination``, which must not exist."""
        ...


class ArtifactFolder:
    """A local folder of artifacts; a symlink on the way is refused as ``..`` is."""

    def __init__(self, root: Path, digests: Digests | None = None, top: Path | None = None) -> None:
        """``top`` holds this folder and those of other runs; files arrive in a folder of it."""
        self.root = root
        self._digests = digests
        self._top = top

    def below(self, path: str) -> ArtifactFolder:
        return ArtifactFolder(self.inside(path), self._digests, self._top)

    def sweep(self) -> None:
        """Remove what processes that have died were storing."""
        file_lock.sweep_dead(self._arriving, file_lock.ARRIVING)

    @property
    def _arriving(self) -> Path:
        return self._top / UPLOADS if self._top else self.root

    def list(self, path: str = "") -> Sequence[Artifact]:
        """The direct children by name, paths relative to the root; empty when there is no such folder."""
        folder = self.inside(path)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        prefix = f"{within}/" if (within := normalize_path(path)) else ""
        return [_artifact(prefix, entry) for entry in entries if _is_shown(entry)]

    def file(self, path: str) -> Path:
        """The existing file of ``path``. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        file = self.inside(path)
        if not file.is_file():
            raise missing(f"there is no artifact {path!r}")
        return file

    def size(self, path: str) -> int:
        """Of the existing file ``path``, in bytes. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        try:
            return self.file(path).stat().st_size
        except FileNotFoundError:
            raise missing(f"there is no artifact {path!r}") from None

    @contextmanager
    def reading(self, path: str) -> Iterator[BinaryIO]:
        """The bytes of an existing file; seekable."""
        try:
            stream = self.file(path).open("rb")
        except FileNotFoundError:
            raise missing(f"there is no artifact {path!r}") from None
        except PermissionError as error:
            raise TrackingError(f"the artifact {path!r} cannot be read: {disk.reason_of(error)}") from error
        with stream:
            yield stream

    @contextmanager
    def writing(self, path: str) -> Iterator[Sink]:
        """A file to stream into, that becomes ``path`` when the block ends well, else nothing."""
        target = self.inside(path)
        if target == self.root or target.is_dir():
            raise validation.invalid(f"the artifact {path!r} is a folder")
        self._make_folder(target.parent, path)
        with durable.arriving(target, self._arriving) as stream:
            written = _Digested(stream)
            yield written
            state = state_of(stream.fileno())
        if self._digests:
            self._digests.note(str(target), state, written.sha256.digest())

    def _make_folder(self, folder: Path, path: str) -> None:
        try:
            durable.make_folders(folder, self._top or self.root)
        except (FileExistsError, NotADirectoryError):
            raise validation.invalid(f"the artifact {path!r} would be inside a file") from None

    def delete(self, path: str) -> None:
        """Remove a file or a folder with all in it. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        target = self.inside(path)
        if target.is_dir():
            shutil.rmtree(target)
        else:
            self.file(path).unlink()
        durable.sync_folder(target.parent)
        if self._digests:
            self._digests.forget(str(target))

    def digest(self, path: str) -> Digest:
        """The size and digest of a file, noted or read now."""
        file = self.file(path)
        return self._digests.of_file(file) if self._digests else read_digest(file)

    def known_digest(self, path: str) -> Digest | None:
        """The size and digest of a file where they are noted; it is not read for them."""
        file = self.file(path)
        return self._digests.noted(str(file), state_of(file)) if self._digests else None

    def copy_in(self, source: Path, path: str) -> None:
        """Store a copy of the file ``source`` as ``path``, whole or not at all."""
        with source.open("rb") as reader, self.writing(path) as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)

    def copy_out(self, path: str, destination: Path) -> None:
        """Copy the file or folder ``path`` to ``destination``, which must not exist."""
        source = self.inside(path)
        if source.is_dir():
            destination.mkdir(parents=True)
            for child in self.list(path):
                self.copy_out(child.path, destination / Path(child.path).name)
        else:
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.file(path), destination)

    def inside(self, path: str) -> Path:
        """The local path of ``path``, checked part by part: none may be a symlink."""
        inside = self.root
        for part in parts_of(path):
            inside = inside / part
            if inside.is_symlink():
                refuse(path)
        return inside


class _Digested:
    """A file being written, and the digest of what was."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def write(self, piece: bytes, /) -> int:
        self.sha256.update(piece)
        rest = memoryview(piece)
        while rest:  # an unbuffered file may take less than it was given
            rest = rest[self._stream.write(rest) :]
        return len(piece)


def open_root(root: str | None, folder: Path, digests: Digests) -> Artifacts:
    """The artifacts of a store: in ``root`` (a local path or an fsspec URI), else in its own ``folder``."""
    if root is None:
        return ArtifactFolder(folder, digests, folder)
    if place := local_root(root):
        return ArtifactFolder(place, digests, place)
    from reprise.tracking.artifacts.objects import ArtifactObjects

    return ArtifactObjects.at(root, digests)


def local_root(root: str) -> Path | None:
    """The folder that an artifact root is; None for a URI of another kind."""
    if "://" not in root or root.startswith(("file:", "local:")):
        return _local_path(root.replace("local:", "file:", 1)).absolute()
    return None


def given_location(location: str) -> str:
    """An experiment's own artifact location as it is kept; a local path becomes absolute.

    A place of another scheme (``s3://bucket/folder``) is taken as it is: clients reach it on their own.
    """
    if len(location) > _LONGEST_LOCATION:
        raise validation.invalid(
            f"Invalid artifact path length: a location has at most {_LONGEST_LOCATION} characters"
        )
    if location.startswith(PROXY):
        parts_of(_proxy_path(location))
        return location.rstrip("/")
    if scheme := _scheme(location):
        if not _is_plain_uri(location):
            raise validation.invalid(
                f"Invalid value {location!r} for parameter 'artifact_location' supplied: a {scheme}:// URI"
                " has a host or bucket, and neither '..' nor a query nor a fragment"
            )
        return location.rstrip("/")
    path = _local_path(location).absolute()
    return path.as_uri() if location.startswith("file:") else str(path)


def at_location(uri: str, root: Artifacts) -> Artifacts:
    """The artifacts that an artifact URI of this store means; ``root`` is what the HTTP proxy serves."""
    if uri.startswith(PROXY):
        return root.below(_proxy_path(uri))
    if scheme := _scheme(uri):
        return _objects_at(uri, scheme)
    return ArtifactFolder(_local_path(uri))


def _objects_at(uri: str, scheme: str) -> Artifacts:
    if scheme not in OBJECT_STORES:  # who names a URL is not to send this process to any address
        raise TrackingError(
            f"the artifacts at {uri} are not reached from here, only those of {', '.join(OBJECT_STORES)}",
            code="NOT_IMPLEMENTED",
            hint="use MLflow's client, which reaches the location itself",
        )
    from reprise.tracking.artifacts.objects import ArtifactObjects

    return ArtifactObjects.at(uri)


def _scheme(location: str) -> str:
    """``s3`` of ``s3://bucket``; empty for local paths, ``file:`` URIs and what is no place for files."""
    scheme, mark, _ = location.partition("://")
    is_ours = scheme in {"file", "runs", "models"} or not mark
    return "" if is_ours or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*", scheme) else scheme.lower()


def _is_plain_uri(location: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(location)
    except ValueError:
        return False
    return bool(parts.netloc) and not (
        parts.query or parts.fragment or "::" in location or ".." in parts.path.split("/")
    )


def _proxy_path(uri: str) -> str:
    return uri.removeprefix(PROXY).strip("/")


def _local_path(location: str) -> Path:
    if location.startswith("file:"):
        from urllib.parse import unquote, urlsplit

        parts = urlsplit(location)
        if parts.netloc in {"", "localhost"} and parts.path.startswith("/"):
            return Path(unquote(parts.path))
    elif "://" not in location and "\0" not in location and not location.startswith("runs:"):
        return Path(location).expanduser()
    raise validation.invalid(
        f"Invalid value {location!r} for parameter 'artifact_location' supplied: it is no place for files",
        hint="give a local path, a file: URI, or the URI of an object store (s3://bucket/folder)",
    )


def _is_shown(entry: os.DirEntry[str]) -> bool:
    return not entry.is_symlink() and not is_hidden(entry.name)


def _artifact(prefix: str, entry: os.DirEntry[str]) -> Artifact:
    is_dir = entry.is_dir(follow_symlinks=False)
    size = None if is_dir else entry.stat(follow_symlinks=False).st_size
    return Artifact(f"{prefix}{entry.name}", is_dir, size)
