"""What a search asks, as SQL with bound values: the conditions of a filter, and the keys of an order.

Every entity is described once as a ``Searchable``; ``search_pages.py`` finds the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reprise.named_tuple import NamedTuple
from reprise.schemas.faults import did_you_mean
from reprise.tracking.search.language import (
    Comparison,
    Literal,
    Name,
    Order,
)
from reprise.tracking.search.vocabulary import IS_PROMPT, NUMBER_OPERATORS, TEXT_OPERATORS

NUMBER_CLASS = "CASE typeof({0}) WHEN 'text' THEN 1 WHEN 'null' THEN 2 ELSE 0 END"
BEGINNING = 100
"""Characters of a text that an index holds; the migration that made it names the number too."""


class Index(NamedTuple):
    """A table ``o`` in the order of (``key``, ``held``, ``started``), or with an index in that order.

    Its rows belong to the entity whose ``t.id`` is ``owner``. ``held`` is a value, or of a text the
    beginning; ``whole`` is all of it, and ``asked`` a bound value as it would be held. ``started`` is
    the start time of the entity, which sorts equal values.
    """

    table: str
    owner: str
    held: str = "o.value"
    whole: str = "o.value"
    asked: str = "?"
    key: str = "o.key = ?"
    started: str = "o.started"


class SqlColumn(NamedTuple):
    """An attribute: its SQL, its type, whether it may be missing, and what it is sorted by instead."""

    sql: str
    is_number: bool = False
    nullable: bool = False
    by: Index | None = None
    sorted_by: str = ""


class Sql(NamedTuple):
    text: str
    values: tuple[Any, ...] = ()


class SqlValues(NamedTuple):
    """Keyed values of an entity: a table joined by ``condition``, for example ``v.owner = t.id``.

    ``newest`` orders the values of one key where there can be several, and the first is sorted by;
    ``narrowed`` says which of them count. ``number`` is the value of texts that may be numbers too.
    """

    table: str
    condition: str
    value: str = "v.value"
    key: str = "v.key"
    is_number: bool = False
    newest: str = ""
    narrowed: Sql = Sql("1")
    by: Index | None = None
    number: str = ""


class Parts(NamedTuple):
    """What an entity consists of: a table joined by ``condition``, and the columns of a part.

    All that a filter says of parts is said of one and the same. ``attribute`` is the SQL of a value whose
    key is bound, for names such as ``attributes.colour``.
    """

    table: str
    condition: str
    columns: Mapping[str, SqlColumn]
    attribute: str


@dataclass(frozen=True)
class Searchable:
    """``table`` is known as ``t`` in all SQL; ``keys`` maps metric, param and tag to their values.

    ``default_order`` is that of a search which names none; ``ties`` follow one that is named, or the
    default order when there are none. ``datasets`` are the texts of its datasets, as tables of (owner,
    value) named ``v``; ``sets`` are attributes with several values, as SQL that joins their ``v.value``; if
    it is ``sorted_once``, an order with a repeated attribute is refused.
    """

    word: str
    table: str
    attributes: Mapping[str, SqlColumn]
    keys: Mapping[str, SqlValues]
    default_order: tuple[str, ...]
    datasets: Mapping[str, str] = field(default_factory=dict)
    sets: Mapping[str, str] = field(default_factory=dict)
    ties: tuple[str, ...] = ()
    parts: Parts | None = None
    sorted_once: bool = False


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


# --- conditions -------------------------------------------------------------------------------


def conditions(target: Searchable, comparisons: Sequence[Comparison]) -> Iterator[Sql]:
    """What a filter asks of ``t``."""
    of_parts = [comparison for comparison in comparisons if comparison.name.entity == "span"]
    if of_parts:
        yield _of_one_part(target, of_parts)
    for comparison in comparisons:
        if comparison.name.entity != "span":
            yield condition(target, comparison)


def _of_one_part(target: Searchable, comparisons: Sequence[Comparison]) -> Sql:
    parts = target.parts
    if parts is None:
        comparisons[0].name.fault(f"{target.word} cannot be searched by spans")
    tests = [_of_part(parts, comparison) for comparison in comparisons]
    text = " AND ".join([parts.condition, *(test.text for test in tests)])
    bound = tuple(value for test in tests for value in test.values)
    return Sql(f"EXISTS (SELECT 1 FROM {parts.table} WHERE {text})", bound)


def _of_part(parts: Parts, comparison: Comparison) -> Sql:
    name = comparison.name
    if (column := parts.columns.get(name.key)) is not None:
        return compare(column.sql, comparison, column.is_number)
    kind, dot, key = name.key.partition(".")
    if kind != "attributes" or not dot or not key:
        known = ", ".join([*parts.columns, "attributes.<name>"])
        name.fault(f"Invalid span attribute {name.key!r}; known are {known}")
    test = compare(parts.attribute, comparison, is_number=False)
    return Sql(test.text, (key.strip("`\"'"), *test.values))


def condition(target: Searchable, comparison: Comparison) -> Sql:
    name = comparison.name
    if name.entity == "attribute":
        if name.key in target.sets:
            return _exists(target.sets[name.key], "v.value", (), comparison, is_number=False)
        column = column_of(target, name)
        return compare(column.sql, comparison, column.is_number)
    if name.entity == "dataset":
        if name.key not in target.datasets:
            name.fault(f"{target.word} have no dataset field {name.key!r}{_known(target.datasets)}")
        source = f"{target.datasets[name.key]} WHERE v.owner = t.id"
        return _exists(source, "v.value", (), comparison, is_number=False)
    values = values_of(target, name)
    source = f"{values.table} WHERE {values.condition} AND {values.key} = ? AND {values.narrowed.text}"
    bound = (name.key, *values.narrowed.values)
    if values.number and _is_about_numbers(comparison):
        return _exists(source, values.number, bound, comparison, is_number=True)
    if name.key == IS_PROMPT and comparison.operator == "!=":  # a flag: where it is not set, it is not true
        same = _exists(source, values.value, bound, replace(comparison, operator="="), values.is_number)
        return Sql(f"NOT {same.text}", same.values)
    return _exists(source, values.value, bound, comparison, values.is_number)


def _is_about_numbers(comparison: Comparison) -> bool:
    return any(not isinstance(value, str) for value in comparison.values)


def _exists(
    source: str, value: str, bound: tuple[Any, ...], comparison: Comparison, is_number: bool
) -> Sql:
    if comparison.operator in {"IS NULL", "IS NOT NULL"}:
        word = "NOT EXISTS" if comparison.operator == "IS NULL" else "EXISTS"
        return Sql(f"{word} (SELECT 1 FROM {source})", bound)
    test = compare(value, comparison, is_number)
    return Sql(f"EXISTS (SELECT 1 FROM {source} AND {test.text})", bound + test.values)


def compare(sql: str, comparison: Comparison, is_number: bool) -> Sql:
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
    """Return a LIKE pattern as GLOB, which is case-sensitive."""
    quoted = (f"[{c}]" if c in "*?[" else c for c in str(pattern))
    return "".join(quoted).replace("%", "*").replace("_", "?")


def column_of(target: Searchable, name: Name) -> SqlColumn:
    column = target.attributes.get(name.key)
    if column is None:
        near = did_you_mean(name.key, target.attributes)
        name.fault(
            f"Invalid attribute key: {target.word} have no attribute {name.key!r}{near}"
            f"{_known(target.attributes)}"
        )
    return column


def values_of(target: Searchable, name: Name) -> SqlValues:
    values = target.keys.get(name.entity)
    if values is None:
        name.fault(f"{target.word} cannot be searched by {name.entity}s")
    return values


def _known(names: Mapping[str, object]) -> str:
    return f"; known are {', '.join(sorted(names))}" if names else ""


# --- order ------------------------------------------------------------------------------------


def sort_key(target: Searchable, order: Order) -> Iterator[SortKey]:
    """Missing values come last in either direction, and NaN before them."""
    if order.name.entity == "attribute":
        column = column_of(target, order.name)
        if column.nullable:
            yield SortKey(Sql(f"{column.sql} IS NULL"))
        yield SortKey(Sql(column.sorted_by or column.sql), order.ascending)
        return
    if order.name.entity == "dataset":
        order.name.fault(f"{target.word} cannot be sorted by datasets")
    values = values_of(target, order.name)
    yield from keyed_order(values, order.name.key, order.ascending)


def keyed_order(values: SqlValues, key: str, ascending: bool) -> Iterator[SortKey]:
    """Sort keys of the newest value that ``key`` has."""
    sql = (
        f"(SELECT {values.value} FROM {values.table} WHERE {values.condition}"
        f" AND {values.key} = ? AND {values.narrowed.text} {values.newest} LIMIT 1)"
    )
    bound = (key, *values.narrowed.values)
    rank = NUMBER_CLASS.format(sql) if values.is_number else f"{sql} IS NULL"
    yield SortKey(Sql(rank, bound))
    yield SortKey(Sql(sql, bound), ascending)
