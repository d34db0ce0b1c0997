"""A file of a run in any artifact store; pages read a part of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import BinaryIO, Self

from reprise.named_tuple import NamedTuple
from reprise.tracking.artifacts.files import Artifacts


class StoredFile(NamedTuple):
    """A file; ``path`` is relative to ``artifacts``; ``size`` is in bytes."""

    artifacts: Artifacts
    path: str
    size: int

    @classmethod
    def at(cls, artifacts: Artifacts, path: str) -> Self:
        """Open a file; a missing file is the error ``RESOURCE_DOES_NOT_EXIST``."""
        return cls(artifacts, path, artifacts.size(path))

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """Return the suffix in lower case, such as ``.csv``, or ""."""
        stem, dot, ending = self.name.rpartition(".")
        return f".{ending.lower()}" if stem and dot else ""

    def beside(self, name: str) -> str:
        """Return the path of another file in the same folder."""
        folder, slash, _ = self.path.rpartition("/")
        return f"{folder}{slash}{name}"

    def reading(self) -> AbstractContextManager[BinaryIO]:
        return self.artifacts.reading(self.path)

    def head(self, length: int) -> bytes:
        """Return at most ``length`` first bytes."""
        with self.reading() as stream:
            return stream.read(min(length, self.size))
