"""MLflow databases of any age and in any state are read, and never changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from reprise.tracking.sqlite.copied.destination import EmbeddedDestination
from tests.tracking.copy.conftest import Copy, numbers, told
from tests.tracking.copy.stores import make_database

A, B = "a" * 32, "b" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "mlruns").mkdir()
    return tmp_path / "mlflow.db"


@pytest.fixture
def database(path: Path, tmp_path: Path) -> sqlite3.Connection:
    return make_database(path, {run: f"{tmp_path}/mlruns/1/{run}/artifacts" for run in (A, B)})


def test_ids_that_would_leave_their_folder_are_refused(
    path: Path, database: sqlite3.Connection, destination: EmbeddedDestination, copy: Copy
) -> None:
    database.execute("UPDATE runs SET run_uuid = '../../etc' WHERE run_uuid = ?", (B,))
    database.commit()
    census = copy(path)
    assert numbers(census, "runs") == (2, 1, 0, 1)
    assert "run ../../etc: : '../../etc' is not the id of a run" in told(census)


def test_a_value_that_is_no_text_is_named_and_the_rest_is_carried(
    path: Path, database: sqlite3.Connection, destination: EmbeddedDestination, copy: Copy
) -> None:
    database.execute("INSERT INTO params VALUES ('good', 'yes', ?)", (A,))
    database.execute("INSERT INTO params VALUES ('bad', CAST(x'fffe' AS TEXT), ?)", (A,))
    database.execute("INSERT INTO tags VALUES (CAST(x'ff' AS TEXT), 'x', ?)", (A,))
    database.execute("INSERT INTO metrics VALUES ('m', 1.5, 1, ?, 0, 0)", (A,))
    database.execute("INSERT INTO metrics VALUES ('m', 'no', 2, ?, 1, 0)", (A,))
    database.commit()
    census = copy(path)
    assert [(fault.kind, fault.owner) for fault in census.differences] == [
        ("params", f"run {A}"),
        ("tags", f"run {A}"),
        ("points", f"run {A}"),
    ]
    assert numbers(census, "params") == (2, 1, 0, 1)
    assert numbers(census, "points") == (2, 1, 0, 1)
    run = destination.get_run(A)
    assert (run.params, run.metrics["m"].value) == ({"good": "yes"}, 1.5)


def test_rows_and_tables_that_are_not_copied_are_counted(
    path: Path, database: sqlite3.Connection, copy: Copy
) -> None:
    database.executescript(
        "CREATE TABLE webhooks (name TEXT, url TEXT, deleted_timestamp INTEGER);"
        "INSERT INTO webhooks VALUES ('w', 'http://x', NULL), ('gone', 'http://x', 5);"
        "CREATE TABLE scorers (x);"
        "INSERT INTO scorers VALUES (1), (2);"
        "CREATE TABLE latest_metrics (key TEXT);"
        "INSERT INTO latest_metrics VALUES ('m');"
        "INSERT INTO params VALUES ('p', 'lost', 'nobody');"
        "INSERT INTO runs VALUES ('cc', 'r', 'u', 'FINISHED', 1, 2, 'active', '', 99);"
    )
    census = copy(path)
    assert {fault.kind: fault.pieces for fault in census.differences} == {
        "scorers": 2,
        "webhooks": 1,
        "params": 1,
        "runs": 1,
    }
    assert numbers(census, "runs") == (3, 2, 0, 1)
    assert numbers(census, "scorers") == (2, 0, 0, 2)


@pytest.mark.slow
def test_a_locked_database_is_read_from_a_copy(
    path: Path, database: sqlite3.Connection, destination: EmbeddedDestination, copy: Copy
) -> None:
    database.execute("INSERT INTO params VALUES ('p', '1', ?)", (A,))
    database.commit()
    database.isolation_level = None
    database.execute("BEGIN EXCLUSIVE")
    database.execute("UPDATE params SET value = 'not committed'")
    before = path.read_bytes()
    assert told(copy(path)) == []
    assert destination.get_run(A).params == {"p": "1"}
    assert path.read_bytes() == before
    database.execute("ROLLBACK")


def test_a_database_with_a_log_of_writes_is_read_to_its_end(
    path: Path, database: sqlite3.Connection, destination: EmbeddedDestination, copy: Copy
) -> None:
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("INSERT INTO params VALUES ('p', '1', ?)", (A,))
    database.commit()
    assert told(copy(path)) == []
    assert destination.get_run(A).params == {"p": "1"}


def test_of_a_database_that_was_cut_what_can_be_read_is_carried(
    path: Path, database: sqlite3.Connection, destination: EmbeddedDestination, copy: Copy
) -> None:
    rows = [(f"key {number}", "v" * 500, run) for run in (A, B) for number in range(100)]
    database.executemany("INSERT INTO params VALUES (?, ?, ?)", rows)
    database.commit()
    database.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    census = copy(path)
    assert numbers(census, "runs") == (2, 2, 0, 0)
    assert "the database: params: it is damaged; what could be read of it was copied" in told(census)
    assert 0 < len(destination.get_run(A).params) <= 100


def test_states_that_are_not_known_are_told(
    path: Path, database: sqlite3.Connection, destination: EmbeddedDestination, copy: Copy
) -> None:
    database.execute("UPDATE runs SET status = 'LOST', name = NULL, user_id = NULL, start_time = NULL")
    database.commit()
    census = copy(path)
    assert [(fault.owner, fault.name) for fault in census.differences] == [
        (f"run {A}", "status"),
        (f"run {B}", "status"),
    ]
    assert destination.get_run(A).status == "KILLED"


def test_experiments_of_several_workspaces_keep_apart(
    path: Path, database: sqlite3.Connection, destination: EmbeddedDestination, copy: Copy
) -> None:
    database.execute("ALTER TABLE experiments ADD COLUMN workspace TEXT DEFAULT 'default'")
    database.execute("INSERT INTO experiments VALUES (2, 'x', '', 'active', 'team')")
    database.commit()
    assert told(copy(path)) == []
    assert {found.name for found in destination.search_experiments().items} == {"Default", "x", "team/x"}
