"""The spans of the file ``traces.json``, as MLflow's clients of 2.x and 3.x write them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from reprise.schemas.json_text import read_json
from reprise.schemas.traces.spans import Span

_TYPE = "mlflow.spanType"


def read_spans_file(trace_id: str, document: bytes) -> list[Span]:
    """The spans of a trace; those that are not readable are left out.

    Raises:
        ValueError: it is no JSON, or holds no list of spans.
    """
    fields = read_json(document)
    spans = fields.get("spans") if isinstance(fields, dict) else None
    if not isinstance(spans, list):
        raise ValueError("it holds no list of spans")
    found = []
    for fields in spans:
        try:
            found.append(_read_span(trace_id, fields))
        except (KeyError, TypeError, ValueError, AttributeError):
            continue  # the file stays as it is
    return found


def _read_span(trace_id: str, fields: Mapping[str, Any]) -> Span:
    content = _as_newest(fields) if "context" in fields else {**fields}
    attributes = content["attributes"] = {
        str(key): value if isinstance(value, str) else json.dumps(value)
        for key, value in (content.get("attributes") or {}).items()
    }
    kind = read_json(attributes.get(_TYPE) or '"UNKNOWN"')
    code = str((content.get("status") or {}).get("code") or "STATUS_CODE_UNSET")
    ends = content.get("end_time_unix_nano")
    parent = content.get("parent_span_id")
    return Span(
        trace_id=trace_id,
        span_id=base64.b64decode(content["span_id"], validate=True).hex(),
        parent_id=base64.b64decode(parent, validate=True).hex() if parent else None,
        name=str(content["name"]),
        type=str(kind or "UNKNOWN"),
        status=code.removeprefix("STATUS_CODE_"),
        start_time=int(content["start_time_unix_nano"]),
        end_time=int(ends) if ends else None,
        content=json.dumps(content, ensure_ascii=False),
    )


def _as_newest(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A span of 2.x, with the names and ids of 3.x."""
    context = fields["context"]
    return {
        "trace_id": _as_base64(context["trace_id"]),
        "span_id": _as_base64(context["span_id"]),
        "parent_span_id": _as_base64(fields["parent_id"]) if fields.get("parent_id") else None,
        "name": fields["name"],
        "start_time_unix_nano": fields["start_time"],
        "end_time_unix_nano": fields.get("end_time"),
        "events": [
            {
                "name": event["name"],
                "time_unix_nano": int(event.get("timestamp") or 0),
                "attributes": event.get("attributes") or {},
            }
            for event in fields.get("events") or ()
        ],
        "status": {
            "code": f"STATUS_CODE_{str(fields.get('status_code') or 'UNSET').rpartition('.')[2]}",
            "message": fields.get("status_message") or "",
        },
        "attributes": fields.get("attributes") or {},
        "links": [],
    }


def _as_base64(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits.removeprefix("0x").rjust(16, "0"))).decode()
