"""The REST verbs of assessments of traces: feedback and expectations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from reprise.schemas.entities import Assessment
from reprise.server.api import shapes
from reprise.server.api.protobuf_time import Moment, as_moment, milliseconds
from reprise.server.api.wire import (
    Answer,
    Request,
    Verb,
    Word,
    invalid,
)
from reprise.server.http.access import Role
from reprise.tracking.names import now
from reprise.tracking.protocols.store import TrackingStore

V3 = ("3.0",)
UPDATABLE = {"assessment_name", "feedback", "expectation", "issue", "rationale", "metadata"}


class AssessmentSource(msgspec.Struct):
    source_type: str = "SOURCE_TYPE_UNSPECIFIED"
    source_id: str = ""


class GivenAssessment(msgspec.Struct):
    assessment_name: str = ""
    assessment_id: str = ""
    source: AssessmentSource = msgspec.field(default_factory=AssessmentSource)
    create_time: Moment | None = None
    last_update_time: Moment | None = None
    feedback: dict[str, Any] | None = None
    expectation: dict[str, Any] | None = None
    issue: dict[str, Any] | None = None
    rationale: str | None = None
    metadata: dict[str, str] = {}
    span_id: str | None = None
    overrides: str | None = None
    valid: bool = True


class CreateAssessment(Request):
    trace_id: Word
    assessment: GivenAssessment


class UpdateAssessment(Request):
    """``update_mask`` names the fields of ``assessment`` that count, joined by commas."""

    trace_id: Word
    assessment_id: Word
    assessment: GivenAssessment
    update_mask: Word


class GetAssessment(Request):
    trace_id: Word
    assessment_id: Word


class DeleteAssessment(Request):
    trace_id: Word
    assessment_id: Word


def create(store: TrackingStore, request: CreateAssessment) -> Answer:
    created = store.create_assessment(as_assessment(request.assessment, request.trace_id))
    return {"assessment": assessment_shape(created)}


def get(store: TrackingStore, request: GetAssessment) -> Answer:
    return {"assessment": assessment_shape(store.get_assessment(request.trace_id, request.assessment_id))}


def update(store: TrackingStore, request: UpdateAssessment) -> Answer:
    # protobuf writes the names of a mask in camel case
    names = {_snake(name) for name in request.update_mask.split(",")}
    if unknown := names - UPDATABLE:
        raise invalid(
            f"Invalid value {', '.join(sorted(unknown))} for parameter 'update_mask' supplied:"
            " it cannot change"
        )
    given = request.assessment
    changed = store.update_assessment(
        request.trace_id,
        request.assessment_id,
        name=given.assessment_name if "assessment_name" in names else None,
        value=_value(given) if names & {"feedback", "expectation", "issue"} else None,
        rationale=given.rationale if "rationale" in names else None,
        metadata=given.metadata if "metadata" in names else None,
    )
    return {"assessment": assessment_shape(changed)}


def delete(store: TrackingStore, request: DeleteAssessment) -> Answer:
    store.delete_assessment(request.trace_id, request.assessment_id)
    return {}


def as_assessment(given: GivenAssessment, trace_id: str) -> Assessment:
    kind, value = _value(given)
    created = milliseconds(given.create_time) if given.create_time else now()
    return Assessment(
        assessment_id=given.assessment_id,
        trace_id=trace_id,
        name=given.assessment_name,
        kind=kind,
        value=value,
        source_type=given.source.source_type,
        source_id=given.source.source_id,
        create_time=created,
        last_update_time=milliseconds(given.last_update_time) if given.last_update_time else created,
        rationale=given.rationale,
        span_id=given.span_id or None,
        overrides=given.overrides or None,
        valid=given.valid,
        metadata=given.metadata,
    )


def assessment_shape(said: Assessment) -> Answer:
    return {
        "assessment_id": said.assessment_id,
        "assessment_name": said.name,
        "trace_id": said.trace_id,
        **shapes.given(span_id=said.span_id),
        "source": {"source_type": said.source_type, "source_id": said.source_id},
        "create_time": as_moment(said.create_time),
        "last_update_time": as_moment(said.last_update_time),
        said.kind: _value_shape(said),
        **({} if said.rationale is None else {"rationale": said.rationale}),
        **shapes.given(metadata=said.metadata, overrides=said.overrides),
        "valid": said.valid,
    }


def _value(given: GivenAssessment) -> tuple[str, str]:
    """The kind, and the JSON of its value."""
    values: Mapping[str, Any] = {
        "feedback": given.feedback,
        "expectation": given.expectation,
        "issue": given.issue,
    }
    kinds = [kind for kind, value in values.items() if value is not None]
    if len(kinds) != 1:
        raise invalid(
            "Invalid value for parameter 'assessment' supplied: it has either feedback or an expectation"
        )
    return kinds[0], json.dumps(values[kinds[0]])


def _value_shape(said: Assessment) -> Answer:
    """As it was given; but an object or list that was expected is a text of JSON."""
    value: dict[str, Any] = json.loads(said.value)
    if said.kind != "expectation" or not isinstance(value.get("value"), dict | list):
        return value
    text = {"serialization_format": "JSON_FORMAT", "value": json.dumps(value["value"])}
    return {"serialized_value": text}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name.strip())


VERBS = (
    Verb("POST", "traces/{trace_id}/assessments", Role.WRITE, CreateAssessment, create, V3),
    Verb("GET", "traces/{trace_id}/assessments/{assessment_id}", Role.READ, GetAssessment, get, V3),
    Verb(
        "PATCH", "traces/{trace_id}/assessments/{assessment_id}", Role.WRITE, UpdateAssessment, update, V3
    ),
    Verb(
        "DELETE", "traces/{trace_id}/assessments/{assessment_id}", Role.ADMIN, DeleteAssessment, delete, V3
    ),
)
