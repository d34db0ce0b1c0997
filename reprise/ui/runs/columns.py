"""The columns of a table of runs: attributes, and one for each metric, param and tag.

The address of a page contains column ids: ``status``, ``metrics.acc``, ``tags.team``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reprise.named_tuple import NamedTuple
from reprise.schemas import tags
from reprise.tracking.search.language import Name
from reprise.tracking.search.vocabulary import RUN_ATTRIBUTES
from reprise.tracking.views import Keys

MOST_COLUMNS = 200
_LONGEST = 300  # characters of a column's id
_AT_FIRST = 4  # metrics and params that a table shows by default
_PLAIN = re.compile(r"[\w.\-/]+")
_NEVER_AT_FIRST = "system/"


class Column(NamedTuple):
    """A column; ``kind`` selects how a cell is drawn; ``name`` is its name in the search language, if any.

    ``key`` is that of a metric, param or tag. ``falls``: the first click sorts in descending order.
    """

    id: str
    title: str
    kind: str
    name: str = ""
    key: str = ""
    falls: bool = False


NAME = Column("name", "Run", "name", "run_name")
FIXED = (
    Column("status", "Status", "status", "status"),
    Column("created", "Created", "created", "start_time", falls=True),
    Column("duration", "Duration", "duration", "duration", falls=True),
    Column("source", "Source", "source", f"tags.{tags.SOURCE_NAME}"),
    Column("entry", "Entry point", "entry", f"tags.{tags.ENTRY_POINT}"),
    Column("commit", "Commit", "commit", f"tags.{tags.GIT_COMMIT}"),
    Column("user", "User", "user", f"tags.{tags.USER}"),
    Column("models", "Models", "models", "models"),
    Column("verdict", "Verdict", "verdict", f"tags.{tags.VERDICT}"),
)
_BY_ID = {column.id: column for column in (NAME, *FIXED)}
_BY_NAME = {column.name: column for column in _BY_ID.values() if column.name}
_BEFORE = ("status", "verdict", "created", "duration")
_BEHIND = ("source", "commit", "models", "user")


def column(id: str) -> Column | None:
    """Return the column with an id, or None."""
    if found := _BY_ID.get(id):
        return found
    kind, dot, key = id.partition(".")
    if not (dot and key) or kind not in ("metrics", "params", "tags") or len(id) > _LONGEST:
        return None
    return Column(id, key, kind.removesuffix("s"), quoted(kind, key), key, falls=kind == "metrics")


def column_of(name: Name) -> Column | None:
    """Return the column with a name in the search language, or None."""
    if name.entity != "attribute":
        return _BY_NAME.get(f"{name.entity}s.{name.key}") or column(f"{name.entity}s.{name.key}")
    meant = RUN_ATTRIBUTES.get(name.key)  # an attribute can have several names
    found = (one for one in _BY_ID.values() if meant and RUN_ATTRIBUTES.get(one.name) == meant)
    return next(found, None)


def columns(ids: Sequence[str]) -> tuple[Column, ...]:
    """Return the valid ``ids`` without duplicates."""
    known = (column(id) for id in dict.fromkeys(ids[:MOST_COLUMNS]))
    return tuple(one for one in known if one is not None and one is not NAME)


def at_first(keys: Keys) -> tuple[Column, ...]:
    """Return the default columns."""
    metrics = [key for key in keys.metrics if not key.startswith(_NEVER_AT_FIRST)][:_AT_FIRST]
    ids = (*(f"metrics.{key}" for key in metrics), *(f"params.{key}" for key in keys.params[:_AT_FIRST]))
    return columns((*_BEFORE, *ids, *_BEHIND))


def every(keys: Keys) -> tuple[Column, ...]:
    """Return all columns that a table can have."""
    ids = (
        *(f"metrics.{key}" for key in keys.metrics),
        *(f"params.{key}" for key in keys.params),
        *(f"tags.{key}" for key in keys.tags),
    )
    return (*FIXED, *(found for id in ids if (found := column(id)) is not None))


def quoted(kind: str, key: str) -> str:
    """Quote a key for the search language; ``""`` if it cannot be quoted."""
    if _PLAIN.fullmatch(key):
        return f"{kind}.{key}"
    mark = next((mark for mark in "`\"'" if mark not in key), None)
    return f"{kind}.{mark}{key}{mark}" if mark else ""
