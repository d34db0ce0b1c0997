"""What ``reprise gc`` asks of a store: what was deleted, and its removal for good."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from reprise.named_tuple import NamedTuple

RUN, MODEL, EXPERIMENT = "run", "logged model", "experiment"


class Deleted(NamedTuple):
    """Something that was deleted; ``deleted_time`` is ms since the epoch, ``uri`` its artifact root.

    That of an experiment is the folder of its traces.
    ``used_by`` is the registered model version that has its files, ``job`` the job folder of a run.
    """

    kind: str
    id: str
    name: str
    experiment_id: str
    deleted_time: int
    uri: str
    status: str = ""
    job: str | None = None
    used_by: str | None = None


class GarbageSize(NamedTuple):
    files: int = 0
    bytes: int = 0


class GarbageFiles(NamedTuple):
    """What is removed with an item: its ``places`` (artifact URIs), and the files there."""

    places: Sequence[str]
    size: GarbageSize


class Garbage(Protocol):
    """What was deleted from a store."""

    @property
    def home(self) -> Path:
        """As that of the store."""
        ...

    def require_writable(self) -> None:
        """Raise where the store can be read only, also when there is nothing to write."""
        ...

    def reach_artifacts(self) -> None:
        """Look for the artifact root.

        Raises:
            TrackingError: it does not exist.
        """
        ...

    def deleted(self, before: int) -> Sequence[Deleted]:
        """What was deleted until ``before`` (ms since the epoch): runs and models, then experiments."""
        ...

    def files(self, item: Deleted) -> GarbageFiles:
        """The files that are removed with it.

        Raises:
            TrackingError: their place cannot be reached, so that it is not known what is there.
        """
        ...

    def remove(self, items: Sequence[Deleted]) -> Sequence[Deleted]:
        """Remove those that are deleted still, in one transaction; returns them. Their files are noted."""
        ...

    def drop_files(self, item: Deleted) -> None:
        """Remove the files of something that was deleted, before the thing itself."""
        ...

    def sweep(self) -> set[str]:
        """Remove the files of all that was removed; returns the places whose files are left."""
        ...

    def run_ids(self) -> Sequence[str]:
        """All runs that are there, deleted ones too."""
        ...

    def has_run(self, run_id: str) -> bool: ...

    def text(self, run_id: str, path: str) -> str | None:
        """A text artifact of a run, None when it has none."""
        ...
