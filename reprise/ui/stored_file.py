"""A file of a run, wherever its store keeps it, of which a page reads a part."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import BinaryIO, Self

from reprise.named_tuple import NamedTuple
from reprise.tracking.artifacts.files import Artifacts


class StoredFile(NamedTuple):
    """``path`` is relative to ``artifacts``; ``size`` in bytes, as it was when we looked."""

    artifacts: Artifacts
    path: str
    size: int

    @classmethod
    def at(cls, artifacts: Artifacts, path: str) -> Self:
        """``RESOURCE_DOES_NOT_EXIST`` when there is no such file."""
        return cls(artifacts, path, artifacts.size(path))

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """``.csv``, in small letters; empty when the name has none."""
        stem, dot, ending = self.name.rpartition(".")
        return f".{ending.lower()}" if stem and dot else ""

    def beside(self, name: str) -> str:
        """The path of another file in the same folder."""
        folder, slash, _ = self.path.rpartition("/")
        return f"{folder}{slash}{name}"

    def reading(self) -> AbstractContextManager[BinaryIO]:
        return self.artifacts.reading(self.path)

    def head(self, length: int) -> bytes:
        """The first bytes, ``length`` at most."""
        with self.reading() as stream:
            return stream.read(min(length, self.size))
