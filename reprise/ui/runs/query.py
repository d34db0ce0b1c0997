"""The query in the address of a table of runs."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import ViewType
from reprise.tracking.search.language import parse_order
from reprise.ui.runs.columns import (
    MOST_COLUMNS,
    Column,
    column,
    column_of,
    columns,
)

MOST_SORTS = 5
EVERY = "*"
"""The value of ``open`` that unfolds all runs."""

_IN_WORDS = re.compile(r"\s(ASC|DESC)\s*$|^\w+\.[`\"']", re.IGNORECASE)


class Sort(NamedTuple):
    column: Column
    falls: bool

    @property
    def id(self) -> str:
        return f"{'-' if self.falls else ''}{self.column.id}"


class RunQuery(NamedTuple):
    """A query; ``open`` are the ids of runs that show their nested runs; without ``columns``: the defaults.

    ``unsorted`` are sort keys that are not columns; ``left_out`` is the number of columns above the
    maximum.
    """

    experiment_id: str
    filter: str = ""
    sort: tuple[Sort, ...] = ()
    unsorted: tuple[str, ...] = ()
    deleted: bool = False
    columns: tuple[Column, ...] = ()
    left_out: int = 0
    open: frozenset[str] = frozenset()

    @property
    def order_by(self) -> tuple[str, ...]:
        return tuple(f"{sort.column.name} {'DESC' if sort.falls else 'ASC'}" for sort in self.sort)

    @property
    def view_type(self) -> ViewType:
        return "DELETED_ONLY" if self.deleted else "ACTIVE_ONLY"

    def sorted_by(self, id: str) -> tuple[int, bool] | None:
        """Return the rank of a column among the sort keys, from 1, and whether it is descending."""
        for rank, sort in enumerate(self.sort, 1):
            if sort.column.id == id:
                return rank, sort.falls
        return None

    def text(self) -> str:
        """Return the query for an address, without the open runs."""
        pairs = [
            *([("filter", self.filter)] if self.filter else []),
            *(("sort", sort.id) for sort in self.sort),
            *([("view", "deleted")] if self.deleted else []),
            *(("columns", one.id) for one in self.columns),
        ]
        return urlencode(pairs)


def read(experiment_id: str, given: QueryParams) -> RunQuery:
    """Parse the query of an address; invalid columns are left out."""
    asked = given.getlist("sort")[:MOST_SORTS]
    sorts = [_sort(text) for text in asked]
    return RunQuery(
        experiment_id,
        given.get("filter", "").strip(),
        tuple(sort for sort in sorts if sort),
        tuple(text for text, sort in zip(asked, sorts, strict=True) if sort is None),
        given.get("view") == "deleted",
        columns(given.getlist("columns")),
        max(0, len(given.getlist("columns")) - MOST_COLUMNS),
        frozenset(given.getlist("open")),
    )


def _sort(text: str) -> Sort | None:
    """Parse a sort key: a column id, ``-metrics.acc``, or the search language, ``metrics.acc DESC``."""
    found = column(text.removeprefix("-"))
    if found is not None and found.name and not _IN_WORDS.search(text):
        return Sort(found, text.startswith("-"))
    try:
        order = parse_order(text)
    except TrackingError:
        return None
    found = column_of(order.name)
    return Sort(found, not order.ascending) if found is not None and found.name else None
