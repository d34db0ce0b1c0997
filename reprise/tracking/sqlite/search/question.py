"""A search that was read: what its rows must meet, what is known of that by indexes, and its order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reprise.named_tuple import NamedTuple
from reprise.tracking.search.language import (
    MOST_ORDERS,
    Comparison,
    Order,
    parse_filter,
    parse_order,
)
from reprise.tracking.sqlite.search.index import bounds, index_of, narrowed
from reprise.tracking.sqlite.search.sql import (
    Index,
    Query,
    Searchable,
    SortKey,
    Sql,
    compare,
    conditions,
    sort_key,
)
from reprise.tracking.validation import invalid


class Narrowing(NamedTuple):
    """The ids of the rows that meet a condition, or of some more; ``of`` is what the condition is about."""

    ids: Sql
    of: tuple[str, str] | None = None


class Sorting(NamedTuple):
    """One item of an order: its sort keys (one, or a rank that puts missing values last, and the value)."""

    keys: tuple[SortKey, ...]
    order: Order | None = None
    by: Index | None = None

    @property
    def of(self) -> tuple[str, str] | None:
        return (self.order.name.entity, self.order.name.key) if self.order else None


@dataclass(frozen=True)
class ReadSearch:
    """A search that was read: ``conditions`` are about ``t``, ``narrowing`` about some of them."""

    target: Searchable
    conditions: tuple[Sql, ...]
    comparisons: tuple[Comparison, ...]
    narrowing: tuple[Narrowing, ...]
    order: tuple[Sorting, ...]

    @property
    def keys(self) -> list[SortKey]:
        return [key for sorting in self.order for key in sorting.keys]


def read(query: Query) -> ReadSearch:
    """Refused with an arrow at the character when it cannot be read."""
    target, comparisons = query.target, tuple(parse_filter(query.filter))
    if max(len(query.order_by), len(query.extra_order)) > MOST_ORDERS:
        raise invalid(f"a search is sorted by at most {MOST_ORDERS} names")
    if target.sorted_once:
        _refuse_repeats(query.order_by, target)
    ties = (query.order_by and target.ties) or target.default_order
    order = [
        *(Sorting((key,)) for key in query.extra_order),
        *(_sorting(target, parse_order(text)) for text in (*query.order_by, *ties)),
        Sorting((SortKey(Sql("t.id")),)),
    ]
    return ReadSearch(
        target=target,
        conditions=(query.scope, *conditions(target, comparisons)),
        comparisons=comparisons,
        narrowing=tuple(_narrowing(query, comparisons)),
        order=tuple(order),
    )


def _refuse_repeats(order_by: Sequence[str], target: Searchable) -> None:
    """Two names of one column, or the same name twice, as MLflow refuses them."""
    keys = [tuple(sort_key(target, parse_order(text)))[-1].sql for text in order_by]
    if len(set(keys)) < len(keys):
        raise invalid(f"`order_by` contains duplicate fields: {list(order_by)}")


def _sorting(target: Searchable, order: Order) -> Sorting:
    keys = tuple(sort_key(target, order))
    return Sorting(keys, order, index_of(target, order.name.entity, order.name.key))


def _narrowing(query: Query, comparisons: Sequence[Comparison]) -> Iterator[Narrowing]:
    """What is known of the conditions that have an index."""
    target = query.target
    yield Narrowing(Sql(f"SELECT t.id FROM {target.table} WHERE {query.scope.text}", query.scope.values))
    for comparison in comparisons:
        name = comparison.name
        if name.entity == "dataset" and comparison.values:
            test = compare("v.value", comparison, is_number=False)
            source = f"SELECT v.owner AS id FROM {target.datasets[name.key]}"
            yield Narrowing(Sql(f"{source} WHERE {test.text}", test.values))
        index = index_of(target, name.entity, name.key)
        if index is None or comparison.operator == "IS NULL":
            continue
        limits = bounds(index, comparison)
        if any(limits) or name.entity != "attribute":
            yield Narrowing(narrowed(index, name.key, limits), (name.entity, name.key))
