"""A span as a store keeps it, and its JSON: as MLflow's file ``traces.json`` has it, and as OTLP.

In the file each attribute's value is JSON in a text; on the wire it is a typed value.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from reprise.named_tuple import NamedTuple
from reprise.schemas.json_text import read_json
from reprise.schemas.traces.otlp import SentSpan
from reprise.schemas.traces.span_conventions import translate_attributes

SPANS_FILE = "traces.json"
"""The name of the artifact that holds the spans of a trace."""
LOCATION = "mlflow.artifactLocation"
"""The tag with the place of the spans of a trace, if they are in a file."""
SPANS_LOCATION = "mlflow.trace.spansLocation"
"""The tag that says whether they are in a file, or stored with the trace."""
IN_STORE = "TRACKING_STORE"
PLACE_TAGS = frozenset({LOCATION, SPANS_LOCATION})
"""Tags of traces that say where a store keeps their spans."""
SOURCE_RUN = "mlflow.sourceRun"
"""The metadata that names the run in which a trace was made."""
TRACE_TAG = "mlflow.traceTag."
"""The prefix of attributes of a root span that are tags of its trace."""
_REQUEST_ID = "mlflow.traceRequestId"
_TYPE = "mlflow.spanType"
_SERVICE = "service.name"
"""What a resource says of the program that made its spans."""
_AGENTS = {"claude-code", "codex_cli_rs", "codex_vscode", "gemini-cli", "qwen-code"}
"""Programs whose name is at the root span too; as on MLflow's server, no others."""
_LONGEST_ID = 16  # bytes


class Span(NamedTuple):
    """``content`` is the JSON object of the file; ids are in hexadecimal, times in ns since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    type: str
    status: str
    start_time: int
    end_time: int | None
    content: str

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The attributes as values."""
        return {key: read_value(text) for key, text in read_json(self.content)["attributes"].items()}


def as_span(sent: SentSpan) -> Span:
    """The span to keep of one that was sent. Raises ValueError: it has no id."""
    for name, given in (("trace_id", sent.trace_id), ("span_id", sent.span_id)):
        if not 0 < len(given) <= _LONGEST_ID:
            raise ValueError(f"the {name} of a span has {len(given)} bytes")
    trace_id = f"tr-{sent.trace_id.hex()}"
    attributes = translate_attributes({**sent.attributes, _REQUEST_ID: trace_id})
    if not sent.parent_id and (service := str(sent.resource.get(_SERVICE))) in _AGENTS:
        attributes[_SERVICE] = service
    content = {
        "trace_id": _encode_base64(sent.trace_id),
        "span_id": _encode_base64(sent.span_id),
        "parent_span_id": _encode_base64(sent.parent_id) if sent.parent_id else None,
        "name": sent.name,
        "start_time_unix_nano": sent.start_time,
        "end_time_unix_nano": sent.end_time,
        "events": [
            {"name": event.name, "time_unix_nano": event.time, "attributes": event.attributes}
            for event in sent.events
        ],
        "status": {"code": f"STATUS_CODE_{sent.status}", "message": sent.message},
        "attributes": {key: _dump_json(value) for key, value in attributes.items()},
        "links": [
            {
                "trace_id": f"tr-{link.trace_id.hex()}",
                "span_id": link.span_id.hex(),
                "attributes": link.attributes or None,
            }
            for link in sent.links
        ],
    }
    return Span(
        trace_id=trace_id,
        span_id=sent.span_id.hex(),
        parent_id=sent.parent_id.hex() or None,
        name=sent.name,
        type=str(attributes.get(_TYPE) or "UNKNOWN"),
        status=sent.status,
        start_time=sent.start_time,
        end_time=sent.end_time,
        content=_dump_json(content),
    )


def spans_document(contents: Iterable[str]) -> bytes:
    """The file ``traces.json`` of spans, each given as its JSON."""
    return f'{{"spans": [{", ".join(contents)}]}}'.encode()


def otlp_shape(content: str) -> dict[str, Any]:
    """A span of the file as the JSON of OpenTelemetry's message, with the names of its fields."""
    span = read_json(content)
    code = str((span.get("status") or {}).get("code") or "STATUS_CODE_UNSET")
    return {
        "trace_id": span["trace_id"],
        "span_id": span["span_id"],
        **({"parent_span_id": span["parent_span_id"]} if span.get("parent_span_id") else {}),
        "name": span["name"],
        "start_time_unix_nano": span["start_time_unix_nano"],
        **({"end_time_unix_nano": span["end_time_unix_nano"]} if span.get("end_time_unix_nano") else {}),
        "attributes": _attribute_pairs({key: read_value(text) for key, text in span["attributes"].items()}),
        "events": [
            {
                "time_unix_nano": event["time_unix_nano"],
                "name": event["name"],
                "attributes": _attribute_pairs(event.get("attributes") or {}),
            }
            for event in span.get("events") or ()
        ],
        "links": [
            {
                "trace_id": _encode_base64(bytes.fromhex(link["trace_id"].removeprefix("tr-"))),
                "span_id": _encode_base64(bytes.fromhex(link["span_id"])),
                "attributes": _attribute_pairs(link.get("attributes") or {}),
            }
            for link in span.get("links") or ()
        ],
        "status": {"code": code, "message": (span.get("status") or {}).get("message") or ""},
    }


def read_value(text: Any) -> Any:
    """Return an attribute's text parsed as JSON, or the text itself if it is not JSON."""
    if not isinstance(text, str):
        return text
    try:
        return read_json(text)
    except ValueError:
        return text


def _attribute_pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _encode_value(value)} for key, value in attributes.items()]


def _encode_value(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {}
        case bool():
            return {"bool_value": value}
        case int() if -(2**63) <= value < 2**63:
            return {"int_value": value}
        case float():
            return {"double_value": value}
        case list():
            return {"array_value": {"values": [_encode_value(item) for item in value]}}
        case dict():
            return {
                "kvlist_value": {
                    "values": _attribute_pairs({str(key): item for key, item in value.items()})
                }
            }
    return {"string_value": str(value)}


def _dump_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _encode_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
