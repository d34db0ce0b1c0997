"""Uploads in parts: each part is a file in a folder of its upload, until the artifact is put together."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reprise.errors import missing
from reprise.named_tuple import NamedTuple
from reprise.tracking import validation
from reprise.tracking.artifacts.digests import state_of
from reprise.tracking.artifacts.files import ArtifactFolder, Artifacts, Sink
from reprise.tracking.names import new_id

MOST_PARTS = 10_000
_PIECE = 1 << 20
_ABANDONED = 24 * 3600
"""Seconds after which an incomplete upload is removed, when another one begins."""
_PATH = "path"


class UploadPart(NamedTuple):
    number: int
    etag: str


class PartialUploads:
    """The uploads in parts below ``root``; their ids are random, and are known to their client alone."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def begin(self, path: str) -> str:
        """Start an upload of the artifact ``path``, and return its id."""
        self._sweep()
        upload_id = new_id()
        folder = self._root / upload_id
        folder.mkdir(parents=True)
        (folder / _PATH).write_text(path)
        return upload_id

    @contextmanager
    def writing(self, upload_id: str, number: int) -> Iterator[Sink]:
        """A file to stream a part into; a part that is sent again replaces the first."""
        if not 1 <= number <= MOST_PARTS:
            raise validation.invalid(f"parts are numbered from 1 to {MOST_PARTS}")
        with ArtifactFolder(self._folder(upload_id)).writing(str(number)) as stream:
            yield stream

    def etag(self, upload_id: str, number: int) -> str:
        """The identity of a received part, to distinguish it from another attempt."""
        return _etag(self._folder(upload_id) / str(number))

    def complete(
        self, upload_id: str, path: str, parts: Sequence[UploadPart], artifacts: Artifacts
    ) -> None:
        """Put the artifact together; the parts must be those that arrived."""
        folder = self._folder(upload_id)
        if (folder / _PATH).read_text() != path:
            raise validation.invalid(f"the upload {upload_id} is not one of {path!r}")
        if not parts:
            raise validation.invalid("an upload has at least one part")
        files = [_arrived(folder, part) for part in sorted(parts)]
        with artifacts.writing(path) as target:
            for file in files:
                with file.open("rb") as stream:
                    shutil.copyfileobj(stream, target, _PIECE)
        shutil.rmtree(folder, ignore_errors=True)

    def abort(self, upload_id: str) -> None:
        shutil.rmtree(self._folder(upload_id))

    def _folder(self, upload_id: str) -> Path:
        folder = self._root / upload_id
        if not re.fullmatch("[0-9a-f]{32}", upload_id) or not folder.is_dir():
            raise missing(f"there is no upload {upload_id!r}")
        return folder

    def _sweep(self) -> None:
        if self._root.is_dir():
            for folder in self._root.iterdir():
                if time.time() - folder.stat().st_mtime > _ABANDONED:
                    shutil.rmtree(folder, ignore_errors=True)


def _etag(part: Path) -> str:
    size, changed = state_of(part)
    return f"{size}-{changed}"


def _arrived(folder: Path, part: UploadPart) -> Path:
    file = folder / str(part.number)
    if not file.is_file() or part.etag.strip('"') != _etag(file):
        raise validation.invalid(f"part {part.number} has not arrived, or was sent again")
    return file
