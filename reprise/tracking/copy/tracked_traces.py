"""Traces as a tracking store shows them: the embedded one, or a server over REST."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from reprise.errors import TrackingError
from reprise.schemas.entities import Trace
from reprise.schemas.traces.spans import IN_STORE, LOCATION, SPANS_FILE, SPANS_LOCATION, spans_document
from reprise.tracking.artifacts.files import Artifacts, at_location
from reprise.tracking.base import Tracking
from reprise.tracking.protocols.copying import Fault, Note, SourceFile, SourceTrace
from reprise.tracking.protocols.store import TrackingStore

_AT_ONCE = 100


class TraceReader(Protocol):
    def read_traces(self, experiment_id: str) -> Iterator[SourceTrace | Fault | Note]: ...

    def list_files(self, trace: Trace) -> Iterator[SourceFile | Fault]: ...

    def download_file(self, trace: Trace, path: str, destination: Path) -> None: ...


def trace_reader(tracking: Tracking) -> TraceReader:
    """What reads the traces of ``tracking``."""
    from reprise.tracking.rest.store import RestTracking

    if (store := tracking.own_store) is not None:
        return EmbeddedTraces(store)
    if isinstance(tracking, RestTracking):
        from reprise.tracking.copy.rest_traces import RestTraces

        return RestTraces(tracking)
    return NoTraces(tracking.uri)


class EmbeddedTraces:
    def __init__(self, store: TrackingStore) -> None:
        self._store = store

    def read_traces(self, experiment_id: str) -> Iterator[SourceTrace]:
        token: str | None = None
        while True:
            page = self._store.search_traces([experiment_id], max_results=_AT_ONCE, page_token=token)
            yield from (
                SourceTrace(trace, self._store.runs_of_trace(trace.trace_id)) for trace in page.items
            )
            if page.next_token is None:
                return
            token = page.next_token

    def list_files(self, trace: Trace) -> Iterator[SourceFile]:
        if _is_in_store(trace):
            yield SourceFile(SPANS_FILE, len(self._read_spans(trace)))
        yield from _list_files(self._artifacts_of(trace), "")

    def download_file(self, trace: Trace, path: str, destination: Path) -> None:
        if path == SPANS_FILE and _is_in_store(trace):
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_bytes(self._read_spans(trace))
        else:
            self._artifacts_of(trace).copy_out(path, destination)

    def _read_spans(self, trace: Trace) -> bytes:
        return spans_document(self._store.span_contents(trace.trace_id))

    def _artifacts_of(self, trace: Trace) -> Artifacts:
        return at_location(trace.tags[LOCATION], self._store.artifacts)


class NoTraces:
    """Of a store that only the MLflow library reads."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def read_traces(self, experiment_id: str) -> Iterator[Note]:
        yield Note(f"traces of {self._uri} are not looked for: it is read through the MLflow library")

    def list_files(self, trace: Trace) -> Iterator[SourceFile]:
        yield from ()

    def download_file(self, trace: Trace, path: str, destination: Path) -> None:
        raise TrackingError("it has no traces", code="RESOURCE_DOES_NOT_EXIST")


def _is_in_store(trace: Trace) -> bool:
    return trace.tags.get(SPANS_LOCATION) == IN_STORE


def _list_files(artifacts: Artifacts, folder: str) -> Iterator[SourceFile]:
    for artifact in artifacts.list(folder):
        if artifact.is_dir:
            yield from _list_files(artifacts, artifact.path)
        else:
            yield SourceFile(artifact.path, artifact.size)
