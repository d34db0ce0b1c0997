"""Traces of an MLflow database. Newer versions of MLflow keep the spans in it, older ones in a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from reprise.schemas.entities import Assessment
from reprise.schemas.json_text import read_json
from reprise.schemas.traces.spans import spans_document
from reprise.tracking.copy.database.tables import (
    Row,
    Tables,
    group_rows,
    in_pieces,
    number_of,
    optional_text,
    text_of,
    texts_of,
)
from reprise.tracking.copy.traces import assessment_value, trace_of
from reprise.tracking.protocols.copying import Fault, Note, SourceTrace

_TOKENS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation_input_tokens_above_1hr",
)
_COSTS = ("input_cost", "output_cost", "total_cost")


def read_traces(tables: Tables, experiment_id: str) -> Iterator[SourceTrace | Fault | Note]:
    """The traces of an experiment with what was said of them."""
    rows = tables.read_rows(
        "trace_info", "experiment_id", [int(experiment_id)], ["timestamp_ms", "request_id"]
    )
    yield from in_pieces(rows, partial(_read_some, tables))


def read_spans(tables: Tables, trace_id: str) -> bytes | None:
    """The spans of a trace as the file that they would be; None where the database has none."""
    order = ["start_time_unix_nano", "span_id"]
    contents = [text_of(row, "content") for row in tables.read_rows("spans", "trace_id", [trace_id], order)]
    return spans_document(contents) if contents else None


def _read_some(tables: Tables, rows: Sequence[Row]) -> Iterator[SourceTrace | Fault]:
    ids = [row["request_id"] for row in rows]
    tags = group_rows(tables.read_rows("trace_tags", "request_id", ids), "request_id")
    metadata = group_rows(tables.read_rows("trace_request_metadata", "request_id", ids), "request_id")
    said = group_rows(tables.read_rows("assessments", "trace_id", ids, ["created_timestamp"]), "trace_id")
    linked = group_rows(tables.read_rows("entity_associations", "source_id", ids), "source_id")
    for row in rows:
        trace_id, faults = str(row["request_id"]), list[Fault]()
        owner = f"trace {trace_id}"
        known = texts_of(metadata.get(trace_id, []), "traces", owner, faults)
        labels = texts_of(tags.get(trace_id, []), "tags", owner, faults)
        if name := optional_text(row, "trace_name"):
            labels["mlflow.traceName"] = name
        trace = trace_of(row, str(row["experiment_id"]), labels, {**known, **_read_promoted(row)})
        assessments = [_make_assessment(found, owner, faults) for found in said.get(trace_id, [])]
        runs = tuple(
            link["destination_id"]
            for link in linked.get(trace_id, [])
            if (link["source_type"], link["destination_type"]) == ("trace", "run")
        )
        yield from faults
        kept = tuple(item for item in assessments if item is not None)
        yield SourceTrace(trace._replace(assessments=kept), runs)


def _read_promoted(row: Row) -> dict[str, str]:
    """Metadata that newer versions of MLflow keep in columns of their own."""
    found: dict[str, str] = {}
    if session := optional_text(row, "session_id"):
        found["mlflow.trace.session"] = session
    for key, columns in (("mlflow.trace.tokenUsage", _TOKENS), ("mlflow.trace.cost", _COSTS)):
        values = {column: row[column] for column in columns if row.get(column) is not None}
        if values:
            found[key] = json.dumps(values)
    return found


def _make_assessment(row: Row, owner: str, faults: list[Fault]) -> Assessment | None:
    try:
        kind, value = text_of(row, "assessment_type"), read_json(row["value"])
        error = _parse_json(row, "error")
        metadata = _parse_json(row, "assessment_metadata") or {}
        return Assessment(
            assessment_id=str(row["assessment_id"]),
            trace_id=str(row["trace_id"]),
            name=text_of(row, "name"),
            kind=kind,
            value=assessment_value(kind, value, error),
            source_type=text_of(row, "source_type"),
            source_id=text_of(row, "source_id"),
            create_time=number_of(row, "created_timestamp") or 0,
            last_update_time=number_of(row, "last_updated_timestamp") or 0,
            rationale=optional_text(row, "rationale"),
            span_id=optional_text(row, "span_id"),
            overrides=optional_text(row, "overrides"),
            valid=bool(row["valid"]),
            metadata={str(key): str(item) for key, item in metadata.items()},
        )
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        faults.append(Fault("assessments", owner, str(row["assessment_id"]), f"cannot be read: {error}"))
        return None


def _parse_json(row: Row, column: str) -> Any:
    return None if row.get(column) is None else read_json(row[column])
