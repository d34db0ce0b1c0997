"""The verbs of traces, over the store's database. Their spans are artifacts, beside those of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from reprise.errors import missing
from reprise.schemas.entities import TRACE_STATES, Page, Trace
from reprise.schemas.traces.spans import LOCATION, SOURCE_RUN
from reprise.tracking import validation
from reprise.tracking.sqlite.experiments import active_experiment
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    drop_pair,
    put_pairs,
)
from reprise.tracking.sqlite.traces.assessments import put_assessment
from reprise.tracking.sqlite.traces.trace_links import claim_links
from reprise.tracking.sqlite.traces.trace_rows import read_traces, trace_row


class Traces(Verbs):
    def record_trace(self, trace: Trace) -> Trace:
        """Record a trace, or what is new of one that is there: its tags and metadata are added to."""
        _validate(trace)
        with self._database.writing() as connection:
            experiment = active_experiment(connection, trace.experiment_id)
            number = connection.execute(
                "INSERT INTO trace (trace_id, experiment, request_time, state, duration, client_request_id,"
                " request_preview, response_preview) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (trace_id) DO UPDATE SET (finished, request_time, state, duration,"
                " client_request_id, request_preview, response_preview) = (1, excluded.request_time,"
                " excluded.state,"
                " coalesce(excluded.duration, duration), coalesce(excluded.client_request_id,"
                " client_request_id), coalesce(excluded.request_preview, request_preview),"
                " coalesce(excluded.response_preview, response_preview)) RETURNING id",
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
            ).fetchone()[0]
            location = f"{experiment.artifact_location}/traces/{trace.trace_id}/artifacts"
            claim_links(connection, trace_row(connection, trace.trace_id))
            _add(connection, number, trace, {**trace.tags, LOCATION: location})
            return read_traces(connection, [number])[0]

    def end_trace(
        self,
        trace_id: str,
        *,
        end_time: int,
        state: str,
        metadata: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> Trace:
        """Note the end of a trace that older clients began before."""
        _validate_words(state, metadata, tags)
        with self._database.writing() as connection:
            row = trace_row(connection, trace_id)
            connection.execute(
                "UPDATE trace SET state = ?, duration = ? - request_time WHERE id = ?",
                (state, end_time, row.id),
            )
            trace = read_traces(connection, [row.id])[0]
            _add(connection, row.id, trace._replace(metadata=metadata, assessments=()), tags)
            return read_traces(connection, [row.id])[0]

    def get_trace(self, trace_id: str) -> Trace:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        with self._database.reading() as connection:
            return read_traces(connection, [trace_row(connection, trace_id).id])[0]

    def get_traces(self, trace_ids: Sequence[str]) -> Sequence[Trace]:
        """Those of ``trace_ids`` that are there, in their order."""
        with self._database.reading() as connection:
            rows = dict(
                connection.execute(
                    "SELECT trace_id, id FROM trace WHERE trace_id IN (SELECT value FROM json_each(?))",
                    (json.dumps(trace_ids),),
                ).fetchall()
            )
            return read_traces(connection, [rows[trace_id] for trace_id in trace_ids if trace_id in rows])

    def runs_of_trace(self, trace_id: str) -> tuple[str, ...]:
        """The runs that it was made in or linked to."""
        with self._database.reading() as connection:
            sql = "SELECT run_id FROM trace_run WHERE trace = ? ORDER BY run_id"
            rows = connection.execute(sql, (trace_row(connection, trace_id).id,))
            return tuple(run_id for (run_id,) in rows)

    def search_traces(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[Trace]:
        """Newest first unless ``order_by`` says otherwise."""
        from reprise.tracking.sqlite.search.pages import page
        from reprise.tracking.sqlite.search.searchable_traces import TRACES
        from reprise.tracking.sqlite.search.sql import Query, Sql

        validation.page_size(max_results, limit=500)
        numbers = json.dumps([validation.experiment_id(text) for text in experiment_ids])
        scope = Sql("t.experiment IN (SELECT value FROM json_each(?))", (numbers,))
        with self._database.reading() as connection:
            query = Query(TRACES, scope, filter, order_by)
            ids, token = page(connection, query, max_results, page_token)
            return Page(read_traces(connection, ids), token)

    def set_trace_tag(self, trace_id: str, key: str, value: str) -> None:
        validation.tags({key: value})
        with self._database.writing() as connection:
            put_pairs(connection, "trace_tag", trace_row(connection, trace_id).id, {key: value})

    def delete_trace_tag(self, trace_id: str, key: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is no such tag."""
        with self._database.writing() as connection:
            if not drop_pair(connection, "trace_tag", trace_row(connection, trace_id).id, key):
                raise missing(f"No trace tag with key {key!r} found for trace with ID {trace_id!r}")

    def drop_traces(
        self,
        experiment_id: str,
        *,
        trace_ids: Sequence[str] = (),
        made_before: int | None = None,
        max_traces: int | None = None,
    ) -> Sequence[Trace]:
        """Delete the traces named, or the oldest up to a time in ms (inclusive), but not their spans."""
        if bool(trace_ids) is (made_before is not None):
            raise validation.invalid("Either 'max_timestamp_millis' or 'request_ids' must be given")
        if max_traces is not None and (trace_ids or max_traces < 1):
            raise validation.invalid("'max_traces' is a positive number, given with 'max_timestamp_millis'")
        condition = "trace_id IN (SELECT value FROM json_each(?))" if trace_ids else "request_time <= ?"
        values = (
            validation.experiment_id(experiment_id),
            json.dumps(trace_ids) if trace_ids else made_before,
            -1 if max_traces is None else max_traces,
        )
        with self._database.writing() as connection:
            rows = connection.execute(
                f"SELECT id FROM trace WHERE experiment = ? AND {condition}"
                " ORDER BY request_time, id LIMIT ?",
                values,
            ).fetchall()
            traces = read_traces(connection, [number for (number,) in rows])
            connection.executemany("DELETE FROM trace WHERE id = ?", rows)
        return traces


def _add(connection: Connection, number: int, trace: Trace, tags: Mapping[str, str]) -> None:
    put_pairs(connection, "trace_tag", number, tags)
    put_pairs(connection, "trace_metadata", number, trace.metadata)
    if run_id := trace.metadata.get(SOURCE_RUN):
        connection.execute("INSERT OR IGNORE INTO trace_run VALUES (?, ?)", (number, run_id))
    for given in trace.assessments:
        put_assessment(connection, number, given, comes_with_trace=True)


def _validate(trace: Trace) -> None:
    validation.trace_id(trace.trace_id)
    _validate_words(trace.state, trace.metadata, trace.tags)


def _validate_words(state: str, metadata: Mapping[str, str], tags: Mapping[str, str]) -> None:
    if state not in TRACE_STATES:
        raise validation.invalid(
            f"{state!r} is not the state of a trace; known are {', '.join(TRACE_STATES)}"
        )
    validation.tags(metadata)
    validation.tags(tags)
