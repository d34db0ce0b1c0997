"""The order of all runs of a table, cached while the store does not change, and its folding.

A table requests many windows of one order. Folding puts nested runs below their parent, and hides them
while the parent is closed.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from reprise.named_tuple import NamedTuple
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.views import RunOrder
from reprise.ui.runs.query import EVERY, RunQuery

_MOST = 16  # cached orders: one of 100,000 runs takes 0.8 MB


class TableLine(NamedTuple):
    """A run's line in a table: its nesting depth below shown runs, and the number of its children.

    ``astray``: a nested run whose parent does not match the filter.
    """

    number: int
    depth: int = 0
    children: int = 0
    open: bool = False
    astray: bool = False


class Orders:
    """The most recent orders of tables; ``version`` changes with the store."""

    def __init__(self, store: TrackingStore, version: Callable[[], int]) -> None:
        self._store = store
        self._version = version
        self._lock = threading.Lock()
        self._kept: OrderedDict[object, tuple[int, RunOrder]] = OrderedDict()
        self._last: tuple[RunOrder, Collection[int | str], Sequence[TableLine | int]] | None = None

    def order(self, query: RunQuery) -> RunOrder:
        key = (query.experiment_id, query.filter, query.order_by, query.view_type)
        version = self._version()
        with self._lock:
            seen, order = self._kept.get(key, (None, None))
        if order is None or seen != version:
            order = _packed(
                self._store.run_order(
                    [query.experiment_id],
                    filter=query.filter,
                    order_by=query.order_by,
                    view_type=query.view_type,
                )
            )
        with self._lock:
            self._kept[key] = (version, order)
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return order

    def lines(self, order: RunOrder, open_runs: Collection[int | str]) -> Sequence[TableLine | int]:
        """Return ``folded`` from a cache, since scrolling requests it many times."""
        last = self._last
        if last is None or last[0] is not order or last[1] != open_runs:
            last = self._last = (order, open_runs, folded(order, open_runs))
        return last[2]


def _packed(order: RunOrder) -> RunOrder:
    return order._replace(numbers=array("q", order.numbers))


def folded(order: RunOrder, open_runs: Collection[int | str]) -> Sequence[TableLine | int]:
    """Return the lines of a table from the top, or the row numbers if no run is nested."""
    if not order.parents:
        return order.numbers
    children = _children(order)
    tops = _tops(order, children)
    return list(_lines(order.parents, children, tops, open_runs))


def line(found: TableLine | int) -> TableLine:
    return found if isinstance(found, TableLine) else TableLine(found)


def _children(order: RunOrder) -> Mapping[int, Sequence[int]]:
    found = set(order.numbers)
    children: dict[int, list[int]] = {}
    for number in order.numbers:
        parent = order.parents.get(number)
        if parent in found and parent is not None:
            children.setdefault(parent, []).append(number)
    return children


def _tops(order: RunOrder, children: Mapping[int, Sequence[int]]) -> Sequence[int]:
    """Return the runs without a parent, and one of each cycle of nested runs."""
    nested = {child for below in children.values() for child in below}
    if nested.isdisjoint(children):  # one level deep: no cycle
        return [number for number in order.numbers if number not in nested]
    reached: set[int] = set()
    tops: set[int] = set()

    def reach(top: int) -> None:
        tops.add(top)
        ahead = [top]
        while ahead:
            if (number := ahead.pop()) not in reached:
                reached.add(number)
                ahead.extend(children.get(number, ()))

    for number in order.numbers:
        if number not in nested:
            reach(number)
    for number in order.numbers:
        if number not in reached:
            reach(number)
    return [number for number in order.numbers if number in tops]


def _lines(
    parents: Mapping[int, int],
    children: Mapping[int, Sequence[int]],
    tops: Sequence[int],
    open_runs: Collection[int | str],
) -> Iterator[TableLine]:
    top_set = set(tops)
    ahead = [(number, 0) for number in reversed(tops)]
    while ahead:
        number, depth = ahead.pop()
        below = [child for child in children.get(number, ()) if child not in top_set]
        is_open = bool(below) and (EVERY in open_runs or number in open_runs)
        yield TableLine(number, depth, len(below), is_open, depth == 0 and number in parents)
        if is_open:
            ahead.extend((child, depth + 1) for child in reversed(below))
