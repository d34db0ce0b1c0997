"""An MLflow server as the destination of a copy: what ``reprise push`` writes to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from reprise.errors import TrackingError
from reprise.file_lock import scratch
from reprise.schemas.tags import COPY_INCOMPLETE
from reprise.schemas.traces.spans import SPANS_FILE
from reprise.tracking.copy.server.experiments import PushedExperiments
from reprise.tracking.copy.server.models import PushedModels
from reprise.tracking.copy.server.names import name_here, name_there
from reprise.tracking.copy.server.registry import PushedRegistry
from reprise.tracking.copy.server.runs import PushedRuns
from reprise.tracking.copy.server.traces import PushedTraces
from reprise.tracking.copy.server.versions import PushedVersions
from reprise.tracking.protocols.copying import CopyPlace, SourceFile
from reprise.tracking.rest.artifacts import ArtifactPlace
from reprise.tracking.rest.artifacts import place as artifact_place
from reprise.tracking.rest.models import logged_model_path
from reprise.tracking.rest.store import RestTracking


class RestDestination(
    PushedExperiments, PushedRuns, PushedModels, PushedTraces, PushedRegistry, PushedVersions
):
    """Satisfies ``Destination``. Names of files that servers refuse or change are encoded."""

    @classmethod
    def at(cls, uri: str) -> RestDestination:
        return cls(RestTracking(uri))

    def list_files(self, place: CopyPlace) -> Mapping[str, SourceFile]:
        return {file.path: file for file in self._list_files(place, "")}

    def put_file(self, place: CopyPlace, source: Path, path: str) -> None:
        self._artifacts_at(place).send(source, name_there(path))

    def digest_file(self, place: CopyPlace, path: str) -> str:
        with scratch() as folder:
            file = Path(folder) / "artifact"
            self._artifacts_at(place).fetch(name_there(path), file)
            with file.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()

    def finish_copy(self, place: CopyPlace, *, saw_files: bool) -> None:
        call = self.tracking.connection.call
        if place.kind == "run" and COPY_INCOMPLETE in self.tracking.get_run(place.id).tags:
            body = {"run_id": place.id, "key": COPY_INCOMPLETE}
            call("POST", "runs/delete-tag", json=body, repeatable=False)
        elif place.kind == "model" and COPY_INCOMPLETE in self.tracking.get_logged_model(place.id).tags:
            call("DELETE", f"{logged_model_path(place.id)}/tags/{COPY_INCOMPLETE}", repeatable=False)

    def close(self) -> None:
        self.tracking.close()

    def _list_files(self, place: CopyPlace, folder: str) -> Iterator[SourceFile]:
        if place.kind == "trace":
            yield from self._list_spans(place)
            return
        for artifact in self.tracking.list_artifacts(place.id, folder):
            if artifact.is_dir:
                yield from self._list_files(place, artifact.path)
            else:
                yield SourceFile(name_here(artifact.path), artifact.size)

    def _list_spans(self, place: CopyPlace) -> Iterator[SourceFile]:
        """Of a trace a server lists no files; its spans are fetched to see them."""
        with scratch() as folder:
            file = folder / SPANS_FILE
            try:
                self._artifacts_at(place).fetch(SPANS_FILE, file)
            except TrackingError:
                return
            yield SourceFile(SPANS_FILE, file.stat().st_size)

    def _artifacts_at(self, place: CopyPlace) -> ArtifactPlace:
        if place.kind == "trace":
            location = self.trace_location(place.id)
            if location is None:
                raise TrackingError("the server says no place for the files of the trace")
            return artifact_place(self.tracking.connection, location)
        return self.tracking.artifact_place(place.id)
