"""The spans of traces, as clients from MLflow 3.4 on send them while a trace is being made.

The first span of an unknown trace opens it, as ``IN_PROGRESS``; its root span closes it. A client then
sends the trace itself, which counts more than what was gathered from spans. So a process that dies leaves
the spans that it had sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reprise.errors import TrackingError
from reprise.schemas.traces import span_conventions
from reprise.schemas.traces.span_files import read_spans_file
from reprise.schemas.traces.spans import IN_STORE, LOCATION, SPANS_LOCATION, TRACE_TAG, Span
from reprise.tracking import validation
from reprise.tracking.sqlite.experiments import ExperimentRow, active_experiment
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    pairs,
    put_pairs,
)
from reprise.tracking.sqlite.traces.span_sums import sum_over_tree
from reprise.tracking.sqlite.traces.trace_links import claim_links
from reprise.tracking.sqlite.traces.trace_rows import TraceRow, find_trace, trace_row

NAME = "mlflow.traceName"
USAGE = "mlflow.trace.tokenUsage"
COST = "mlflow.trace.cost"
SESSION = "mlflow.trace.session"
USER = "mlflow.trace.user"
_SDK = ("telemetry.sdk.", "mlflow.")  # attributes of a resource that say nothing of the program
_LONGEST_PREVIEW = 1000


class Spans(Verbs):
    def log_spans(self, experiment_id: str, spans: Iterable[tuple[Span, Mapping[str, Any]]]) -> None:
        """Keep the spans, each given with the attributes of its resource; all of them, or none.

        ``RESOURCE_DOES_NOT_EXIST`` when a trace is new, and there is no such experiment.
        """
        by_trace: dict[str, list[tuple[Span, Mapping[str, Any]]]] = {}
        for span, resource in spans:
            by_trace.setdefault(span.trace_id, []).append((span, resource))
        with self._database.writing() as connection:
            experiment = active_experiment(connection, experiment_id)
            for trace_id, sent in by_trace.items():
                _log(connection, experiment, trace_id, [span for span, _ in sent], sent[0][1])

    def keep_spans_of_file(self, trace_id: str, document: bytes) -> None:
        """Let searches find the trace by the spans of its file; what is no such file is passed over."""
        try:
            spans = read_spans_file(trace_id, document)
        except ValueError:
            return
        with self._database.writing() as connection:
            row = find_trace(connection, trace_id)
            if row is not None and not _is_kept_here(connection, row):
                _put(connection, row.id, spans)

    def span_contents(self, trace_id: str) -> Sequence[str]:
        """The JSON of each span that is kept with the trace, the root first, then by their start."""
        with self._database.reading() as connection:
            return _contents(connection, trace_row(connection, trace_id).id)


def _log(
    connection: Connection,
    experiment: ExperimentRow,
    trace_id: str,
    spans: Sequence[Span],
    resource: Mapping[str, Any],
) -> None:
    row = find_trace(connection, trace_id) or _open_trace(connection, experiment, trace_id, spans)
    _put(connection, row.id, spans)
    root = next((span for span in spans if span.parent_id is None), None)
    if not row.finished:
        _extend(connection, row, spans)
    if root and row.state in ("IN_PROGRESS", "STATE_UNSPECIFIED"):
        state = "ERROR" if root.status == "ERROR" else "OK"
        connection.execute("UPDATE trace SET state = ? WHERE id = ?", (state, row.id))
    if root:
        connection.execute(
            "UPDATE trace SET request_preview = coalesce(request_preview, ?),"
            " response_preview = coalesce(response_preview, ?) WHERE id = ?",
            (
                _preview(root.attributes.get(span_conventions.INPUTS)),
                _preview(root.attributes.get(span_conventions.OUTPUTS)),
                row.id,
            ),
        )
    _add_metadata(connection, row, spans)
    put_pairs(connection, "trace_tag", row.id, _tags(connection, row.id, root, resource))


def _is_kept_here(connection: Connection, row: TraceRow) -> bool:
    return pairs(connection, "trace_tag", [row.id])[row.id].get(SPANS_LOCATION) == IN_STORE


def _open_trace(
    connection: Connection, experiment: ExperimentRow, trace_id: str, spans: Sequence[Span]
) -> TraceRow:
    start = min(span.start_time for span in spans) // 1_000_000
    connection.execute(
        "INSERT INTO trace (trace_id, experiment, request_time, state, finished)"
        " VALUES (?, ?, ?, 'IN_PROGRESS', 0)",
        (trace_id, experiment.id, start),
    )
    row = trace_row(connection, trace_id)
    location = f"{experiment.artifact_location}/traces/{trace_id}/artifacts"
    put_pairs(connection, "trace_tag", row.id, {LOCATION: location})
    claim_links(connection, row)
    return row


def _put(connection: Connection, trace: int, spans: Sequence[Span]) -> None:
    connection.executemany(
        "INSERT INTO span (trace, span_id, parent_id, name, type, status, start_time, end_time, content,"
        " usage, cost) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (trace, span_id) DO UPDATE SET (parent_id, name, type, status, start_time, end_time,"
        " content, usage, cost) = (excluded.parent_id, excluded.name, excluded.type, excluded.status,"
        " excluded.start_time, excluded.end_time, excluded.content, excluded.usage, excluded.cost)",
        [
            (
                trace,
                *span[1:],
                _numbers(span.attributes.get(span_conventions.USAGE)),
                _numbers(span.attributes.get(span_conventions.COST)),
            )
            for span in spans
        ],
    )


def _extend(connection: Connection, row: TraceRow, spans: Sequence[Span]) -> None:
    """A trace lasts from the start of its first span to the end of its last."""
    start = min(row.request_time, *(span.start_time // 1_000_000 for span in spans))
    ends = [span.end_time // 1_000_000 for span in spans if span.end_time]
    if row.duration is not None:
        ends.append(row.request_time + row.duration)
    connection.execute(
        "UPDATE trace SET request_time = ?, duration = ? WHERE id = ?",
        (start, max(ends) - start if ends else None, row.id),
    )


def _add_metadata(connection: Connection, row: TraceRow, spans: Sequence[Span]) -> None:
    """What the spans say of the whole trace, where the trace itself does not."""
    known = pairs(connection, "trace_metadata", [row.id])[row.id]
    found: dict[str, str] = {}
    for column, key in (("usage", USAGE), ("cost", COST)):
        if not (row.finished and key in known) and (sums := sum_over_tree(connection, row.id, column)):
            found[key] = json.dumps(sums)
    for key, names in ((SESSION, span_conventions.SESSION), (USER, span_conventions.USER)):
        said = (span_conventions.first_of(span.attributes, names) for span in spans)
        if key not in known and (value := next(filter(None, said), None)):
            found[key] = str(value)
    put_pairs(connection, "trace_metadata", row.id, found)


def _tags(
    connection: Connection, trace: int, root: Span | None, resource: Mapping[str, Any]
) -> dict[str, str]:
    tags = {key: _text(value) for key, value in resource.items() if not key.startswith(_SDK)}
    if root:
        if NAME not in pairs(connection, "trace_tag", [trace])[trace]:
            tags[NAME] = root.name
        for key, value in root.attributes.items():
            if key.startswith(TRACE_TAG):
                tags[key.removeprefix(TRACE_TAG)] = _text(value)
    return {**{key: value for key, value in tags.items() if _is_tag(key, value)}, SPANS_LOCATION: IN_STORE}


def _is_tag(key: str, value: str) -> bool:
    """Attributes may have names that no tag has; they stay in their span."""
    try:
        validation.tags({key: value})
    except TrackingError:
        return False
    return bool(key)


def _contents(connection: Connection, trace: int) -> list[str]:
    rows = connection.execute(
        "SELECT content FROM span WHERE trace = ? ORDER BY parent_id IS NOT NULL, start_time, rowid",
        (trace,),
    )
    return [content for (content,) in rows]


def _numbers(value: Any) -> str | None:
    """The JSON of an object whose values are numbers; other values of it are left out."""
    if not isinstance(value, dict):
        return None
    numbers = {
        str(key): number
        for key, number in value.items()
        if isinstance(number, int | float) and not isinstance(number, bool)
    }
    return json.dumps(numbers) if numbers else None


def _preview(value: Any) -> str | None:
    if value is None:
        return None
    text = _text(value)
    return text if len(text) <= _LONGEST_PREVIEW else f"{text[: _LONGEST_PREVIEW - 3]}..."


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
