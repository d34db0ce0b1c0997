"""The tables that later migrations add, by the name of the migration."""

from __future__ import annotations

import sqlite3


def spans(connection: sqlite3.Connection) -> None:
    """Spans that clients send, and links to traces that have not arrived yet.

    ``finished`` says that a client has closed the trace: what it said counts more than its spans.
    """
    for statement in _SPANS.split(";"):
        connection.execute(statement)


def webhooks(connection: sqlite3.Connection) -> None:
    """Addresses that hear of what happens in the registry."""
    connection.execute(_WEBHOOKS)


def evaluation_datasets(connection: sqlite3.Connection) -> None:
    """Inputs for which the right answers are known."""
    for statement in _EVALUATION_DATASETS.split(";"):
        connection.execute(statement)


_SPANS = """
ALTER TABLE trace ADD COLUMN finished INTEGER NOT NULL DEFAULT 1;
CREATE TABLE span (
    trace INTEGER NOT NULL REFERENCES trace ON DELETE CASCADE,
    span_id TEXT NOT NULL,
    parent_id TEXT,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    start_time INTEGER NOT NULL,  -- ns, as is the end
    end_time INTEGER,
    content TEXT NOT NULL,  -- the JSON object of traces.json
    usage TEXT,  -- tokens, a JSON object
    cost TEXT,  -- a JSON object
    PRIMARY KEY (trace, span_id)
);
CREATE TABLE trace_prompt (
    trace INTEGER NOT NULL REFERENCES trace ON DELETE CASCADE,
    prompt TEXT NOT NULL,  -- name/version
    PRIMARY KEY (trace, prompt)
) WITHOUT ROWID;
CREATE TABLE awaited_link (
    trace_id TEXT NOT NULL,
    kind TEXT NOT NULL,  -- run or prompt
    target TEXT NOT NULL,
    PRIMARY KEY (trace_id, kind, target)
) WITHOUT ROWID
"""
_WEBHOOKS = """
CREATE TABLE webhook (
    id INTEGER PRIMARY KEY,
    webhook_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    url TEXT NOT NULL,
    secret TEXT,
    events TEXT NOT NULL,  -- a JSON array of "entity.action"
    status TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL
)
"""
_EVALUATION_DATASETS = """
CREATE TABLE evaluation_dataset (
    id INTEGER PRIMARY KEY,
    dataset_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    digest TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    created_by TEXT,
    last_updated_by TEXT
);
CREATE TABLE evaluation_dataset_tag (
    owner INTEGER NOT NULL REFERENCES evaluation_dataset ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE evaluation_dataset_experiment (
    dataset INTEGER NOT NULL REFERENCES evaluation_dataset ON DELETE CASCADE,
    experiment INTEGER NOT NULL REFERENCES experiment ON DELETE CASCADE,
    PRIMARY KEY (dataset, experiment)
) WITHOUT ROWID;
CREATE TABLE evaluation_record (
    id INTEGER PRIMARY KEY,
    record_id TEXT NOT NULL UNIQUE,
    dataset INTEGER NOT NULL REFERENCES evaluation_dataset ON DELETE CASCADE,
    inputs TEXT NOT NULL,  -- a JSON object with sorted keys
    outputs TEXT,
    expectations TEXT NOT NULL,  -- a JSON object, as are the tags
    tags TEXT NOT NULL,
    source TEXT,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    created_by TEXT,
    last_updated_by TEXT,
    UNIQUE (dataset, inputs)
)
"""
