"""Find the artifacts of an MLflow store that is read without its server.

The store is not trusted: a root is only used where MLflow would have created it (``.../<id>/artifacts``),
and only below the folder of the store or the user's folder: other places may contain the user's own files.
It is searched in the user's folder, in the store, at its recorded location, and by the end of its path next
to the store, since stores are moved. A missing folder is ambiguous: whether a run had no files, or they are
not here, is decided by the other files below its root.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reprise.errors import TrackingError
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import LoggedModel, Run
from reprise.tracking.artifacts.locations import ArtifactLocation, read_location
from reprise.tracking.copy.artifacts.cloud import cloud_files, fetch_cloud_file
from reprise.tracking.copy.artifacts.walk import link_fault, walk_files
from reprise.tracking.protocols.copying import (
    Fault,
    Owner,
    SourceFile,
    UnreachableFile,
    Unseen,
    identity_of,
    title_of,
)
from reprise.tracking.sqlite.run_store import DATABASE_NAME

_LONGEST_TAIL = 8
_HINT = "--artifacts DIR names the folder they are in; --no-artifacts goes without"
_MOST_FAILURES = 3
"""After so many of a cloud root it is not asked any more: each may take minutes."""


class Beside(NamedTuple):
    """The folders of a source: relative roots are relative to ``start``.

    ``own`` are the folders that belong to it, in which links are followed; ``folders`` are all search
    folders; ``made`` are those that existed before the copy.
    """

    start: Path
    own: Sequence[Path]
    folders: Sequence[Path]
    made: frozenset[Path]

    @classmethod
    def of(cls, start: Path, own: Sequence[Path], others: Sequence[Path]) -> Beside:
        folders = [*own, *others]
        made = [folder for folder in folders if folder.is_dir() and not (folder / DATABASE_NAME).exists()]
        return cls(start, own, folders, frozenset(folder.resolve() for folder in made))


class Roots:
    """``given`` is the folder that the user named."""

    def __init__(self, given: Path | None, beside: Beside) -> None:
        self._given = given
        self._beside = beside
        self._inside = [folder.resolve() for folder in (*beside.own, *([given] if given else ()))]
        self._reached: set[str] = set()
        self._failures: dict[str, list[UnreachableFile]] = {}

    def files(
        self, owner: Owner, uri: str, own: Path | None = None
    ) -> Iterator[SourceFile | Fault | Unseen | UnreachableFile]:
        """Every file below the root of ``owner``; ``own`` is its folder in the store, if it has one."""
        location = _parse_location(owner, uri)
        folder = self._find_folder(location, own)
        if folder is not None:
            inside = [*self._inside, _root_of(folder, location).resolve()]
            if reason := _link_fault(folder, inside):
                yield UnreachableFile(str(folder), reason.replace("it is", "is", 1))
                return
            self._reached.add(location.root)
            yield from walk_files(folder, inside, title_of(owner))
        elif location.is_cloud:
            yield from self._iterate_cloud(location)
        elif (
            (written := self._written_folder(location))
            and written.is_dir()
            and not self._is_beside(written)
        ):
            yield Unseen(location.root, "is outside the store, where it is not followed", _HINT)
        elif not self._is_empty_where_it_was(location, own):
            yield Unseen(location.root, "is not here, or holds none of them", _HINT)

    def is_reached(self, root: str) -> bool:
        return root in self._reached

    @contextmanager
    def file(self, owner: Owner, uri: str, path: str, own: Path | None = None) -> Iterator[Path]:
        location = _parse_location(owner, uri)
        folder = self._find_folder(location, own)
        if folder is not None:
            yield folder / path
            return
        with scratch() as fetched:
            fetch_cloud_file(uri, path, Path(fetched) / "artifact")
            yield Path(fetched) / "artifact"

    def _find_folder(self, location: ArtifactLocation, own: Path | None) -> Path | None:
        """The first place where the owner has anything."""
        for candidate in self._candidate_folders(location, own):
            try:
                if candidate.is_dir() and any(candidate.iterdir()) and not _is_ours(candidate):
                    return candidate
            except OSError as error:
                raise TrackingError(f"{candidate} cannot be read: {error.strerror}") from error
        return None

    def _candidate_folders(self, location: ArtifactLocation, own: Path | None) -> Iterator[Path]:
        tails = [Path(*location.path.parts[-length:]) for length in range(_LONGEST_TAIL, 1, -1)]
        tails = [tail for tail in dict.fromkeys(tails) if not tail.is_absolute()]
        if self._given:
            yield from (self._given / tail for tail in tails)
        if own is not None:
            yield own
        if (written := self._written_folder(location)) is not None and self._is_beside(written):
            yield written
        for folder in self._beside.folders:
            yield from (folder / tail for tail in tails[:-1])

    def _written_folder(self, location: ArtifactLocation) -> Path | None:
        """The folder of this machine where the store says that the files are."""
        return None if location.local is None else self._beside.start / location.local

    def _is_beside(self, folder: Path) -> bool:
        """Return whether it is in the folder of the store, after resolving links."""
        return folder.resolve().is_relative_to(self._beside.start.resolve())

    def _is_empty_where_it_was(self, location: ArtifactLocation, own: Path | None) -> bool:
        """Whether the folder is where it was made, with nothing in it, or would have been made with the
        first file: the store was not moved, and what is here is all that there was.
        """
        written = location.local
        if self._given or written is None:
            return own is not None and own.is_dir() and self._is_moved_store(location)
        here = self._beside.start / written
        root = (self._beside.start / location.root).resolve()
        if here.is_dir() or root in self._beside.made:
            return True
        return own is not None and own.is_dir() and self._is_moved_store(location)

    def _is_moved_store(self, location: ArtifactLocation) -> bool:
        """Whether the root that was written is the folder of the store, as it was called then."""
        return Path(location.root).name == self._beside.folders[0].name

    def _iterate_cloud(self, location: ArtifactLocation) -> Iterator[SourceFile | UnreachableFile]:
        failures = self._failures.setdefault(location.root, [])
        if len(failures) < _MOST_FAILURES:
            try:
                yield from cloud_files(location.uri)
                return
            except TrackingError as error:
                failures.append(UnreachableFile(location.root, error.message, error.hint))
        yield failures[0]


def artifact_uri(owner: Owner) -> str:
    """Where the artifacts of an owner were written."""
    if isinstance(owner, Run | LoggedModel):
        return owner.artifact_uri
    return owner.tags.get("mlflow.artifactLocation", "")


def _parse_location(owner: Owner, uri: str) -> ArtifactLocation:
    location = read_location(uri, identity_of(owner))
    if location is None:
        raise TrackingError(f"its artifacts are said to be at {uri!r}, where MLflow would not keep them")
    return location


def _root_of(folder: Path, location: ArtifactLocation) -> Path:
    """The folder that holds those of all experiments, where it is one by the names in it."""
    depth = location.depth
    is_below = folder.parts[-depth:] == location.path.parts[-depth:]
    return folder.parents[depth - 1] if is_below and len(folder.parents) >= depth else folder


def _link_fault(folder: Path, inside: Sequence[Path]) -> str | None:
    for part in (folder, folder.parent):
        if part.is_symlink() and (reason := link_fault(part, inside)):
            return reason
    return None


def _is_ours(candidate: Path) -> bool:
    """Return whether it is the artifact folder of our own store, which may replace MLflow's."""
    for parent in candidate.parents:
        if parent.name == "artifacts" and (parent.parent / DATABASE_NAME).exists():
            return True
    return False
