"""Spans as OpenTelemetry's protocol sends them (OTLP over HTTP): protobuf or JSON, read as one value.

Both encodings carry the same messages: resources, each with scopes, each with spans.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from reprise.named_tuple import NamedTuple
from reprise.schemas.traces.protobuf import (
    Fields,
    as_bytes,
    as_messages,
    as_number,
    as_text,
    decode_double,
    decode_signed,
    read_message,
)

Json = Mapping[str, Any]
_DEEPEST = 100  # nested values, as protobuf's own readers allow
_STATUSES = ("UNSET", "OK", "ERROR")


class SpanEvent(NamedTuple):
    name: str
    time: int
    attributes: Mapping[str, Any]


class SpanLink(NamedTuple):
    trace_id: bytes
    span_id: bytes
    attributes: Mapping[str, Any]


class SentSpan(NamedTuple):
    """A span as it was sent. Times are ns since the epoch; ``end_time`` is None while it is open."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    start_time: int
    end_time: int | None
    status: str
    message: str
    attributes: Mapping[str, Any]
    events: tuple[SpanEvent, ...]
    links: tuple[SpanLink, ...]
    resource: Mapping[str, Any]


def read_protobuf_spans(body: bytes) -> list[SentSpan]:
    """The spans of an ``ExportTraceServiceRequest``. Raises ValueError: it is none."""
    return [
        _read_span(fields, _read_attributes(resource, 1))
        for group in as_messages(read_message(body), 1)
        for resource in (as_messages(group, 1) or [{}])[-1:]
        for scope in as_messages(group, 2)
        for fields in as_messages(scope, 2)
    ]


def read_json_spans(body: bytes) -> list[SentSpan]:
    """The same request in JSON, where ids are in hexadecimal. Raises ValueError: it is none."""
    try:
        request = json.loads(body)
        return list(_json_spans(request))
    except (TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ValueError(str(error)) from error


# --- protobuf: the numbers are those of OpenTelemetry's trace.proto and common.proto ---------------


def _read_span(fields: Fields, resource: Mapping[str, Any]) -> SentSpan:
    status = (as_messages(fields, 15) or [{}])[-1]
    return SentSpan(
        trace_id=as_bytes(fields, 1),
        span_id=as_bytes(fields, 2),
        parent_id=as_bytes(fields, 4),
        name=as_text(fields, 5),
        start_time=as_number(fields, 7),
        end_time=as_number(fields, 8) or None,
        status=_name_status(as_number(status, 3)),
        message=as_text(status, 2),
        attributes=_read_attributes(fields, 9),
        events=tuple(
            SpanEvent(as_text(event, 2), as_number(event, 1), _read_attributes(event, 3))
            for event in as_messages(fields, 11)
        ),
        links=tuple(
            SpanLink(as_bytes(link, 1), as_bytes(link, 2), _read_attributes(link, 4))
            for link in as_messages(fields, 13)
        ),
        resource=resource,
    )


def _read_attributes(fields: Fields, number: int, depth: int = 0) -> dict[str, Any]:
    return {
        as_text(pair, 1): _read_value((as_messages(pair, 2) or [{}])[-1], depth)
        for pair in as_messages(fields, number)
    }


def _read_value(fields: Fields, depth: int) -> Any:
    if depth > _DEEPEST:
        raise ValueError("a value is nested too deeply")
    for number in fields:
        match number:
            case 1:
                return as_text(fields, 1)
            case 2:
                return bool(as_number(fields, 2))
            case 3:
                return decode_signed(as_number(fields, 3))
            case 4:
                return decode_double(as_number(fields, 4))
            case 5:
                values = (as_messages(fields, 5) or [{}])[-1]
                return [_read_value(value, depth + 1) for value in as_messages(values, 1)]
            case 6:
                return _read_attributes((as_messages(fields, 6) or [{}])[-1], 1, depth + 1)
            case 7:
                return base64.b64encode(as_bytes(fields, 7)).decode()
    return None


def _name_status(code: int) -> str:
    return _STATUSES[code] if code < len(_STATUSES) else _STATUSES[0]


# --- JSON ------------------------------------------------------------------------------------------


def _json_spans(request: Json) -> Iterator[SentSpan]:
    for group in request.get("resourceSpans") or ():
        resource = _json_attributes((group.get("resource") or {}).get("attributes"))
        for scope in group.get("scopeSpans") or ():
            for span in scope.get("spans") or ():
                yield _json_span(span, resource)


def _json_span(span: Json, resource: Mapping[str, Any]) -> SentSpan:
    status = span.get("status") or {}
    code = status.get("code") or 0
    return SentSpan(
        trace_id=bytes.fromhex(span.get("traceId") or ""),
        span_id=bytes.fromhex(span.get("spanId") or ""),
        parent_id=bytes.fromhex(span.get("parentSpanId") or ""),
        name=str(span.get("name") or ""),
        start_time=int(span.get("startTimeUnixNano") or 0),
        end_time=int(span.get("endTimeUnixNano") or 0) or None,
        status=_name_status(code) if isinstance(code, int) else str(code).removeprefix("STATUS_CODE_"),
        message=str(status.get("message") or ""),
        attributes=_json_attributes(span.get("attributes")),
        events=tuple(
            SpanEvent(
                str(event.get("name") or ""),
                int(event.get("timeUnixNano") or 0),
                _json_attributes(event.get("attributes")),
            )
            for event in span.get("events") or ()
        ),
        links=tuple(
            SpanLink(
                bytes.fromhex(link.get("traceId") or ""),
                bytes.fromhex(link.get("spanId") or ""),
                _json_attributes(link.get("attributes")),
            )
            for link in span.get("links") or ()
        ),
        resource=resource,
    )


def _json_attributes(pairs: Any) -> dict[str, Any]:
    return {str(pair["key"]): _json_value(pair.get("value") or {}) for pair in pairs or ()}


def _json_value(value: Json) -> Any:
    for kind, given in value.items():
        match kind:
            case "stringValue" | "bytesValue":
                return str(given)
            case "boolValue":
                return bool(given)
            case "intValue":
                return int(given)
            case "doubleValue":
                return float(given)
            case "arrayValue":
                return [_json_value(item) for item in given.get("values") or ()]
            case "kvlistValue":
                return _json_attributes(given.get("values"))
    return None
