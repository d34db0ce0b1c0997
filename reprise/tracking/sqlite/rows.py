"""What the verbs of all entities share: the database they work on, and tables of keyed texts."""

from __future__ import annotations

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from reprise.schemas.entities import ACTIVE, DELETED, ViewType
from reprise.tracking.sqlite.database import Database

Connection = sqlite3.Connection
STAGES: Mapping[str, tuple[str, ...]] = {
    "ACTIVE_ONLY": (ACTIVE,),
    "DELETED_ONLY": (DELETED,),
    "ALL": (ACTIVE, DELETED),
}


class Verbs(ABC):
    """The verbs of one entity; ``EmbeddedStore`` puts them together over one database."""

    @property
    @abstractmethod
    def _database(self) -> Database: ...


def columns(row: type[tuple[object, ...]], table: str = "") -> str:
    """The columns of a named tuple, for SQL; a later migration may add others to its table."""
    prefix = f"{table}." if table else ""
    return ", ".join(f"{prefix}{name}" for name in row._fields)  # type: ignore[attr-defined]


def stages(view_type: ViewType) -> str:
    """The lifecycle stages of a view, as JSON for ``json_each``."""
    return json.dumps(STAGES[view_type])


def pairs(connection: Connection, table: str, owners: Iterable[int]) -> dict[int, dict[str, str]]:
    """The keyed texts of each owner, by key; every owner has an entry."""
    wanted = list(owners)
    found: dict[int, dict[str, str]] = {owner: {} for owner in wanted}
    rows = connection.execute(
        f"SELECT owner, key, value FROM {table} WHERE owner IN (SELECT value FROM json_each(?))"
        " ORDER BY owner, key",
        (json.dumps(wanted),),
    )
    for owner, key, value in rows:
        found[owner][key] = value
    return found


def put_pairs(connection: Connection, table: str, owner: int, values: Mapping[str, str]) -> None:
    """Set keyed texts; those that are there are overwritten."""
    connection.executemany(
        f"INSERT INTO {table} (owner, key, value) VALUES (?, ?, ?)"
        " ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value",
        [(owner, key, value) for key, value in values.items()],
    )


def drop_pair(connection: Connection, table: str, owner: int, key: str) -> bool:
    """Delete a keyed text; whether it was there."""
    return connection.execute(f"DELETE FROM {table} WHERE owner = ? AND key = ?", (owner, key)).rowcount > 0
