"""What a path that a process of a run used is on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from reprise.envs.base import PLACES


class ProcessPlaces:
    """Paths with their folders resolved; the last part stays: a link in a project is of the project.

    ``mapped`` are folders of a container by what they are outside; then all others are of its image.
    """

    def __init__(self, mapped: Mapping[str, str] | None) -> None:
        self._mapped = mapped
        self._folders: dict[str, str] = {}

    @classmethod
    def read_places(cls, notes: Path) -> Self:
        """As the manager of the environment left it beside the notes, if processes see other paths."""
        try:
            return cls(json.loads((notes / PLACES).read_bytes()))
        except FileNotFoundError:
            return cls(None)

    @property
    def in_container(self) -> bool:
        """Whether paths are those of a container."""
        return self._mapped is not None

    def find_real(self, path: str) -> str | None:
        """Return the path of the file on this machine, or None."""
        if self._mapped is not None:
            around = [folder for folder in self._mapped if f"{path}/".startswith(f"{folder}/")]
            if not around:
                return None
            nearest = max(around, key=len)
            path = self._mapped[nearest] + path[len(nearest) :]
        folder, name = os.path.split(path)
        if name in ("", ".", ".."):
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return f"{self._folders[folder].rstrip('/')}/{name}"
