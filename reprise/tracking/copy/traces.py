"""Traces and assessments as MLflow writes them in YAML, in JSON and on the wire, read as our entities."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from reprise.errors import TrackingError
from reprise.schemas import json_text
from reprise.schemas.entities import TRACE_STATES, Assessment, Trace

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = ("feedback", "expectation", "issue")
_DURATION = re.compile(r"(\d+(?:\.\d*)?)s")

Fields = Mapping[str, Any]


def trace_of(
    fields: Fields, experiment_id: str, tags: Mapping[str, str], metadata: Mapping[str, str]
) -> Trace:
    """A trace of any version of MLflow, without its assessments.

    Raises:
        ValueError, TypeError: a field is not what it should be.
    """
    state = str(fields.get("state") or fields.get("status") or TRACE_STATES[0])
    return Trace(
        trace_id=str(fields.get("trace_id") or fields.get("request_id") or ""),
        experiment_id=experiment_id,
        request_time=_request_time(fields),
        state=state if state in TRACE_STATES else TRACE_STATES[0],
        duration=_parse_duration(fields),
        client_request_id=_read_text(fields, "client_request_id"),
        request_preview=_read_text(fields, "request_preview"),
        response_preview=_read_text(fields, "response_preview"),
        tags=tags,
        metadata=metadata,
    )


def assessment_of(fields: Fields, trace_id: str) -> Assessment:
    """Raises ValueError or TypeError: a field is missing, or is not what it should be."""
    kinds = [kind for kind in _KINDS if fields.get(kind) is not None]
    if not kinds:
        raise ValueError("it is neither feedback nor an expectation")
    source = fields.get("source") or {}
    created = parse_milliseconds(fields.get("create_time") or 0)
    return Assessment(
        assessment_id=str(fields["assessment_id"]),
        trace_id=trace_id,
        name=str(fields.get("assessment_name") or fields.get("name") or ""),
        kind=kinds[0],
        value=json.dumps(fields[kinds[0]]),
        source_type=str(source.get("source_type") or "SOURCE_TYPE_UNSPECIFIED"),
        source_id=str(source.get("source_id") or ""),
        create_time=created,
        last_update_time=parse_milliseconds(fields.get("last_update_time") or created),
        rationale=_read_text(fields, "rationale"),
        span_id=_read_text(fields, "span_id"),
        overrides=_read_text(fields, "overrides"),
        valid=bool(fields.get("valid", True)),
        metadata={str(key): str(value) for key, value in (fields.get("metadata") or {}).items()},
    )


def assessment_value(kind: str, value: Any, error: Any) -> str:
    """The JSON of an assessment's value on the wire, from the value that it means."""
    if kind == "feedback":
        said = {"value": value} if error is None else {"value": value, "error": error}
    elif kind == "expectation":
        is_plain = value is None or isinstance(value, str | int | float | bool)
        text = {"value": json.dumps(value), "serialization_format": "JSON_FORMAT"}
        said = {"value": value} if is_plain else {"serialized_value": text}
    else:
        said = value
    return json.dumps(said)


def parse_milliseconds(moment: Any) -> int:
    """Since the epoch, of a number of ms, or a time as protobuf writes it in JSON.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(moment, datetime):
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int((moment - _EPOCH) // timedelta(milliseconds=1))
    if isinstance(moment, str) and not moment.lstrip("-").isdecimal():
        return parse_milliseconds(datetime.fromisoformat(moment))
    return int(moment)


def moment_of(time: int) -> str:
    """The time in ms since the epoch as protobuf reads it in JSON."""
    moment = _EPOCH + timedelta(milliseconds=time)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_json(text: str, what: str) -> Any:
    """Parse JSON; raise TrackingError if it is invalid."""
    try:
        return json_text.read_json(text)
    except ValueError as error:
        raise TrackingError(f"{what} is not JSON: {error}") from error


def _request_time(fields: Fields) -> int:
    given = fields.get("request_time")
    return parse_milliseconds(fields.get("timestamp_ms") or 0 if given is None else given)


def _parse_duration(fields: Fields) -> int | None:
    for name in ("execution_duration_ms", "execution_time_ms"):
        if fields.get(name) is not None:
            return int(fields[name])
    given = fields.get("execution_duration")
    if isinstance(given, str) and (match := _DURATION.fullmatch(given)):
        return round(float(match[1]) * 1000)
    return None if given is None else int(given)


def _read_text(fields: Fields, name: str) -> str | None:
    return None if fields.get(name) in (None, "") else str(fields[name])
