"""Traces on an MLflow server: of 3.x over version 3 of the API, of 2.14 to 2.22 over version 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reprise.errors import TrackingError
from reprise.file_lock import scratch
from reprise.schemas.entities import Trace
from reprise.schemas.traces.spans import LOCATION, SOURCE_RUN, SPANS_FILE
from reprise.tracking.copy.traces import assessment_of, trace_of
from reprise.tracking.protocols.copying import Fault, SourceFile, SourceTrace
from reprise.tracking.rest.artifacts import place
from reprise.tracking.rest.connection import RestConnection, page_query
from reprise.tracking.rest.fields import (
    Json,
    next_page_token,
    pairs,
    parts,
)
from reprise.tracking.rest.store import RestTracking

_SPANS_LOCATION = "mlflow.trace.spansLocation"
_IN_DATABASE = "TRACKING_STORE"
_AT_ONCE = 100
_ABSENT = {"ENDPOINT_NOT_FOUND", "RESOURCE_DOES_NOT_EXIST"}


class RestTraces:
    """Satisfies ``TraceReader``."""

    def __init__(self, tracking: RestTracking) -> None:
        self._connection: RestConnection = tracking.connection

    def read_traces(self, experiment_id: str) -> Iterator[SourceTrace | Fault]:
        """The traces of an experiment; none where the server is older than traces."""
        try:
            for body in self._search_infos(experiment_id):
                yield from read_trace(body, experiment_id)
        except TrackingError as error:
            if error.code != "ENDPOINT_NOT_FOUND":
                raise

    def list_files(self, trace: Trace) -> Iterator[SourceFile | Fault]:
        """Return its spans. A server does not list other files next to them."""
        content = self._fetch_spans(trace)
        if content is not None:
            yield SourceFile(SPANS_FILE, len(content))

    def download_file(self, trace: Trace, path: str, destination: Path) -> None:
        content = self._fetch_spans(trace)
        if path != SPANS_FILE or content is None:
            raise TrackingError(f"the trace has no file {path!r}", code="RESOURCE_DOES_NOT_EXIST")
        destination.write_bytes(content)

    def _search_infos(self, experiment_id: str) -> Iterator[Mapping[str, Any]]:
        location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}}
        token: str | None = None
        while True:
            body = {"locations": [location], "max_results": _AT_ONCE, **page_query(token)}
            try:
                answer = self._connection.call("POST", "traces/search", json=body, api="3.0")
            except TrackingError as error:
                if error.code != "ENDPOINT_NOT_FOUND" or token is not None:
                    raise
                query = {"experiment_ids": experiment_id, "max_results": str(_AT_ONCE)}
                yield from self._connection.items("traces", query, "traces")
                return
            yield from parts(answer, "traces")
            token = next_page_token(answer)
            if token is None:
                return

    def _fetch_spans(self, trace: Trace) -> bytes | None:
        """The file of a trace's spans; None where it has none."""
        try:
            if trace.tags.get(_SPANS_LOCATION) == _IN_DATABASE:
                url = f"{self._connection.uri}/ajax-api/2.0/mlflow/get-trace-artifact"
                with self._connection.reading(f"{url}?request_id={trace.trace_id}") as response:
                    return b"".join(response.iter_bytes())
            if location := trace.tags.get(LOCATION):
                with scratch() as folder:
                    place(self._connection, location).fetch(SPANS_FILE, folder / SPANS_FILE)
                    return (folder / SPANS_FILE).read_bytes()
        except TrackingError as error:
            if error.code not in _ABSENT:
                raise
        return None


def read_trace(body: Mapping[str, Any], experiment_id: str) -> Iterator[SourceTrace | Fault]:
    identity = str(body.get("trace_id") or body.get("request_id") or "")
    owner = f"trace {identity}"
    metadata = "trace_metadata" if body.get("trace_metadata") else "request_metadata"
    try:
        trace = trace_of(body, experiment_id, _read_mapping(body, "tags"), _read_mapping(body, metadata))
    except (ValueError, TypeError, TrackingError) as error:
        yield Fault("traces", owner, "", f"it cannot be read: {error}")
        return
    said = []
    for given in body.get("assessments") or ():
        try:
            said.append(assessment_of(given, identity))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            yield Fault("assessments", owner, str(given)[:60], f"it cannot be read: {error}")
    source = trace.metadata.get(SOURCE_RUN)
    yield SourceTrace(trace._replace(assessments=tuple(said)), (source,) if source else ())


def _read_mapping(body: Json, name: str) -> dict[str, str]:
    given = body.get(name)
    return dict(given) if isinstance(given, Mapping) else pairs(body, name)
