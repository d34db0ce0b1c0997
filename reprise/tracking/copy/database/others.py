"""What an MLflow database holds that is not copied: other tables, and rows that belong to nothing."""

from __future__ import annotations

from collections.abc import Iterator

from reprise.tracking.copy.database.tables import Tables, text_of
from reprise.tracking.copy.tracked_others import webhook_fault
from reprise.tracking.protocols.copying import Fault

_COPIED = {
    "experiments",
    "experiment_tags",
    "runs",
    "params",
    "metrics",
    "tags",
    "datasets",
    "inputs",
    "input_tags",
    "logged_models",
    "logged_model_params",
    "logged_model_tags",
    "logged_model_metrics",
    "registered_models",
    "registered_model_tags",
    "registered_model_aliases",
    "model_versions",
    "model_version_tags",
    "trace_info",
    "trace_tags",
    "trace_request_metadata",
    "assessments",
    "spans",
}
_DERIVED = {
    "alembic_version",
    "sqlite_sequence",
    "latest_metrics",
    "trace_metrics",
    "span_metrics",
    "sql_trace_metric_daily_rollups",
    "sql_span_cost_daily_rollups",
    "sql_assessment_daily_rollups",
    "sql_trace_rollup_rebuild_queue",
    "job_locks",
    "scheduler_leases",
    "workspaces",
}
"""What MLflow computes from the others, or keeps for its own running."""

_PARENTS = (
    ("runs", "runs", "experiment_id", "experiments", "experiment_id"),
    ("params", "params", "run_uuid", "runs", "run_uuid"),
    ("points", "metrics", "run_uuid", "runs", "run_uuid"),
    ("tags", "tags", "run_uuid", "runs", "run_uuid"),
    ("tags", "experiment_tags", "experiment_id", "experiments", "experiment_id"),
    ("logged models", "logged_models", "experiment_id", "experiments", "experiment_id"),
    ("versions", "model_versions", "name", "registered_models", "name"),
    ("traces", "trace_info", "experiment_id", "experiments", "experiment_id"),
    ("assessments", "assessments", "trace_id", "trace_info", "request_id"),
)
"""Kind, table, column, and the column of the parent's table that it names."""

_DATABASE = "the database"


def read_others(tables: Tables) -> Iterator[Fault]:
    for table in sorted(tables.damaged):
        reason = "it is damaged; what could be read of it was copied"
        yield Fault("others", _DATABASE, table, reason, pieces=0)
    for table in sorted(tables.table_names() - _COPIED - _DERIVED):
        if table == "webhooks":
            yield from _find_webhooks(tables)
        elif table == "entity_associations":
            yield from _find_associations(tables)
        elif table != "webhook_events" and (count := tables.count_rows(table)):
            kind = table.replace("_", " ")
            yield Fault(kind, _DATABASE, table, "a copy does not carry it", count)
    for kind, table, column, parent, key in _PARENTS:
        if count := tables.count_orphans(table, column, parent, key):
            yield Fault(kind, _DATABASE, table, f"they belong to nothing in the table {parent}", count)


def _find_webhooks(tables: Tables) -> Iterator[Fault]:
    for row in tables.read_rows("webhooks"):
        if row.get("deleted_timestamp") is None:
            yield webhook_fault(text_of(row, "name"), text_of(row, "url"))


def _find_associations(tables: Tables) -> Iterator[Fault]:
    """Those of traces with runs are copied with the traces."""
    rows = tables.read_rows("entity_associations")
    others = [row for row in rows if (row["source_type"], row["destination_type"]) != ("trace", "run")]
    if others:
        kinds = sorted({f"{row['source_type']} to {row['destination_type']}" for row in others})
        yield Fault("links", _DATABASE, ", ".join(kinds), "reprise has no such links", len(others))
