"""Artifact names on the wire, and the confined local files that they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from reprise.schemas.entities import Artifact


class ArtifactFolder:
    """A folder of artifacts; every ``path`` is relative, with ``/``, and stays inside.

    A path that would leave it (``..``, absolute, backslash, NUL, a symlink on the way) is
    ``INVALID_PARAMETER_VALUE``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def list(self, path: str = "") -> Sequence[Artifact]:
        """The direct children by name, paths relative to the root; empty when there is no such folder."""
        raise NotImplementedError

    def file(self, path: str) -> Path:
        """The existing file of ``path``. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise NotImplementedError

    @contextmanager
    def writing(self, path: str) -> Iterator[BinaryIO]:
        """A file to stream into, that becomes ``path`` when the block ends well, else nothing."""
        raise NotImplementedError
        yield

    def delete(self, path: str) -> None:
        """Remove a file or a folder with all in it. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise NotImplementedError

    def copy_in(self, source: Path, path: str) -> None:
        """Store a copy of the file ``source`` as ``path``, whole or not at all."""
        raise NotImplementedError

    def copy_out(self, path: str, destination: Path) -> None:
        """Copy the file or folder ``path`` to ``destination``, which must not exist."""
        raise NotImplementedError
