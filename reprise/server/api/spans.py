"""Spans over the wire: OpenTelemetry's ``POST /v1/traces``, and traces read back with their spans."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Annotated

import msgspec
from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from reprise.errors import TrackingError
from reprise.schemas.entities import Trace
from reprise.schemas.traces.otlp import SentSpan, read_json_spans, read_protobuf_spans
from reprise.schemas.traces.spans import (
    IN_STORE,
    SPANS_FILE,
    SPANS_LOCATION,
    as_span,
    otlp_shape,
    spans_document,
)
from reprise.server.api import wire
from reprise.server.api.artifacts import artifact_response, store_of
from reprise.server.api.traces import V3, trace_shape
from reprise.server.api.wire import (
    Answer,
    Verb,
    Word,
    invalid,
)
from reprise.server.http.access import Role
from reprise.server.http.bodies import collect_body
from reprise.server.http.ranges import ANYTHING, keeping_headers
from reprise.server.http.roles import RoleRoute
from reprise.tracking.artifacts.names import normalize_path
from reprise.tracking.protocols.store import TrackingStore

_PROTOBUF = "application/x-protobuf"
_EXPERIMENT = "x-mlflow-experiment-id"
RUN = "x-mlflow-run-id"
"""The header that names the run in which the traces are made."""
LARGEST = 64 << 20
"""Bytes of spans in one request, after they are unpacked."""
_MOST_AT_ONCE = 500
_SIZES = "mlflow.trace.sizeStats"


class GetTrace(wire.Request):
    trace_id: Word
    allow_partial: bool = False


class GetTraces(wire.Request):
    trace_ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=_MOST_AT_ONCE)]
    experiment_ids: tuple[str, ...] | None = None


def get(store: TrackingStore, request: GetTrace) -> Answer:
    trace = store.get_trace(request.trace_id)
    contents = store.span_contents(trace.trace_id)
    if not request.allow_partial and not _is_whole(trace, len(contents)):
        raise TrackingError(
            f"Trace with ID {trace.trace_id} is not fully exported yet: {len(contents)} spans are here",
            code="RESOURCE_DOES_NOT_EXIST",
        )
    return {"trace": _with_spans(trace, contents)}


def get_several(store: TrackingStore, request: GetTraces) -> Answer:
    answers = []
    for trace in store.get_traces(request.trace_ids):
        if request.experiment_ids is None or trace.experiment_id in request.experiment_ids:
            contents = store.span_contents(trace.trace_id)
            if contents and _is_whole(trace, len(contents)):
                answers.append(_with_spans(trace, contents))
    return {"traces": answers} if answers else {}


def _is_whole(trace: Trace, spans: int) -> bool:
    """Whether as many spans are here as the client says that it made."""
    try:
        expected = int(msgspec.json.decode(trace.metadata.get(_SIZES, "{}")).get("num_spans", 0))
    except (msgspec.DecodeError, AttributeError, TypeError, ValueError):
        return True
    return spans >= expected


def _with_spans(trace: Trace, contents: Sequence[str]) -> Answer:
    return {"trace_info": trace_shape(trace), "spans": [otlp_shape(content) for content in contents]}


async def export(request: Request) -> Response:
    """``POST /v1/traces``: spans in protobuf or JSON, for the experiment that a header names."""
    experiment_id = request.headers.get(_EXPERIMENT, "")
    if not experiment_id:
        raise TrackingError(f"Missing value for required header {_EXPERIMENT!r}", code="UNPROCESSABLE")
    kind = _kind(request.headers)
    if kind not in (_PROTOBUF, "application/json"):
        raise invalid(f"Invalid Content-Type: {kind!r}; it is {_PROTOBUF} or application/json")
    body = await collect_body(request, LARGEST)
    sent = await to_thread.run_sync(read_spans, request.headers, body)
    store, run_id = store_of(request), request.headers.get(RUN)
    limiter = request.app.state.writers
    await to_thread.run_sync(_keep, store, experiment_id, run_id, sent, limiter=limiter)
    return exported(request.headers)


def read_spans(headers: Headers, body: bytes) -> Sequence[SentSpan]:
    """The spans that a request sends, at least one. ``INVALID_PARAMETER_VALUE`` when it sends none."""
    unpacked = _unpack(body, headers.get("content-encoding", ""))
    try:
        sent = read_protobuf_spans(unpacked) if _kind(headers) == _PROTOBUF else read_json_spans(unpacked)
    except ValueError as error:
        raise invalid(f"Invalid OpenTelemetry format: {error}") from None
    if not sent:
        raise invalid("Invalid OpenTelemetry format - no spans found")
    return sent


def exported(headers: Headers) -> Response:
    """The answer to a request whose spans were taken, in the format in which they came."""
    kind = _kind(headers)
    return Response(b"" if kind == _PROTOBUF else b"{}", media_type=kind)


def _kind(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip()


def _keep(store: TrackingStore, experiment_id: str, run_id: str | None, sent: Sequence[SentSpan]) -> None:
    try:
        spans = [(as_span(span), span.resource) for span in sent]
    except ValueError as error:
        message = f"Cannot convert OpenTelemetry span to MLflow span: {error}"
        raise TrackingError(message, code="UNPROCESSABLE") from None
    store.log_spans(experiment_id, spans)
    if run_id:
        done = {span.trace_id: None for span, _ in spans if span.parent_id is None}
        store.link_traces([*done], run_id)


def _unpack(body: bytes, encoding: str) -> bytes:
    """The body as it was before it was packed. A small one that unpacks to a huge one is refused."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise invalid(f"Unsupported Content-Encoding: {encoding}")
    # wbits: with gzip's head, or with that of zlib, or (some clients) without any
    for wbits in (31,) if encoding == "gzip" else (15, -15):
        unpacker = zlib.decompressobj(wbits)
        try:
            unpacked = unpacker.decompress(body, LARGEST + 1)
        except zlib.error:
            continue
        if len(unpacked) > LARGEST:
            raise TrackingError(f"The body is larger than {LARGEST} bytes", code="REQUEST_TOO_LARGE")
        if unpacker.eof:
            return unpacked
    raise invalid(f"Failed to decompress {encoding} payload")


async def spans_file(request: Request) -> Response:
    """``GET get-trace-artifact?request_id=``: the file of the spans, or the attachment ``&path=``."""
    query = request.query_params
    trace_id, path = query.get("request_id"), query.get("path")
    if not trace_id:
        raise invalid("Missing value for required parameter 'request_id'.")
    store = store_of(request)
    trace = await to_thread.run_sync(store.get_trace, trace_id)
    if not path and trace.tags.get(SPANS_LOCATION) == IN_STORE:
        contents = await to_thread.run_sync(store.span_contents, trace_id)
        headers = {**keeping_headers(SPANS_FILE), "Content-Type": ANYTHING}
        return Response(spans_document(contents), headers=headers)
    file = f"attachments/{normalize_path(path)}" if path else SPANS_FILE
    artifacts = await to_thread.run_sync(store.trace_artifacts, trace_id)
    return await artifact_response(request, artifacts, file)


VERBS = (
    Verb("GET", "traces/get", Role.READ, GetTrace, get, V3),
    Verb("GET", "traces/batchGet", Role.READ, GetTraces, get_several, V3),
)

OTLP = RoleRoute("POST", "/v1/traces", Role.WRITE, export)
"""At the root."""

PAGES = (RoleRoute("GET", "/mlflow/get-trace-artifact", Role.READ, spans_file),)
"""Below ``/ajax-api``."""
