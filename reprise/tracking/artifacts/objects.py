"""Artifacts that are objects of a cloud store, or of anything else that fsspec reaches.

``fsspec`` comes with the extra ``reprise-ml[fsspec]``; what a scheme needs besides (``s3fs`` for
``s3://``, ``gcsfs`` for ``gs://``) finds its credentials as it always does, in the environment.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Self

from reprise.errors import TrackingError, UsageError, missing
from reprise.schemas.entities import Artifact
from reprise.tracking import validation
from reprise.tracking.artifacts.digests import Digest, Digests, FileState
from reprise.tracking.artifacts.names import normalize_path, parts_of

_IN_MEMORY = 1 << 20
"""Bytes of an upload that are kept in memory before it goes by way of a file."""


class ArtifactObjects:
    """The artifacts below the fsspec location ``uri``; the same verbs as a folder's.

    A small or large upload is gathered first and then put as one object, which cloud stores show whole
    or not at all.
    """

    def __init__(self, system: Any, base: str, digests: Digests | None) -> None:
        self._system = system
        self._base = base.rstrip("/")
        self._digests = digests

    @classmethod
    def at(cls, uri: str, digests: Digests | None = None) -> Self:
        """``UsageError`` when fsspec, or what the scheme needs, is not installed."""
        try:
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]

            system, base = url_to_fs(uri, use_listings_cache=False)
        except ImportError as error:
            hint = 'install "reprise-ml[fsspec]", and for s3:// also s3fs, for gs:// gcsfs'
            raise UsageError(f"artifacts cannot be kept at {uri}: {error}", hint=hint) from error
        except ValueError as error:
            raise UsageError(f"artifacts cannot be kept at {uri}: {error}") from error
        return cls(system, base, digests)

    def below(self, path: str) -> ArtifactObjects:
        return ArtifactObjects(self._system, self._place(path), self._digests)

    def list(self, path: str = "") -> Sequence[Artifact]:
        """The direct children by name, paths relative to the root; empty when there is no such folder."""
        place = self._place(path)
        prefix = f"{within}/" if (within := normalize_path(path)) else ""
        with self._told_plainly():
            try:
                entries = self._system.ls(place, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
        children = (entry for entry in entries if _key(entry) != place.strip("/"))
        found = (_artifact(prefix, entry) for entry in children)
        return sorted(found, key=lambda artifact: artifact.path)

    def size(self, path: str) -> int:
        """Of the existing file ``path``, in bytes. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        place = self._place(path)
        with self._told_plainly():
            try:
                info = self._system.info(place)
            except (FileNotFoundError, NotADirectoryError):
                info = {"type": "directory"}
        if place == self._place("") or info["type"] != "file":
            raise missing(f"there is no artifact {path!r}")
        return int(info["size"] or 0)

    @contextmanager
    def reading(self, path: str) -> Iterator[BinaryIO]:
        """The bytes of an existing file; seekable."""
        with self._told_plainly(), self._system.open(self._place(path), "rb") as stream:
            yield stream

    @contextmanager
    def writing(self, path: str) -> Iterator[BinaryIO]:
        """A file to stream into, that becomes ``path`` when the block ends well, else nothing."""
        place = self._place(path)
        if place == self._place("") or self._is_folder(place):
            raise validation.invalid(f"the artifact {path!r} is a folder")
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as gathered:
            yield gathered  # type: ignore[misc]
            size = gathered.tell()
            gathered.seek(0)
            sha256 = hashlib.sha256()
            with self._told_plainly():
                self._system.makedirs(place.rpartition("/")[0], exist_ok=True)
                with self._system.open(place, "wb") as target:
                    while piece := gathered.read(_IN_MEMORY):
                        sha256.update(piece)
                        target.write(piece)
            if self._digests:
                uri = self._system.unstrip_protocol(place)
                self._digests.note(uri, FileState(size, 0), sha256.digest())

    def delete(self, path: str) -> None:
        """Remove a file or a folder with all in it. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        place = self._place(path)
        with self._told_plainly():
            if not self._system.exists(place):
                raise missing(f"there is no artifact {path!r}")
            self._system.rm(place, recursive=True)
        if self._digests:
            self._digests.forget(self._system.unstrip_protocol(place))

    def copy_in(self, source: Path, path: str) -> None:
        """Store a copy of the file ``source`` as ``path``, whole or not at all."""
        with source.open("rb") as reader, self.writing(path) as writer:
            shutil.copyfileobj(reader, writer, _IN_MEMORY)

    def copy_out(self, path: str, destination: Path) -> None:
        """Copy the file or folder ``path`` to ``destination``, which must not exist."""
        children = self.list(path)
        if children and not self._is_file(path):
            destination.mkdir(parents=True)
            for child in children:
                self.copy_out(child.path, destination / Path(child.path).name)
            return
        self.size(path)
        destination.parent.mkdir(parents=True, exist_ok=True)
        with self.reading(path) as stream, destination.open("wb") as file:
            shutil.copyfileobj(stream, file, _IN_MEMORY)

    def digest(self, path: str) -> Digest:
        """The size and digest of a file, noted or read now."""
        if noted := self.known_digest(path):
            return noted
        sha256, size = hashlib.sha256(), 0
        with self.reading(path) as stream:
            while piece := stream.read(_IN_MEMORY):
                sha256.update(piece)
                size += len(piece)
        return Digest(size, sha256.hexdigest())

    def known_digest(self, path: str) -> Digest | None:
        """The size and digest of a file where they are noted; it is not read for them."""
        state = FileState(self.size(path), 0)
        if self._digests is None:
            return None
        return self._digests.noted(self._system.unstrip_protocol(self._place(path)), state)

    def _place(self, path: str) -> str:
        return "/".join((self._base, *parts_of(path)))

    def _is_folder(self, place: str) -> bool:
        with self._told_plainly():
            return bool(self._system.isdir(place))

    def _is_file(self, path: str) -> bool:
        with self._told_plainly():
            return bool(parts_of(path) and self._system.isfile(self._place(path)))

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        """Convert errors of the object store, whose libraries can raise anything, to ours."""
        try:
            yield
        except TrackingError:
            raise
        except FileNotFoundError as error:
            raise missing(f"there is no artifact {error}") from error
        except Exception as error:
            message = f"the artifacts cannot be reached: {type(error).__name__}: {error}"
            raise TrackingError(message, code="TEMPORARILY_UNAVAILABLE") from error


def _key(entry: Mapping[str, Any]) -> str:
    return str(entry["name"]).strip("/")


def _artifact(prefix: str, entry: Mapping[str, Any]) -> Artifact:
    is_dir = entry["type"] == "directory"
    name = _key(entry).rpartition("/")[2]
    return Artifact(f"{prefix}{name}", is_dir, None if is_dir else int(entry["size"] or 0))
