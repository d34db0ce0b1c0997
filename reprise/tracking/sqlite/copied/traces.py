"""How traces are copied into the embedded store, with what was said of them; their spans are files."""

from __future__ import annotations

import json

from reprise.schemas.entities import Assessment, Trace
from reprise.schemas.traces.spans import LOCATION, PLACE_TAGS, SOURCE_RUN
from reprise.tracking.merging.fields import changes_of, kept_of, with_tags
from reprise.tracking.merging.merge import merge_fields
from reprise.tracking.protocols.copying import KeptAsItWas, Put, SourceTrace
from reprise.tracking.sqlite.copied.origins import CopyOrigin, change_tags, read_origin, write_origin
from reprise.tracking.sqlite.experiments import ExperimentRow, experiment_row
from reprise.tracking.sqlite.rows import Connection, put_pairs
from reprise.tracking.sqlite.traces.trace_rows import (
    ASSESSMENT,
    TraceRow,
    read_traces,
    trace_row,
)
from reprise.tracking.sqlite.traces.traces import Traces

KIND = "trace"


class CopiedTraces(Traces):
    def put_trace(self, trace: SourceTrace, experiment_id: str) -> Put:
        """Write all but files."""
        given = trace.trace
        with self._database.writing() as connection:
            row = _find_row(connection, given.trace_id)
            origin = None if row is None else read_origin(connection, KIND, given.trace_id)
            kept: list[KeptAsItWas] = []
            if row is None:
                row = _insert_row(connection, given, experiment_row(connection, experiment_id))
            else:
                kept += _bring_up_to_date(connection, row, given, origin)
            put_pairs(connection, "trace_metadata", row.id, given.metadata)
            for said in given.assessments:
                _put_assessment(connection, row.id, said)
            runs = {*trace.runs, *filter(None, [given.metadata.get(SOURCE_RUN)])}
            sql = "INSERT OR IGNORE INTO trace_run VALUES (?, ?)"
            connection.executemany(sql, [(row.id, run_id) for run_id in sorted(runs)])
            write_origin(connection, KIND, given.trace_id, row.id, _fields_of(given), is_new=origin is None)
        return Put(given.trace_id, origin is None, origin is not None and origin.saw_files, kept)

    def find_trace(self, trace: Trace, experiment_id: str) -> SourceTrace | None:
        for found in self.get_traces([trace.trace_id]):
            return SourceTrace(found, self.runs_of_trace(trace.trace_id))
        return None


def _find_row(connection: Connection, trace_id: str) -> TraceRow | None:
    there = connection.execute("SELECT 1 FROM trace WHERE trace_id = ?", (trace_id,)).fetchone()
    return trace_row(connection, trace_id) if there else None


def _fields_of(trace: Trace) -> dict[str, str]:
    facts = {
        "state": trace.state,
        "duration": "" if trace.duration is None else str(trace.duration),
        "request": trace.request_preview or "",
        "response": trace.response_preview or "",
    }
    tags = {key: value for key, value in trace.tags.items() if key not in PLACE_TAGS}
    return with_tags(facts, tags)


def _insert_row(connection: Connection, trace: Trace, experiment: ExperimentRow) -> TraceRow:
    connection.execute(
        "INSERT INTO trace (trace_id, experiment, request_time, state, duration, client_request_id,"
        " request_preview, response_preview) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            trace.trace_id,
            experiment.id,
            trace.request_time,
            trace.state,
            trace.duration,
            trace.client_request_id,
            trace.request_preview,
            trace.response_preview,
        ),
    )
    row = trace_row(connection, trace.trace_id)
    location = f"{experiment.artifact_location}/traces/{trace.trace_id}/artifacts"
    tags = {key: value for key, value in trace.tags.items() if key not in PLACE_TAGS}
    put_pairs(connection, "trace_tag", row.id, {**tags, LOCATION: location})
    return row


def _bring_up_to_date(
    connection: Connection, row: TraceRow, trace: Trace, origin: CopyOrigin | None
) -> list[KeptAsItWas]:
    here = read_traces(connection, [row.id])[0]
    merge = merge_fields(_fields_of(trace), _fields_of(here), origin and origin.said)
    changes = changes_of(merge)
    change_tags(connection, "trace_tag", row.id, changes.tags)
    if changes.facts:
        connection.execute(
            "UPDATE trace SET state = ?, duration = ?, request_preview = ?, response_preview = ?"
            " WHERE id = ?",
            (
                trace.state if "state" in changes.facts else here.state,
                trace.duration if "duration" in changes.facts else here.duration,
                trace.request_preview if "request" in changes.facts else here.request_preview,
                trace.response_preview if "response" in changes.facts else here.response_preview,
                row.id,
            ),
        )
    return kept_of("traces", merge)


def _put_assessment(connection: Connection, trace: int, said: Assessment) -> None:
    """The newer one of two that have the same id stays."""
    names = ASSESSMENT.split(", ")
    updates = ", ".join(f"{name} = excluded.{name}" for name in names if name != "assessment_id")
    connection.execute(
        f"INSERT INTO trace_assessment (trace, {ASSESSMENT}) VALUES ({', '.join('?' * (1 + len(names)))})"
        f" ON CONFLICT (assessment_id) DO UPDATE SET {updates}"
        " WHERE excluded.last_update_time >= last_update_time",
        (
            trace,
            said.assessment_id,
            said.name,
            said.kind,
            said.value,
            said.source_type,
            said.source_id,
            said.create_time,
            said.last_update_time,
            said.rationale,
            said.span_id,
            said.overrides,
            said.valid,
            json.dumps(said.metadata),
        ),
    )
