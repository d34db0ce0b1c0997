"""How a database index narrows a search: the bounds of the values of a comparison."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reprise.named_tuple import NamedTuple
from reprise.tracking.search.language import Comparison
from reprise.tracking.sqlite.search.sql import (
    BEGINNING,
    Index,
    Searchable,
    Sql,
)

SHORTEST, LONGEST = 256, 4096
"""Entries of an index that are walked through at once: few for the first page's sake, more later."""


class Bounds(NamedTuple):
    """Conditions on what an index holds: to be met exactly, and at its two ends."""

    exact: tuple[Sql, ...] = ()
    low: tuple[Sql, ...] = ()
    high: tuple[Sql, ...] = ()

    def __or__(self, other: Bounds) -> Bounds:
        return Bounds(self.exact + other.exact, self.low + other.low, self.high + other.high)


def index_of(target: Searchable, entity: str, key: str) -> Index | None:
    """The index of an attribute or of keyed values, where there is one."""
    found = target.attributes.get(key) if entity == "attribute" else target.keys.get(entity)
    return found.by if found else None


def keys_of(index: Index, key: str) -> tuple[str, ...]:
    """The bound value of ``index.key``, which an attribute does not need."""
    return (key,) if "?" in index.key else ()


def bounds(index: Index, comparison: Comparison) -> Bounds:
    """What ``comparison`` says of the values in ``index``; it may let more values pass, and never fewer."""
    operator, values = comparison.operator, comparison.values
    held, one = index.held, index.asked
    if operator in {"=", "IN"}:
        return Bounds(exact=(Sql(f"{held} IN ({', '.join([one] * len(values))})", values),))
    if operator in {">", ">="}:
        return Bounds(low=(Sql(f"{held} {operator} ?", values),), high=numbers(index))
    if operator in {"<", "<="}:
        return Bounds(high=(Sql(f"{held} {operator} ?", values),))
    if operator == "LIKE" and (start := _fixed_start(str(values[0]))):
        end = _behind(start[:BEGINNING])
        high = (Sql(f"{held} < {one}", (end,)),) if end else ()
        return Bounds(low=(Sql(f"{held} >= {one}", (start,)),), high=high)
    return Bounds()


def numbers(index: Index) -> tuple[Sql, ...]:
    """Every number is less than any text, as which NaN is stored."""
    return (Sql(f"{index.held} < ''"),)


def _fixed_start(pattern: str) -> str:
    ends = [at for at in (pattern.find("%"), pattern.find("_")) if at >= 0]
    return pattern[: min(ends)] if ends else pattern


def _behind(start: str) -> str:
    """The first text after all that begin with ``start``; ``""`` when there is none."""
    last = ord(start[-1]) + 1
    if last > 0x10FFFF:
        return ""
    return start[:-1] + chr(0xE000 if 0xD800 <= last <= 0xDFFF else last)


def narrowed(index: Index, key: str, limits: Bounds) -> Sql:
    """Return the ids with a value within the bounds."""
    return _select(
        index, f"{index.owner} AS id", keys_of(index, key), [*limits.exact, *limits.low, *limits.high]
    )


def _select(index: Index, what: str, key: Sequence[Any], conditions: Sequence[Sql]) -> Sql:
    where = " AND ".join([index.key, *(condition.text for condition in conditions)])
    values = (*key, *(value for condition in conditions for value in condition.values))
    return Sql(f"SELECT {what} FROM {index.table} WHERE {where}", values)


class IndexPiece(NamedTuple):
    """A part of an index, as a condition; ``same`` when all its entries hold one value."""

    where: Sql
    same: bool


@dataclass(frozen=True)
class Path:
    """The values of one key in their order, as a search walks along them."""

    index: Index
    key: tuple[str, ...]
    ascending: bool
    limits: Bounds

    def pieces(self, connection: sqlite3.Connection, after: Any = None) -> Iterator[IndexPiece]:
        """Consecutive pieces, cut where the value changes; with ``after``, from its held value on.

        Entries of equal value are in the index by start time, but a search may need the reverse order. A
        piece is therefore short enough to be sorted, or contains one value, which is read from either end.
        """
        start: Sql | None = None
        if after is not None:
            yield IndexPiece(Sql(f"{self.index.held} = ?", (after,)), same=True)
            start = self._beyond(after)
        size = SHORTEST
        while (first := self._edge(connection, start, 0)) is not None:
            cut = self._edge(connection, start, size)
            if cut == first:
                yield IndexPiece(Sql(f"{self.index.held} = ?", first), same=True)
                start = self._beyond(first[0])
                continue
            stop = (
                None if cut is None else Sql(f"{self.index.held} {'<' if self.ascending else '>'} ?", cut)
            )
            yield IndexPiece(_all(self._within(start, stop)), same=False)
            if cut is None:
                return
            start = Sql(f"{self.index.held} {'>=' if self.ascending else '<='} ?", cut)
            size = min(2 * size, LONGEST)

    def _beyond(self, value: Any) -> Sql:
        return Sql(f"{self.index.held} {'>' if self.ascending else '<'} ?", (value,))

    def _edge(self, connection: sqlite3.Connection, start: Sql | None, offset: int) -> tuple[Any] | None:
        """What the index holds ``offset`` entries after ``start``."""
        select = _select(self.index, self.index.held, self.key, self._within(start, None))
        direction = "" if self.ascending else " DESC"
        edge: tuple[Any] | None = connection.execute(
            f"{select.text} ORDER BY {self.index.held}{direction} LIMIT 1 OFFSET ?",
            (*select.values, offset),
        ).fetchone()
        return edge

    def _within(self, start: Sql | None, stop: Sql | None) -> list[Sql]:
        near, far = (self.limits.low, self.limits.high)
        if not self.ascending:
            near, far = far, near
        return [
            *self.limits.exact,
            *((start,) if start else near),  # a single near end, or SQLite may seek from the wrong one
            *((stop,) if stop else far),
        ]


def _all(conditions: Sequence[Sql]) -> Sql:
    values = tuple(value for condition in conditions for value in condition.values)
    return Sql(" AND ".join(condition.text for condition in conditions) or "1", values)
