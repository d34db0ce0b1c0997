"""The tables that runs are searched and sorted by, as the SQL that makes and fills them (released)."""

from __future__ import annotations

from collections.abc import Iterator

_SORTED = (
    ("series", "run", "{0}.value"),
    ("run_param", "owner", "substr({0}.value, 1, 100)"),
    ("run_tag", "owner", "substr({0}.value, 1, 100)"),
)


def statements() -> Iterator[str]:
    """For each table of keyed values, one that holds the same by value and start time; triggers keep it so.

    An index on the beginning of a text would do, but SQLite looks every entry of that index up in
    its table.
    """
    for table, owner, value in _SORTED:
        yield (
            f"CREATE TABLE {table}_sorted (key TEXT NOT NULL, value NOT NULL, started INTEGER NOT NULL,"
            " run INTEGER NOT NULL, PRIMARY KEY (key, value, started, run)) WITHOUT ROWID"
        )
        yield (
            f"INSERT INTO {table}_sorted SELECT v.key, {value.format('v')}, r.start_time, r.id"
            f" FROM {table} v JOIN run r ON r.id = v.{owner} ORDER BY 1, 2, 3, 4"
        )
        put = (
            f"INSERT INTO {table}_sorted SELECT new.key, {value.format('new')}, start_time, id"
            f" FROM run WHERE id = new.{owner};"
        )
        drop = (
            f"DELETE FROM {table}_sorted WHERE (key, value, started, run) ="
            f" (SELECT old.key, {value.format('old')}, start_time, id FROM run WHERE id = old.{owner});"
        )
        change = f"WHEN {value.format('old')} IS NOT {value.format('new')}"
        yield f"CREATE TRIGGER {table}_put AFTER INSERT ON {table} BEGIN {put} END"
        after = f"CREATE TRIGGER {table}_changed AFTER UPDATE OF value ON {table}"
        yield f"{after} {change} BEGIN {drop} {put} END"
        yield f"CREATE TRIGGER {table}_dropped AFTER DELETE ON {table} BEGIN {drop} END"
        drop_all = (
            f"DELETE FROM {table}_sorted WHERE (key, value, started, run) IN"
            f" (SELECT v.key, {value.format('v')}, old.start_time, old.id"
            f" FROM {table} v WHERE v.{owner} = old.id);"
        )
        yield f"CREATE TRIGGER run_dropped_{table} BEFORE DELETE ON run BEGIN {drop_all} END"
        yield (
            f"CREATE TRIGGER run_moved_{table} AFTER UPDATE OF start_time ON run"
            f" WHEN old.start_time IS NOT new.start_time BEGIN {drop_all}"
            f" INSERT INTO {table}_sorted SELECT v.key, {value.format('v')}, new.start_time, new.id"
            f" FROM {table} v WHERE v.{owner} = new.id; END"
        )
    yield "CREATE INDEX run_by_start_time ON run (start_time)"
    for column in ("name", "user_id", "status", "end_time"):
        yield f"CREATE INDEX run_by_{column} ON run ({column}, start_time)"
