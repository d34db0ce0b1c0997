"""What the store remembers of things that were copied into it, in its table ``origin``."""

from __future__ import annotations

from collections.abc import Mapping

from reprise.named_tuple import NamedTuple
from reprise.tracking.merging.merge import Said, decode_said, said_of
from reprise.tracking.sqlite.rows import Connection, drop_pair, put_pairs


class CopyOrigin(NamedTuple):
    """``here`` is the number of its row; ``saw_files``: a copy has reached its artifacts."""

    here: int
    said: Said
    saw_files: bool


def read_origin(connection: Connection, kind: str, identity: str) -> CopyOrigin | None:
    row = connection.execute(
        "SELECT here, said, saw_files FROM origin WHERE kind = ? AND id = ?", (kind, identity)
    ).fetchone()
    return None if row is None else CopyOrigin(row[0], decode_said(row[1]), bool(row[2]))


def write_origin(
    connection: Connection, kind: str, identity: str, here: int, fields: Mapping[str, str], *, is_new: bool
) -> None:
    """Note what the source says of it now; of a new one no copy has seen the files yet."""
    connection.execute(
        "INSERT INTO origin (kind, id, here, said, saw_files) VALUES (?, ?, ?, ?, 0)"
        " ON CONFLICT (kind, id) DO UPDATE SET here = excluded.here, said = excluded.said,"
        " saw_files = iif(?, 0, saw_files)",
        (kind, identity, here, said_of(fields).encode(), is_new),
    )


def note_files_seen(connection: Connection, kind: str, identity: str) -> None:
    connection.execute("UPDATE origin SET saw_files = 1 WHERE kind = ? AND id = ?", (kind, identity))


def change_tags(connection: Connection, table: str, owner: int, changes: Mapping[str, str | None]) -> None:
    """Make the changes of a merge; None removes a tag."""
    for key, value in changes.items():
        if value is None:
            drop_pair(connection, table, owner, key)
        else:
            put_pairs(connection, table, owner, {key: value})
