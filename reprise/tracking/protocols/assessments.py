"""What a store does with assessments of traces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reprise.schemas.entities import Assessment
from reprise.tracking.protocols.subjects import Subject, not_kept


class AssessmentStore(Protocol):
    """The verbs of assessments; a store without traces has none."""

    def create_assessment(self, given: Assessment) -> Assessment:
        """Record it under a new id; one that it ``overrides`` is valid no longer."""
        raise not_kept(Subject.TRACES)

    def get_assessment(self, trace_id: str, assessment_id: str) -> Assessment:
        """``RESOURCE_DOES_NOT_EXIST`` when the trace has none of that id."""
        raise not_kept(Subject.TRACES)

    def update_assessment(
        self,
        trace_id: str,
        assessment_id: str,
        *,
        name: str | None = None,
        value: tuple[str, str] | None = None,
        rationale: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Assessment:
        """None leaves a part as it is; ``value`` is (kind, JSON), and the kind cannot change."""
        raise not_kept(Subject.TRACES)

    def delete_assessment(self, trace_id: str, assessment_id: str) -> None:
        """One that it had overridden is valid again; no such assessment is no error."""
        raise not_kept(Subject.TRACES)
