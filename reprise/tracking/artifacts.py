"""Artifact names on the wire, and the confined local files that they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

from reprise.schemas.entities import Artifact
from reprise.tracking import validation
from reprise.tracking.names import new_id
from reprise.tracking.rows import missing

PROXY = "mlflow-artifacts:"
_ARRIVING = ".arriving-"


class ArtifactFolder:
    """A folder of artifacts; every ``path`` is relative, with ``/``, and stays inside.

    A path that would leave it (``..``, absolute, backslash, NUL, a symlink on the way) is
    ``INVALID_PARAMETER_VALUE``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def list(self, path: str = "") -> Sequence[Artifact]:
        """The direct children by name, paths relative to the root; empty when there is no such folder."""
        folder = self.inside(path)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        prefix = f"{path}/" if path else ""
        return [_artifact(prefix, entry) for entry in entries if _is_shown(entry)]

    def file(self, path: str) -> Path:
        """The existing file of ``path``. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        file = self.inside(path)
        if not file.is_file():
            raise missing(f"there is no artifact {path!r}")
        return file

    @contextmanager
    def writing(self, path: str) -> Iterator[BinaryIO]:
        """A file to stream into, that becomes ``path`` when the block ends well, else nothing."""
        target = self.inside(path)
        if not path or target.is_dir():
            raise validation.invalid(f"the artifact {path!r} is a folder")
        _make_folder(target.parent, path)
        arriving = target.with_name(f"{_ARRIVING}{new_id()}")
        try:
            with arriving.open("xb") as stream:
                yield stream
            arriving.replace(target)
        finally:
            arriving.unlink(missing_ok=True)

    def delete(self, path: str) -> None:
        """Remove a file or a folder with all in it. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        target = self.inside(path)
        if target.is_dir():
            shutil.rmtree(target)
        else:
            self.file(path).unlink()

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
        if "\0" in path or "\\" in path or path.startswith("/"):
            _refuse(path)
        inside = self.root
        for part in path.split("/") if path else ():
            if not _is_plain(part):
                _refuse(path)
            inside = inside / part
            if inside.is_symlink():
                _refuse(path)
        return inside


def given_location(location: str) -> str:
    """An experiment's own artifact location as it is kept: a local path becomes a ``file:`` URI."""
    if location.startswith(PROXY):
        ArtifactFolder(Path()).inside(_proxy_path(location))
        return location.rstrip("/")
    return _local_path(location).absolute().as_uri()


def local_folder(uri: str, root: Path) -> Path:
    """The folder that an artifact URI of this store means; ``root`` is what the HTTP proxy serves."""
    if uri.startswith(PROXY):
        return ArtifactFolder(root).inside(_proxy_path(uri))
    return _local_path(uri)


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
        f"artifact location {location!r} cannot be used: the store keeps artifacts in local folders",
        hint="give a local path or a file: URI, or log to an MLflow server",
    )


def _is_plain(part: str) -> bool:
    """Whether the part of a path is the name of a file, and one that file systems take."""
    try:
        length = len(part.encode())
    except UnicodeEncodeError:
        return False
    return part not in {".", ".."} and 0 < length <= 255 and not part.startswith(_ARRIVING)


def _make_folder(folder: Path, path: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise validation.invalid(f"the artifact {path!r} would lie inside a file") from None


def _is_shown(entry: os.DirEntry[str]) -> bool:
    return not entry.is_symlink() and not entry.name.startswith(_ARRIVING)


def _artifact(prefix: str, entry: os.DirEntry[str]) -> Artifact:
    is_dir = entry.is_dir(follow_symlinks=False)
    size = None if is_dir else entry.stat(follow_symlinks=False).st_size
    return Artifact(f"{prefix}{entry.name}", is_dir, size)


def _refuse(path: str) -> NoReturn:
    raise validation.invalid(f"artifact path {path!r} is not allowed: it must stay inside its folder")
