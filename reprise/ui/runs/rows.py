"""The rows of a table of runs for its template."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.runner.filter_names import explain_names
from reprise.schemas import tags
from reprise.schemas.entities import ModelVersion, Run
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.protocols.subjects import Subject
from reprise.ui.numbers import finite
from reprise.ui.runs.columns import Column
from reprise.ui.runs.orders import Orders, TableLine, line
from reprise.ui.runs.query import EVERY, RunQuery

MOST_ROWS = 500
"""Rows in one answer."""

_MOST_OPEN = 1000


class RunTableRow(NamedTuple):
    """A row; ``at`` is its index in the table, from 0."""

    run: Run
    at: int
    line: TableLine
    versions: Sequence[ModelVersion] = ()

    @property
    def user(self) -> str:
        return self.run.tags.get(tags.USER, self.run.user_id)

    def is_number(self, column: Column) -> bool:
        """Return whether the cell is right-aligned."""
        if column.kind == "param":
            return finite(self.run.params.get(column.key, "")) is not None
        return column.kind in ("metric", "duration")


class RowWindow(NamedTuple):
    """Some rows of a table with ``total`` rows, None if not counted yet.

    ``found`` is the number of matching runs: folded runs have no row. ``fault`` is the error of the filter,
    ``at`` the character it refers to. ``unknown`` are sentences on names in the filter that no run has.
    """

    rows: Sequence[RunTableRow] = ()
    start: int = 0
    total: int | None = None
    found: int = 0
    fault: str = ""
    at: int | None = None
    unknown: Sequence[str] = ()

    def are_numbers(self, column: Column) -> bool:
        """Return whether the cells of a column are numbers; of a param, in these rows."""
        if column.kind != "param":
            return column.kind in ("metric", "duration")
        having = [row for row in self.rows if column.key in row.run.params]
        return bool(having) and all(row.is_number(column) for row in having)


def first(store: TrackingStore, query: RunQuery, orders: Orders, count: int) -> RowWindow:
    """Return the top of a table; without nested runs, the rest is not read."""
    if store.has_nested([query.experiment_id]):
        return window(store, query, orders, 0, count)
    try:
        page = store.search_runs(
            [query.experiment_id],
            filter=query.filter,
            order_by=query.order_by,
            max_results=count,
            view_type=query.view_type,
        )
    except TrackingError as error:
        return _refused(error)
    rows = _rows(store, page.items, [TableLine(0)] * len(page.items), 0)
    shown = RowWindow(rows, 0, None if page.next_token else len(rows), len(rows))
    return shown if rows else _explained(store, query, shown)


def window(store: TrackingStore, query: RunQuery, orders: Orders, start: int, count: int) -> RowWindow:
    """Return ``count`` rows from ``start``, or the last rows if that is past the end."""
    try:
        order = orders.order(query)
    except TrackingError as error:
        return _refused(error)
    lines = orders.lines(order, open_runs(store, query))
    start = max(0, min(start, len(lines) - count))
    shown = [line(one) for one in lines[start : start + count]]
    runs = store.runs_at([one.number for one in shown])
    if len(runs) < len(shown):  # some runs were removed since the order was read
        return window(store, query, orders, start, count)
    found = RowWindow(_rows(store, runs, shown, start), start, len(lines), len(order.numbers))
    return found if lines else _explained(store, query, found)


def between(
    store: TrackingStore, query: RunQuery, orders: Orders, one_end: str, last: str
) -> Sequence[str]:
    """Return the run ids of the rows between two runs; only ``last`` if one has no row now."""
    numbers = [line(one).number for one in orders.lines(orders.order(query), open_runs(store, query))]
    try:
        places = sorted(numbers.index(store.run_number(run_id)) for run_id in (one_end, last))
    except (TrackingError, ValueError):
        return [last]
    return store.ids_at(numbers[places[0] : places[1] + 1])


def open_runs(store: TrackingStore, query: RunQuery) -> frozenset[int | str]:
    """Return the row numbers of the open runs; missing runs are left out."""
    found: set[int | str] = set()
    for run_id in sorted(query.open)[:_MOST_OPEN]:
        try:
            found.add(run_id if run_id == EVERY else store.run_number(run_id))
        except TrackingError:
            continue
    return frozenset(found)


def _explained(store: TrackingStore, query: RunQuery, window: RowWindow) -> RowWindow:
    """Return an empty window with the names in its filter that no run has."""
    return window._replace(unknown=explain_names(store, [query.experiment_id], query.filter))


def _refused(error: TrackingError) -> RowWindow:
    if error.at is None:
        raise error
    return RowWindow(fault=error.message.partition("\n")[0], at=error.at, total=0)


def _rows(
    store: TrackingStore, runs: Sequence[Run], lines: Sequence[TableLine], start: int
) -> list[RunTableRow]:
    by_run = versions(store, runs)
    return [
        RunTableRow(run, at, one, by_run.get(run.run_id, ()))
        for at, (run, one) in enumerate(zip(runs, lines, strict=True), start)
    ]


def versions(store: TrackingStore, runs: Sequence[Run]) -> Mapping[str, Sequence[ModelVersion]]:
    """Return the registered model versions of these runs, by model name."""
    found: dict[str, list[ModelVersion]] = defaultdict(list)
    if runs and Subject.MODELS not in store.leaves_out:
        ids = ", ".join(f"'{run.run_id.replace(chr(39), chr(39) * 2)}'" for run in runs)
        order = ("name", "version_number DESC")
        page = store.search_model_versions(filter=f"run_id IN ({ids})", order_by=order, max_results=1000)
        for version in page.items:
            found[version.run_id].append(version)
    return found
