"""The verbs of assessments: feedback on a trace, and what was expected of it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from reprise.errors import missing
from reprise.schemas.entities import Assessment
from reprise.tracking import validation
from reprise.tracking.names import new_id, now
from reprise.tracking.sqlite.rows import Connection, Verbs
from reprise.tracking.sqlite.traces.trace_rows import ASSESSMENT, assessment, trace_row


class Assessments(Verbs):
    def create_assessment(self, given: Assessment) -> Assessment:
        """Record it under a new id; one that it ``overrides`` is valid no longer."""
        with self._database.writing() as connection:
            row = trace_row(connection, given.trace_id)
            return put_assessment(connection, row.id, given._replace(assessment_id=""))

    def get_assessment(self, trace_id: str, assessment_id: str) -> Assessment:
        """``RESOURCE_DOES_NOT_EXIST`` when the trace has none of that id."""
        with self._database.reading() as connection:
            return _found(connection, trace_id, assessment_id)

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
        with self._database.writing() as connection:
            found = _found(connection, trace_id, assessment_id)
            if value and value[0] != found.kind:
                raise validation.invalid(f"assessment {assessment_id} is {found.kind}, not {value[0]}")
            connection.execute(
                "UPDATE trace_assessment SET name = coalesce(?, name), value = coalesce(?, value),"
                " rationale = coalesce(?, rationale), metadata = ?, last_update_time = ?"
                " WHERE assessment_id = ?",
                (
                    name,
                    value and value[1],
                    rationale,
                    json.dumps({**found.metadata, **(metadata or {})}),
                    now(),
                    assessment_id,
                ),
            )
            return _found(connection, trace_id, assessment_id)

    def delete_assessment(self, trace_id: str, assessment_id: str) -> None:
        """One that it had overridden is valid again; no such assessment is no error."""
        with self._database.writing() as connection:
            trace = trace_row(connection, trace_id)
            gone = connection.execute(
                "DELETE FROM trace_assessment WHERE trace = ? AND assessment_id = ? RETURNING overrides",
                (trace.id, assessment_id),
            ).fetchone()
            if gone:
                _set_valid(connection, trace.id, gone[0], valid=True)


def put_assessment(
    connection: Connection, trace: int, given: Assessment, *, comes_with_trace: bool = False
) -> Assessment:
    """Insert it into a trace; without an id it gets one.

    An assessment that ``comes_with_trace`` may precede the one that it overrides.
    """
    if not given.name:
        raise validation.invalid("an assessment has a name")
    given = given._replace(assessment_id=given.assessment_id or f"a-{new_id()}")
    if given.overrides:
        known = connection.execute(
            "SELECT 1 FROM trace_assessment WHERE trace = ? AND assessment_id = ?", (trace, given.overrides)
        ).fetchone()
        if known is None and not comes_with_trace:
            raise missing(f"Assessment with ID {given.overrides!r} not found for trace {given.trace_id!r}")
        _set_valid(connection, trace, given.overrides, valid=False)
    places = ", ".join("?" * (1 + len(ASSESSMENT.split(","))))
    connection.execute(
        f"INSERT OR IGNORE INTO trace_assessment (trace, {ASSESSMENT}) VALUES ({places})",
        (trace, given.assessment_id, *given[2:-1], json.dumps(given.metadata)),
    )
    return given


def _found(connection: Connection, trace_id: str, assessment_id: str) -> Assessment:
    row = connection.execute(
        f"SELECT {ASSESSMENT} FROM trace_assessment WHERE trace = ? AND assessment_id = ?",
        (trace_row(connection, trace_id).id, assessment_id),
    ).fetchone()
    if row is None:
        raise missing(f"Assessment with ID {assessment_id!r} not found for trace {trace_id!r}")
    return assessment(trace_id, row)


def _set_valid(connection: Connection, trace: int, assessment_id: str | None, *, valid: bool) -> None:
    connection.execute(
        "UPDATE trace_assessment SET valid = ? WHERE trace = ? AND assessment_id = ?",
        (valid, trace, assessment_id),
    )
