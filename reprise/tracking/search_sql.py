"""A search as SQL with bound values, and its pages by keyset.

Every entity is described once as a ``Searchable``. A page is found in two steps: the ids of its rows here,
then the caller reads those rows whole. A page token holds the sort values of the last row, so a deep page
costs what the first one does, and rows that arrive in between are neither repeated nor skipped.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from reprise.tracking.paging import decode, encode
from reprise.tracking.search import Comparison, Literal, Name, Order, parse_filter, parse_order

TEXT_OPERATORS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL")
NUMBER_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL")
NUMBER_CLASS = "CASE typeof({0}) WHEN 'text' THEN 1 WHEN 'null' THEN 2 ELSE 0 END"


class Column(NamedTuple):
    """An attribute: its SQL, its type, and whether it may be missing."""

    sql: str
    is_number: bool = False
    nullable: bool = False


class Sql(NamedTuple):
    text: str
    values: tuple[Any, ...] = ()


class Values(NamedTuple):
    """Keyed values of an entity: a table joined by ``condition``, for example ``v.owner = t.id``.

    ``newest`` orders the values of one key where there can be several, and the first is sorted by;
    ``narrowed`` says which of them count.
    """

    table: str
    condition: str
    value: str = "v.value"
    key: str = "v.key"
    is_number: bool = False
    newest: str = ""
    narrowed: Sql = Sql("1")


@dataclass(frozen=True)
class Searchable:
    """``table`` is known as ``t`` in all SQL; ``keys`` maps metric, param and tag to their values.

    ``sets`` are attributes of which an entity has several, as SQL that joins their ``v.value``.
    """

    word: str
    table: str
    attributes: Mapping[str, Column]
    keys: Mapping[str, Values]
    default_order: tuple[str, ...]
    datasets: Mapping[str, str] = field(default_factory=dict)
    sets: Mapping[str, str] = field(default_factory=dict)


IS_PROMPT = "mlflow.prompt.is_prompt"
"""The tag that makes a registered model a prompt."""


class SortKey(NamedTuple):
    sql: Sql
    ascending: bool = True


class Query(NamedTuple):
    """What to search: a filter and an order in the language, within ``scope``."""

    target: Searchable
    scope: Sql
    filter: str = ""
    order_by: Sequence[str] = ()
    extra_order: Sequence[SortKey] = ()


def page(
    connection: sqlite3.Connection, query: Query, max_results: int, token: str | None
) -> tuple[list[int], str | None]:
    """The ids (``t.id``) of the next rows in order, and the token of the page after them."""
    conditions = [query.scope, *(_condition(query.target, c) for c in parse_filter(query.filter))]
    keys = list(_sort_keys(query))
    columns = ", ".join(f"{key.sql.text} AS s{i}" for i, key in enumerate(keys))
    values = [value for key in keys for value in key.sql.values]
    values += [value for condition in conditions for value in condition.values]
    where = " AND ".join(f"({condition.text})" for condition in conditions)
    after = Sql("1") if not token else _after(keys, decode(token, _scope(query), len(keys)))
    order = ", ".join(f"s{i}{'' if key.ascending else ' DESC'}" for i, key in enumerate(keys))
    rows = connection.execute(
        f"SELECT * FROM (SELECT t.id, {columns} FROM {query.target.table} WHERE {where})"
        f" WHERE {after.text} ORDER BY {order} LIMIT ?",
        (*values, *after.values, max_results + 1),
    ).fetchall()
    more = len(rows) > max_results
    shown = rows[:max_results]
    return [row[0] for row in shown], encode(shown[-1][1:], _scope(query)) if more else None


# --- conditions -------------------------------------------------------------------------------


def _condition(target: Searchable, comparison: Comparison) -> Sql:
    name = comparison.name
    if name.entity == "attribute":
        if name.key in target.sets:
            return _exists(target.sets[name.key], "v.value", (), comparison, is_number=False)
        column = _column(target, name)
        return _compare(column.sql, comparison, column.is_number)
    if name.entity == "dataset":
        if name.key not in target.datasets:
            name.fault(f"{target.word} have no dataset field {name.key!r}{_known(target.datasets)}")
        return _exists(target.datasets[name.key], "v.value", (), comparison, is_number=False)
    values = _values(target, name)
    source = f"{values.table} WHERE {values.condition} AND {values.key} = ? AND {values.narrowed.text}"
    bound = (name.key, *values.narrowed.values)
    if name.key == IS_PROMPT and comparison.operator == "!=":  # a flag: where it is not set, it is not true
        same = _exists(source, values.value, bound, replace(comparison, operator="="), values.is_number)
        return Sql(f"NOT {same.text}", same.values)
    return _exists(source, values.value, bound, comparison, values.is_number)


def _exists(
    source: str, value: str, bound: tuple[Any, ...], comparison: Comparison, is_number: bool
) -> Sql:
    if comparison.operator in {"IS NULL", "IS NOT NULL"}:
        word = "NOT EXISTS" if comparison.operator == "IS NULL" else "EXISTS"
        return Sql(f"{word} (SELECT 1 FROM {source})", bound)
    test = _compare(value, comparison, is_number)
    return Sql(f"EXISTS (SELECT 1 FROM {source} AND {test.text})", bound + test.values)


def _compare(sql: str, comparison: Comparison, is_number: bool) -> Sql:
    operator, values = comparison.operator, comparison.values
    allowed = NUMBER_OPERATORS if is_number else TEXT_OPERATORS
    if operator not in allowed:
        comparison.fault(f"{comparison.name.key!r} is compared by {', '.join(allowed)}, not {operator}")
    if not values:
        return Sql(f"{sql} {operator}")
    for value in values:
        if isinstance(value, str) is is_number:
            wanted = "a number" if is_number else "a quoted text"
            comparison.fault(f"{comparison.name.key!r} is compared with {wanted}, not {value!r}")
    if operator in {"IN", "NOT IN"}:
        return Sql(f"{sql} {operator} ({', '.join('?' * len(values))})", values)
    if operator == "LIKE":
        return Sql(f"{sql} GLOB ?", (_glob(values[0]),))
    if operator == "ILIKE":
        return Sql(f"{sql} LIKE ?", values)
    numeric = f"typeof({sql}) != 'text' AND " if is_number and operator != "!=" else ""
    return Sql(f"{numeric}{sql} {operator} ?", values)


def _glob(pattern: Literal) -> str:
    """A LIKE pattern as GLOB, which tells capitals from small letters."""
    quoted = (f"[{c}]" if c in "*?[" else c for c in str(pattern))
    return "".join(quoted).replace("%", "*").replace("_", "?")


def _column(target: Searchable, name: Name) -> Column:
    column = target.attributes.get(name.key)
    if column is None:
        name.fault(f"{target.word} have no attribute {name.key!r}{_known(target.attributes)}")
    return column


def _values(target: Searchable, name: Name) -> Values:
    values = target.keys.get(name.entity)
    if values is None:
        name.fault(f"{target.word} cannot be searched by {name.entity}s")
    return values


def _known(names: Mapping[str, object]) -> str:
    return f"; known are {', '.join(sorted(names))}" if names else ""


# --- order and pages --------------------------------------------------------------------------


def _sort_keys(query: Query) -> Iterator[SortKey]:
    """The order asked for, then the default order, then the id, which makes it total."""
    yield from query.extra_order
    for text in (*query.order_by, *query.target.default_order):
        yield from sort_key(query.target, parse_order(text))
    yield SortKey(Sql("t.id"))


def sort_key(target: Searchable, order: Order) -> Iterator[SortKey]:
    """Missing values come last in either direction, and NaN before them."""
    if order.name.entity == "attribute":
        column = _column(target, order.name)
        if column.nullable:
            yield SortKey(Sql(f"{column.sql} IS NULL"))
        yield SortKey(Sql(column.sql), order.ascending)
        return
    if order.name.entity == "dataset":
        order.name.fault(f"{target.word} cannot be sorted by datasets")
    values = _values(target, order.name)
    yield from keyed_order(values, order.name.key, order.ascending)


def keyed_order(values: Values, key: str, ascending: bool) -> Iterator[SortKey]:
    """Sort keys of the newest value that ``key`` has."""
    sql = (
        f"(SELECT {values.value} FROM {values.table} WHERE {values.condition}"
        f" AND {values.key} = ? AND {values.narrowed.text} {values.newest} LIMIT 1)"
    )
    bound = (key, *values.narrowed.values)
    rank = NUMBER_CLASS.format(sql) if values.is_number else f"{sql} IS NULL"
    yield SortKey(Sql(rank, bound))
    yield SortKey(Sql(sql, bound), ascending)


def _after(keys: Sequence[SortKey], last: Sequence[Any]) -> Sql:
    """The rows that sort after the row with the sort values ``last``."""
    first = "<=" if not keys[0].ascending else ">="
    branches, values = [], [last[0]]
    for i, key in enumerate(keys):
        equal = "".join(f"s{j} IS ? AND " for j in range(i))
        branches.append(f"({equal}s{i} {'>' if key.ascending else '<'} ?)")
        values += [*last[:i], last[i]]
    return Sql(f"s0 {first} ? AND ({' OR '.join(branches)})", tuple(values))


def _scope(query: Query) -> str:
    """What a page token is good for: this search and no other."""
    return repr(
        (query.target.word, query.scope, query.filter, list(query.order_by), list(query.extra_order))
    )
