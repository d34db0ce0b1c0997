"""The embedded store as the destination of a copy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reprise import durable
from reprise.schemas.tags import COPY_INCOMPLETE
from reprise.schemas.traces.spans import LOCATION
from reprise.tracking.artifacts.files import ArtifactFolder, Artifacts, at_location
from reprise.tracking.protocols.copying import CopyPlace, SourceFile
from reprise.tracking.sqlite.copied import models, runs, traces
from reprise.tracking.sqlite.copied.experiments import CopiedExperiments
from reprise.tracking.sqlite.copied.models import CopiedModels
from reprise.tracking.sqlite.copied.origins import note_files_seen
from reprise.tracking.sqlite.copied.registry import CopiedRegistry
from reprise.tracking.sqlite.copied.runs import CopiedRuns
from reprise.tracking.sqlite.copied.traces import CopiedTraces
from reprise.tracking.sqlite.copied.versions import CopiedVersions
from reprise.tracking.sqlite.logged_models import model_row
from reprise.tracking.sqlite.rows import drop_pair
from reprise.tracking.sqlite.run_rows import run_row
from reprise.tracking.sqlite.run_store import DATABASE_NAME
from reprise.tracking.sqlite.store import EmbeddedStore

_KINDS = {"run": runs.KIND, "model": models.KIND, "trace": traces.KIND}


class EmbeddedDestination(
    CopiedExperiments,
    CopiedRuns,
    CopiedModels,
    CopiedTraces,
    CopiedRegistry,
    CopiedVersions,
    EmbeddedStore,
):
    """Satisfies ``Destination``."""

    DURABILITY = "normal"  # no write waits for the disk; all are on it when the copy is done

    def close(self) -> None:
        super().close()
        durable.sync_files([self.directory / f"{DATABASE_NAME}-wal"])

    def list_files(self, place: CopyPlace) -> Mapping[str, SourceFile]:
        return {file.path: file for file in _list_files(self._artifacts_at(place))}

    def put_file(self, place: CopyPlace, source: Path, path: str) -> None:
        self._artifacts_at(place).copy_in(source, path)

    def digest_file(self, place: CopyPlace, path: str) -> str:
        return self._artifacts_at(place).digest(path).sha256

    def finish_copy(self, place: CopyPlace, *, saw_files: bool) -> None:
        with self._database.writing() as connection:
            if place.kind == "run":
                drop_pair(connection, "run_tag", run_row(connection, place.id).id, COPY_INCOMPLETE)
            elif place.kind == "model":
                number = model_row(connection, place.id).id
                drop_pair(connection, "logged_model_tag", number, COPY_INCOMPLETE)
            if saw_files:
                note_files_seen(connection, _KINDS[place.kind], place.id)
        if place.kind == "trace" and saw_files:
            self.index_trace(place.id)

    def _artifacts_at(self, place: CopyPlace) -> Artifacts:
        if place.kind == "trace":
            return at_location(self.get_trace(place.id).tags[LOCATION], self.artifacts)
        return self.artifacts_of(place.id)


def _list_files(artifacts: Artifacts, folder: str = "") -> list[SourceFile]:
    found: list[SourceFile] = []
    for artifact in artifacts.list(folder):
        if artifact.is_dir:
            found += _list_files(artifacts, artifact.path)
        else:
            found.append(SourceFile(artifact.path, artifact.size, _modified_at(artifacts, artifact.path)))
    return found


def _modified_at(artifacts: Artifacts, path: str) -> float | None:
    """When it was written, in a store of local files."""
    if not isinstance(artifacts, ArtifactFolder):
        return None
    try:
        return artifacts.inside(path).stat().st_mtime
    except OSError:
        return None
