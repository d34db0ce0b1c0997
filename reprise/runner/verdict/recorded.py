"""One of the two runs: what the store and its record say, and its files, read when they are asked for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from reprise.errors import TrackingError
from reprise.file_lock import scratch
from reprise.runner.record.records import read_record
from reprise.runner.verdict.files.archives import LARGEST
from reprise.runner.verdict.words.known_texts import FOLDER, Aside, collect_names
from reprise.schemas import tags
from reprise.schemas.entities import LoggedModel, Metric, Run
from reprise.schemas.job import RunStatus
from reprise.schemas.record import run_files
from reprise.schemas.record.run_record import ArtifactRecord, MachineRecord, RunRecord
from reprise.tracking.artifacts.digests import read_digest
from reprise.tracking.base import Tracking

_DRAWN = re.compile(r"[a-z]+-[a-z]+-\d+")  # a random name; a name set by a user may be a word in a result


class Recorded:
    """A run in a store; ``folders`` are other paths of its source that its texts may contain.

    ``parent`` is the run that it is nested in, ``kin`` are texts of its child and sibling runs, as
    :attr:`names`. ``predicted`` are the predictions of its models, by folder. ``opens_folders``:
    repositories on this machine named in its texts may be opened; not if other users write such texts and
    see the content.
    """

    def __init__(
        self,
        tracking: Tracking,
        run: Run,
        scratch: Path,
        folders: tuple[str, ...] = (),
        *,
        parent: Recorded | None = None,
        opens_folders: bool = True,
    ) -> None:
        self.tracking = tracking
        self.run = run
        self.opens_folders = opens_folders
        self._scratch = scratch / run.run_id
        self._folders = folders
        self.parent = parent
        self.kin: Mapping[str, str] = parent.names if parent else {}
        self._listed: dict[str | None, Mapping[str, int | None]] = {}
        self._records: dict[str | None, Mapping[str, ArtifactRecord]] = {}
        self.predicted: dict[Path, Any] = {}

    @property
    def run_id(self) -> str:
        return self.run.run_id

    @property
    def record(self) -> RunRecord | None:
        """None where there is none, or where it cannot be read: then :attr:`record_fault` says why."""
        return self._read_record[0]

    @property
    def record_fault(self) -> str:
        return self._read_record[1]

    @cached_property
    def _read_record(self) -> tuple[RunRecord | None, str]:
        try:
            return read_record(self.tracking, self.run_id), "it has no record of reprise"
        except TrackingError as error:
            return None, error.message

    @property
    def is_nested(self) -> bool:
        """Whether another run gave it its parameters."""
        return self.parent is not None

    @property
    def has_ended(self) -> bool:
        return RunStatus(self.run.status).has_ended

    @property
    def has_failed(self) -> bool:
        return RunStatus(self.run.status) in (RunStatus.FAILED, RunStatus.KILLED)

    def has_project_of(self, other: Recorded) -> bool:
        """Whether it is of the project, in the same folder or at the same address, that ``other`` is of."""
        if self.record is None or other.record is None:
            return False
        one, another = self.record.source, other.record.source
        return (one.uri.partition("#")[0], one.subdirectory) == (
            another.uri.partition("#")[0],
            another.subdirectory,
        )

    @property
    def names(self) -> Mapping[str, str]:
        """The literal texts that are of this run alone, and what each is."""
        return {**self.kin, **self._own_names}

    @cached_property
    def _own_names(self) -> Mapping[str, str]:
        folder, _, _ = self.run.tags.get(tags.SOURCE_NAME, "").partition("#")
        sources = [folder, self.record.source.uri.partition("#")[0] if self.record else "", *self._folders]
        return collect_names(
            [
                (self.run.run_id, "run id"),
                (self.run.run_name if _DRAWN.fullmatch(self.run.run_name) else None, "run name"),
                (self.run.artifact_uri, "artifact location"),
                (self.run.tags.get(tags.JOB), "job"),
                *((model.model_id, f"model id {n}") for n, model in enumerate(self.models.values(), 1)),
                *((_place_of(source), FOLDER) for source in sources if "/" in source),
                *((place, role) for role, place in (self.record.places if self.record else {}).items()),
            ]
        )

    def open_nested(self, run: Run) -> Recorded:
        """A run that is nested in this one."""
        return Recorded(
            self.tracking,
            run,
            self._scratch,
            self._folders,
            parent=self,
            opens_folders=self.opens_folders,
        )

    @property
    def machine(self) -> MachineRecord | None:
        """That of the run, which is its parent's where a script has opened it."""
        if self.record is not None or self.parent is None:
            return self.record.machine if self.record else None
        return self.parent.machine

    @property
    def processes(self) -> frozenset[int]:
        """The numbers of its processes, as far as they were observed."""
        observed = self.record.observed if self.record else None
        return frozenset(process.pid for process in observed.processes) if observed else frozenset()

    def make_aside(self, other: Recorded) -> Aside:
        """Return the texts specific to this run; texts that both runs have are kept.

        Folders are not: a reproduction has the folder of the original in its texts.
        """
        theirs = other.names
        own = {text: role for text, role in self.names.items() if role == FOLDER or text not in theirs}
        machine = self.machine
        return Aside(
            own,
            self.run.start_time,
            self.run.end_time,
            host=machine.host if machine else None,
            processes=self.processes,
            offset=machine.utc_offset if machine else None,
        )

    def metric_history(self, key: str) -> list[Metric]:
        return list(self.tracking.metric_history(self.run_id, key))

    @cached_property
    def models(self) -> Mapping[str, LoggedModel]:
        """Return the logged models of the run by name and step."""
        found: dict[str, LoggedModel] = {}
        for link in self.run.model_outputs:
            model = self.tracking.get_logged_model(link.model_id)
            name = model.name if not link.step else f"{model.name} (step {link.step})"
            alike = sum(1 for known in found if known == name or known.startswith(f"{name} #"))
            found[f"{name} #{alike + 1}" if alike else name] = model
        return found

    def file_sizes(self, owner: str | None = None) -> Mapping[str, int | None]:
        """Path to size of the files of the run, or of a logged model; without those of reprise itself."""
        if owner not in self._listed:
            self._listed[owner] = dict(self._walk_folder(owner or self.run_id, ""))
        return self._listed[owner]

    def list_paths(self, owner: str | None = None) -> list[str]:
        """The files that are there, and those that the run left and that are gone."""
        left = (path for path in self._recorded_files(owner) if owner or path not in run_files.OWN_FILES)
        return sorted({*self.file_sizes(owner), *left})

    def is_gone(self, path: str, owner: str | None = None) -> bool:
        """Return whether the run stored the file, and it no longer exists."""
        return path in self._recorded_files(owner) and path not in self.file_sizes(owner)

    def _walk_folder(self, owner: str, folder: str) -> Iterator[tuple[str, int | None]]:
        for item in self.tracking.list_artifacts(owner, folder):
            if item.is_dir:
                yield from self._walk_folder(owner, item.path)
            elif owner != self.run_id or item.path not in run_files.OWN_FILES:
                yield item.path, item.size

    def digest_file(self, path: str, owner: str | None = None) -> str:
        """The digest of a file, as ``sha256:...``; the record's is taken where the store is elsewhere.

        Raises:
            TrackingError: it cannot be read, or is not what the run left there.
        """
        noted = self._recorded_files(owner).get(path)
        if (stored := self.tracking.artifact_digest(owner or self.run_id, path)) is not None:
            found = f"sha256:{stored.sha256}"
        elif noted and noted.digest and noted.size == self.file_sizes(owner).get(path):
            return noted.digest
        else:
            found = f"sha256:{read_digest(self.copy_file(path, owner)).sha256}"
        if noted and noted.digest and noted.digest != found:
            raise TrackingError(
                f"it was changed after run {self.run_id[:8]} had ended", code="INVALID_STATE"
            )
        return found

    def _recorded_files(self, owner: str | None) -> Mapping[str, ArtifactRecord]:
        """What the record says of the files of the run, or of a logged model, as they were at its end."""
        if owner not in self._records:
            self._records[owner] = {item.path: item for item in self._kept_records(owner)}
        return self._records[owner]

    def _kept_records(self, owner: str | None) -> tuple[ArtifactRecord, ...]:
        if self.record is None:
            return ()
        if owner is None:
            return (*self.record.artifacts, *self.record.logs)
        return next((model.files for model in self.record.models if model.model_id == owner), ())

    def copy_file(self, path: str, owner: str | None = None) -> Path:
        """A copy of a file."""
        return self._copy_artifacts("files", path, owner)

    def copy_folder(self, path: str, owner: str | None = None) -> Path:
        """A copy of a folder with all in it."""
        return self._copy_artifacts("folders", path, owner)

    def _copy_artifacts(self, kind: str, path: str, owner: str | None) -> Path:
        place = self._scratch / kind / (owner or "run") / path
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            self.tracking.download_artifact(owner or self.run_id, path, place)
        return place

    def forget_files(self) -> None:
        """Remove the copies of its files."""
        shutil.rmtree(self._scratch, ignore_errors=True)

    def read_file(self, path: str, owner: str | None = None) -> bytes:
        """The bytes of a file; of one that is too large to be looked into, one more than that."""
        with self.copy_file(path, owner).open("rb") as stream:
            return stream.read(LARGEST + 1)

    def read_output(self, name: str) -> bytes:
        """What it printed; a log that was empty is not kept everywhere."""
        try:
            return self.read_file(name)
        except TrackingError as error:
            is_empty = (
                self.record is not None and self.record.ended and name not in self._recorded_files(None)
            )
            if is_empty and error.code == "RESOURCE_DOES_NOT_EXIST":
                return b""
            raise


def _place_of(uri: str) -> str:
    """The folder that a source names, or else its address."""
    text = unquote(uri.removeprefix("file://")) if uri.startswith("file://") else uri
    return text.rstrip("/")


@contextmanager
def open_both(
    tracking: Tracking,
    original: Run,
    again: Run,
    *,
    folders: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    opens_folders: bool = True,
) -> Iterator[tuple[Recorded, Recorded]]:
    """Two runs of a store, whose files are copied to a folder that is removed behind the block."""
    with scratch() as folder:
        yield (
            Recorded(tracking, original, folder, folders[0], opens_folders=opens_folders),
            Recorded(tracking, again, folder, folders[1], opens_folders=opens_folders),
        )
