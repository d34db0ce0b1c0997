"""The pages of a search, by keyset.

A page is found in two steps: the ids of its rows here, then the caller reads those rows whole. A page token
holds the sort values of the last row, so a deep page costs what the first one does, and rows that arrive in
between are neither repeated nor skipped.

Where there are indexes, a page is found in one of two ways. When a condition holds for few rows, these are
looked at one by one and sorted. Otherwise the index of what the search is sorted by is walked along, and
rows that do not meet the conditions are left out, until the page is full. With ``n`` rows in the table, of
which ``c`` meet the condition, and ``p`` on a page, the first way looks at ``c`` rows and the second at
about ``p * n / c``: the better of the two never looks at many more than ``sqrt(p * n)``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isqrt
from typing import Any

from reprise.tracking.search.language import Comparison
from reprise.tracking.search.paging import decode, encode
from reprise.tracking.sqlite.search.index import (
    Bounds,
    IndexPiece,
    Path,
    bounds,
    keys_of,
    narrowed,
    numbers,
)
from reprise.tracking.sqlite.search.question import (
    Narrowing,
    ReadSearch,
    Sorting,
    read,
)
from reprise.tracking.sqlite.search.sql import (
    BEGINNING,
    Index,
    Query,
    Searchable,
    SortKey,
    Sql,
    condition,
)
from reprise.tracking.validation import invalid

Row = tuple[Any, ...]
"""``t.id``, then the sort values."""

_SORTING = 4
"""What it costs to sort a row, where leaving one out costs 1."""


def page(
    connection: sqlite3.Connection, query: Query, max_results: int, token: str | None
) -> tuple[list[int], str | None]:
    """The ids (``t.id``) of the next rows in order, and the token of the page after them."""
    search = read(query)
    scope = _scope(query)
    last = decode(token, scope, len(search.keys)) if token else None
    rows = list(_found(connection, search, last, max_results + 1))
    shown = rows[:max_results]
    return [row[0] for row in shown], encode(shown[-1][1:], scope) if len(rows) > max_results else None


def _found(
    connection: sqlite3.Connection, search: ReadSearch, last: Sequence[Any] | None, most: int
) -> Iterator[Row]:
    """The first ``most`` rows after ``last``."""
    table = search.target.table
    if search.order[0].by is None:
        return _rows(connection, Sql(table), search, search.keys, most, last=last)
    if few := _few(connection, search, most):
        source = Sql(
            f"(SELECT DISTINCT id FROM ({few.text})) c CROSS JOIN {table} ON t.id = c.id", few.values
        )
        return _rows(connection, source, search, search.keys, most, last=last)
    return _walked(connection, search, last, most)


def _few(connection: sqlite3.Connection, search: ReadSearch, most: int) -> Sql | None:
    """The narrowest condition, when it pays to begin with the rows that meet it; None: it does not.

    Counted are only so many rows as could matter. Conditions are taken to be independent.
    """
    rows = connection.execute(f"SELECT max(t.id) FROM {search.target.table}").fetchone()[0] or 1
    limit = 2 * isqrt(most * rows)
    meet = skipped = 1.0  # shares of the rows: that meet all conditions, that a walk does not come by
    fewest, best = limit, None
    for narrow in search.narrowing:
        count = connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM ({narrow.ids.text}) LIMIT ?)", (*narrow.ids.values, limit)
        ).fetchone()[0]
        if count == 0:
            return narrow.ids
        if count < limit:
            meet *= min(1.0, count / rows)
            skipped *= min(1.0, count / rows) if narrow.of == search.order[0].of else 1.0
        if count < fewest:
            fewest, best = count, narrow.ids
    walked = skipped * (rows if rows * meet <= most else most / meet)
    return best if fewest + _SORTING * rows * meet < walked else None


def _rows(
    connection: sqlite3.Connection,
    source: Sql,
    search: ReadSearch,
    keys: Sequence[SortKey],
    most: int,
    *,
    first: SortKey | None = None,
    sorted_from: int = 0,
    last: Sequence[Any] | None = None,
) -> Iterator[Row]:
    """Rows of ``source`` that meet the conditions, sorted ``first`` and then by ``keys[sorted_from:]``."""
    columns = ", ".join(f"{key.sql.text} AS s{i}" for i, key in enumerate(keys))
    where = " AND ".join(f"({one.text})" for one in search.conditions)
    after = _after(keys, last, sorted_from) if last is not None else Sql("1")
    names = [f"s{i}{'' if key.ascending else ' DESC'}" for i, key in enumerate(keys)][sorted_from:]
    if first:
        names.insert(0, f"{first.sql.text}{'' if first.ascending else ' DESC'}")
    values = (
        *(value for key in keys for value in key.sql.values),
        *source.values,
        *(value for one in search.conditions for value in one.values),
        *after.values,
        most,
    )
    return connection.execute(
        f"SELECT t.id, {columns} FROM {source.text} WHERE {where} AND {after.text}"
        f" ORDER BY {', '.join(names)} LIMIT ?",
        values,
    )


# --- walking along an index -------------------------------------------------------------------


def _walked(
    connection: sqlite3.Connection, search: ReadSearch, last: Sequence[Any] | None, most: int
) -> Iterator[Row]:
    """The rows in the order of an index: numbers or texts, then NaN, then those without a value."""
    sorting, rest = search.order[0], search.order[1:]
    assert sorting.order and sorting.by
    name, width = sorting.order.name, len(sorting.keys)
    same_name = [one for one in search.comparisons if (one.name.entity, one.name.key) == sorting.of]
    rank = _rank(last, width)
    found = 0
    if not any(one.operator == "IS NULL" for one in same_name):
        for number, limits in enumerate(_classes(sorting, same_name)):
            if number < rank:
                continue
            path = Path(sorting.by, keys_of(sorting.by, name.key), sorting.order.ascending, limits)
            for row in _along(
                connection, search, path, number, last if number == rank else None, most - found
            ):
                found += 1
                yield row
            if found == most:
                return
    if width == 2 and all(one.operator == "IS NULL" for one in same_name):
        number = 2 if name.entity == "metric" else 1
        missing = condition(search.target, Comparison(name, "IS NULL", (), name.at))
        without = replace(search, conditions=(*search.conditions, missing), order=rest)
        rest_last = last[width:] if last is not None and rank == number else None
        for row in _found(connection, without, rest_last, most - found):
            yield (row[0], number, None, *row[1:])


def _rank(last: Sequence[Any] | None, width: int) -> int:
    """Return the index of the values at which the walk continues: 0 for the first."""
    if last is None or width == 1:
        return 0
    if last[0] not in (0, 1, 2):
        raise invalid("page_token belongs to another search")
    return int(last[0])


def _classes(sorting: Sorting, comparisons: Sequence[Comparison]) -> Iterator[Bounds]:
    """The values that are sorted among each other, within what the filter says of them."""
    assert sorting.order and sorting.by
    limits = Bounds()
    for comparison in comparisons:
        limits |= bounds(sorting.by, comparison)
    if sorting.order.name.entity != "metric":
        known = () if limits.low else (Sql(f"{sorting.by.held} IS NOT NULL"),)
        yield limits | Bounds(low=known)
        return
    yield limits if limits.high else limits | Bounds(high=numbers(sorting.by))
    if not any(limits):
        yield Bounds(exact=(Sql(f"{sorting.by.held} = 'nan'"),))


def _along(
    connection: sqlite3.Connection,
    search: ReadSearch,
    path: Path,
    rank: int,
    last: Sequence[Any] | None,
    most: int,
) -> Iterator[Row]:
    """Rows of one class; ``most`` of them at most."""
    index, width = path.index, len(search.order[0].keys)
    value = SortKey(Sql(index.whole), path.ascending)
    rest = [_by_index(key, index) for sorting in search.order[1:] for key in sorting.keys]
    keys = [*[SortKey(Sql(str(rank)))][: width - 1], value, *rest]
    held = SortKey(Sql(index.held), path.ascending)
    after = None
    if last is not None:
        after = connection.execute(f"SELECT {index.asked}", (last[width - 1],)).fetchone()[0]
    for piece in path.pieces(connection, after):
        whole = piece.same and _is_whole(index, piece)
        if whole and (block := _block(search, piece)):
            start = [*[rank][: width - 1], piece.where.values[0]]
            inside = _found(connection, block, last[width:] if last is not None else None, most)
            rows: Iterator[Row] = ((row[0], *start, *row[1:]) for row in inside)
        else:
            rows = _rows(
                connection,
                _joined(search.target, path, piece),
                search,
                keys,
                most,
                first=None if piece.same or index.asked == "?" else held,
                sorted_from=width if whole else width - 1,
                last=last,
            )
        last = None  # only the first piece begins in its middle
        for row in rows:
            most -= 1
            yield row
        if most == 0:
            return


def _block(search: ReadSearch, piece: IndexPiece) -> ReadSearch | None:
    """The search among the rows of one value, when they are sorted by something else than start time."""
    sorting, rest = search.order[0], search.order[1:]
    value = piece.where.values[0]
    if rest[0].by is None or rest[0].by.held == rest[0].by.started or value == "nan":
        return None
    assert sorting.order and sorting.by
    equal = Comparison(sorting.order.name, "=", (value,), sorting.order.name.at)
    ids = narrowed(sorting.by, equal.name.key, bounds(sorting.by, equal))
    return replace(
        search,
        conditions=(*search.conditions, condition(search.target, equal)),
        narrowing=(*search.narrowing, Narrowing(ids)),
        order=rest,
    )


def _by_index(key: SortKey, index: Index) -> SortKey:
    return key._replace(sql=Sql(index.started)) if key.sql.text == "t.start_time" else key


def _is_whole(index: Index, piece: IndexPiece) -> bool:
    """Whether what the index holds of the piece's value is all of it."""
    return index.asked == "?" or len(piece.where.values[0]) < BEGINNING


def _joined(target: Searchable, path: Path, piece: IndexPiece) -> Sql:
    index = path.index
    return Sql(
        f"{index.table} CROSS JOIN {target.table}"
        f" ON t.id = {index.owner} AND {index.key} AND {piece.where.text}",
        (*path.key, *piece.where.values),
    )


# --- tokens -----------------------------------------------------------------------------------


def _after(keys: Sequence[SortKey], last: Sequence[Any], start: int) -> Sql:
    """The rows that sort after the row with the sort values ``last``, by the keys from ``start`` on."""
    names = range(start, len(keys))
    first = "<=" if not keys[start].ascending else ">="
    branches, values = [], [last[start]]
    for i in names:
        equal = "".join(f"s{j} IS ? AND " for j in range(start, i))
        branches.append(f"({equal}s{i} {'>' if keys[i].ascending else '<'} ?)")
        values += last[start : i + 1]
    return Sql(f"s{start} {first} ? AND ({' OR '.join(branches)})", tuple(values))


def _scope(query: Query) -> str:
    """What a page token is good for: this search and no other."""
    return repr(
        (query.target.word, query.scope, query.filter, list(query.order_by), list(query.extra_order))
    )
