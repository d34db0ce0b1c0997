"""The tables of ``reprise.db``, as named steps; each is applied in one transaction with its record.

A metric's value is a REAL, or the text ``nan``, which SQLite cannot keep as a number (it sorts after
every number). ``point`` is clustered by series, so appending to one and reading it back are cheap;
``series`` holds the last point of each, which is what a run shows and what a search looks at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from reprise.errors import TrackingError
from reprise.tracking.names import now
from reprise.tracking.sqlite import newer_tables

Migration = Callable[[sqlite3.Connection], None]

DEFAULT_LOCATION = "mlflow-artifacts:/0"


def first_tables(connection: sqlite3.Connection) -> None:
    """Experiments, runs, metrics, datasets, logged models and the registry."""
    for statement in _FIRST_TABLES.split(";"):
        connection.execute(statement)


def default_experiment(connection: sqlite3.Connection) -> None:
    """Experiment 0, ``Default``, which every client expects to be there."""
    time = now()
    connection.execute(
        "INSERT INTO experiment VALUES (0, 'Default', ?, 'active', ?, ?)", (DEFAULT_LOCATION, time, time)
    )


def traces(connection: sqlite3.Connection) -> None:
    """Traces, without their spans, and what is said of them."""
    for statement in _TRACES.split(";"):
        connection.execute(statement)


def sorted_values(connection: sqlite3.Connection) -> None:
    """What runs are searched and sorted by: each value, and among equal ones the start time."""
    from reprise.tracking.sqlite import sorted_tables

    for statement in sorted_tables.statements():
        connection.execute(statement)


def garbage(connection: sqlite3.Connection) -> None:
    """Artifact roots whose run, model or experiment was removed for good, and whose files must follow."""
    connection.execute("CREATE TABLE garbage (uri TEXT PRIMARY KEY) WITHOUT ROWID")


def origins(connection: sqlite3.Connection) -> None:
    """What a source said of each thing that was copied from it (``copy/merge.py``); ``here`` is its row."""
    connection.execute(
        "CREATE TABLE origin (kind TEXT NOT NULL, id TEXT NOT NULL, here INTEGER NOT NULL,"
        " said TEXT NOT NULL, saw_files INTEGER NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID"
    )


def settings(connection: sqlite3.Connection) -> None:
    """What a store says of itself, by name (``artifact_root.py``)."""
    connection.execute("CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")


MIGRATIONS: tuple[Migration, ...] = (
    first_tables,
    default_experiment,
    traces,
    sorted_values,
    garbage,
    origins,
    newer_tables.spans,
    newer_tables.webhooks,
    newer_tables.evaluation_datasets,
    settings,
)
NAMES = tuple(migration.__name__ for migration in MIGRATIONS)


def applied(connection: sqlite3.Connection) -> Sequence[str]:
    """The names of the steps that this database has seen, in order."""
    try:
        return [name for (name,) in connection.execute("SELECT name FROM migration ORDER BY number")]
    except sqlite3.OperationalError:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migration'").fetchone():
            raise
        return []


def pending(connection: sqlite3.Connection, where: str) -> Sequence[Migration]:
    """The steps still to apply; a newer database is refused, and one of something else."""
    done = applied(connection)
    if not done and connection.execute("SELECT 1 FROM sqlite_master WHERE name != 'migration'").fetchone():
        raise TrackingError(f"{where}: not a database of reprise", code="INVALID_STATE")
    if tuple(done) != NAMES[: len(done)]:
        newest = next(name for name in reversed(done) if name not in NAMES[: len(done)])
        raise TrackingError(
            f"{where}: written by a newer version of reprise (it has seen the migration {newest!r})",
            code="INVALID_STATE",
            hint="upgrade reprise, or use another store",
        )
    return MIGRATIONS[len(done) :]


def migrate(connection: sqlite3.Connection, where: str) -> None:
    """Apply what is pending, each step with its record in one transaction."""
    steps = pending(connection, where)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL)"
    )
    for migration in steps:
        connection.execute("BEGIN IMMEDIATE")
        try:
            migration(connection)
            connection.execute("INSERT INTO migration (name) VALUES (?)", (migration.__name__,))
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


_FIRST_TABLES = """
CREATE TABLE experiment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    artifact_location TEXT NOT NULL,
    lifecycle_stage TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL
);
CREATE TABLE experiment_tag (
    owner INTEGER NOT NULL REFERENCES experiment ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment,
    name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    status TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER,
    artifact_uri TEXT NOT NULL,
    lifecycle_stage TEXT NOT NULL,
    deleted_time INTEGER,
    deleted_along INTEGER NOT NULL DEFAULT 0  -- with its experiment, and restored with it
);
CREATE INDEX run_newest ON run (experiment, lifecycle_stage, start_time DESC, run_id);
CREATE TABLE run_param (
    owner INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE run_tag (
    owner INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    key TEXT NOT NULL,
    value NOT NULL,
    timestamp INTEGER NOT NULL,
    step INTEGER NOT NULL,
    model_id TEXT,
    dataset_name TEXT,
    dataset_digest TEXT,
    UNIQUE (run, key)
);
CREATE TABLE point (
    series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
    timestamp INTEGER NOT NULL,
    step INTEGER NOT NULL,
    value NOT NULL,
    model_id TEXT,
    dataset_name TEXT,
    dataset_digest TEXT,
    PRIMARY KEY (series, timestamp, step, value)
) WITHOUT ROWID;
CREATE TABLE dataset (
    id INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiment ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    UNIQUE (experiment, name, digest)
);
CREATE TABLE run_dataset (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    dataset INTEGER NOT NULL REFERENCES dataset ON DELETE CASCADE,
    UNIQUE (run, dataset)
);
CREATE INDEX run_dataset_dataset ON run_dataset (dataset);
CREATE TABLE run_dataset_tag (
    owner INTEGER NOT NULL REFERENCES run_dataset ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE run_model (
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    direction TEXT NOT NULL,
    model_id TEXT NOT NULL,
    step INTEGER,
    PRIMARY KEY (run, direction, model_id)
) WITHOUT ROWID;
CREATE TABLE logged_model (
    id INTEGER PRIMARY KEY,
    model_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment,
    name TEXT NOT NULL,
    artifact_uri TEXT NOT NULL,
    status TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    model_type TEXT,
    source_run_id TEXT,
    status_message TEXT,
    lifecycle_stage TEXT NOT NULL
);
CREATE INDEX logged_model_newest ON logged_model (experiment, creation_time DESC, model_id);
CREATE TABLE logged_model_param (
    owner INTEGER NOT NULL REFERENCES logged_model ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE logged_model_tag (
    owner INTEGER NOT NULL REFERENCES logged_model ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE logged_model_metric (
    owner INTEGER NOT NULL REFERENCES logged_model ON DELETE CASCADE,
    key TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    step INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    value NOT NULL,
    dataset_name TEXT NOT NULL,
    dataset_digest TEXT NOT NULL,
    PRIMARY KEY (owner, key, timestamp, step, run_id, dataset_name, dataset_digest, value)
) WITHOUT ROWID;
CREATE TABLE registered_model (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    last_version INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE registered_model_tag (
    owner INTEGER NOT NULL REFERENCES registered_model ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE model_version (
    id INTEGER PRIMARY KEY,
    model INTEGER NOT NULL REFERENCES registered_model ON DELETE CASCADE,
    version INTEGER NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    description TEXT NOT NULL,
    user_id TEXT NOT NULL,
    current_stage TEXT NOT NULL,
    source TEXT NOT NULL,
    storage_location TEXT NOT NULL,
    run_id TEXT NOT NULL,
    run_link TEXT NOT NULL,
    status TEXT NOT NULL,
    status_message TEXT NOT NULL,
    model_id TEXT,
    UNIQUE (model, version)
);
CREATE INDEX model_version_run ON model_version (run_id);
CREATE TABLE model_version_tag (
    owner INTEGER NOT NULL REFERENCES model_version ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE registered_model_alias (
    model INTEGER NOT NULL REFERENCES registered_model ON DELETE CASCADE,
    alias TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (model, alias),
    FOREIGN KEY (model, version) REFERENCES model_version (model, version) ON DELETE CASCADE
) WITHOUT ROWID
"""
_TRACES = """
CREATE TABLE trace (
    id INTEGER PRIMARY KEY,
    trace_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment ON DELETE CASCADE,
    request_time INTEGER NOT NULL,
    state TEXT NOT NULL,
    duration INTEGER,
    client_request_id TEXT,
    request_preview TEXT,
    response_preview TEXT
);
CREATE INDEX trace_newest ON trace (experiment, request_time DESC, trace_id);
CREATE TABLE trace_tag (
    owner INTEGER NOT NULL REFERENCES trace ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE trace_metadata (
    owner INTEGER NOT NULL REFERENCES trace ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE trace_run (
    trace INTEGER NOT NULL REFERENCES trace ON DELETE CASCADE,
    run_id TEXT NOT NULL,
    PRIMARY KEY (trace, run_id)
) WITHOUT ROWID;
CREATE INDEX trace_run_run ON trace_run (run_id);
CREATE TABLE trace_assessment (
    id INTEGER PRIMARY KEY,
    assessment_id TEXT NOT NULL UNIQUE,
    trace INTEGER NOT NULL REFERENCES trace ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,  -- the JSON object of the wire
    source_type TEXT NOT NULL,
    source_id TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    rationale TEXT,
    span_id TEXT,
    overrides TEXT,
    valid INTEGER NOT NULL,
    metadata TEXT NOT NULL  -- a JSON object
);
CREATE INDEX trace_assessment_trace ON trace_assessment (trace, kind, name)
"""
