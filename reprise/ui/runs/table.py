"""The runs of an experiment: a table with sorting, filters, folding, and scrolling in windows."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from reprise.errors import TrackingError
from reprise.server.api.artifacts import store_of
from reprise.ui.html import render
from reprise.ui.notes import NOTE, html_of
from reprise.ui.numbers import counting
from reprise.ui.runs import export as run_export
from reprise.ui.runs import rows as run_rows
from reprise.ui.runs.chips import chips
from reprise.ui.runs.columns import NAME, at_first, every
from reprise.ui.runs.completion import completion
from reprise.ui.runs.orders import Orders
from reprise.ui.runs.query import RunQuery, read
from reprise.ui.runs.views import PREFIX, views

FIRST = 24
"""Rows in the initial page: as many as most windows show. More rows would delay the first paint."""

_KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def page(request: Request) -> Response:
    store, query = store_of(request), _query(request)
    experiment = store.get_experiment(query.experiment_id)
    shown = query.columns or at_first(store.data_keys([query.experiment_id]))
    return render(
        request,
        "runs.html",
        experiment=experiment,
        note=html_of(experiment.tags.get(NOTE, "")),
        query=query,
        columns=shown,
        name_column=NAME,
        window=run_rows.first(store, query, _orders(request), FIRST),
        views=views(experiment),
        given={
            "id": query.experiment_id,
            "columns": [one.id for one in shown],
            "sorts": [one.id for one in query.sort],
            "viewPrefix": PREFIX,
        },
    )


def rows(request: Request) -> Response:
    """Return ``count`` rows from ``start``, with the columns in the query.

    With ``first``, return the top rows quickly, possibly without their total.
    """
    store, query, orders = store_of(request), _query(request), _orders(request)
    count = min(_number(request, "count", FIRST), run_rows.MOST_ROWS)
    if "first" in request.query_params:
        window = run_rows.first(store, query, orders, count)
    else:
        window = run_rows.window(store, query, orders, _number(request, "start"), count)
    return render(request, "_runs_window.html", query=query, columns=query.columns, window=window)


def ids(request: Request) -> Response:
    """Return the run ids of the rows between two runs, or of all matching runs, folded or not."""
    store, query, orders = store_of(request), _query(request), _orders(request)
    ends = [request.query_params[end] for end in ("from", "to") if end in request.query_params]
    if ends:
        return JSONResponse(run_rows.between(store, query, orders, ends[0], ends[-1]))
    return JSONResponse(store.ids_at(orders.order(query).numbers))


def filter_chips(request: Request) -> Response:
    query = _query(request)
    found = () if query.deleted else chips(store_of(request), query.experiment_id, query.filter)
    return render(request, "_runs_chips.html", chips=found)


def keys(request: Request) -> Response:
    """Return all columns that the table can have."""
    experiment_id = str(request.path_params["id"])
    found = every(store_of(request).data_keys([experiment_id]))
    return JSONResponse(
        [{"id": one.id, "title": one.title, "kind": one.kind if one.key else ""} for one in found]
    )


def complete(request: Request) -> Response:
    """Return the completions of ``typed`` in a filter that continues with ``rest``."""
    typed, rest = (request.query_params.get(name, "") for name in ("typed", "rest"))
    found = completion(store_of(request), str(request.path_params["id"]), typed, rest)
    return JSONResponse(found._asdict())


def export(request: Request) -> Response:
    store, query = store_of(request), _query(request)
    kind = request.path_params["kind"]
    if kind not in _KINDS:
        raise HTTPException(404)
    numbers = _orders(request).order(query).numbers
    chosen = query.columns or every(store.data_keys([query.experiment_id]))
    lines: Iterator[str] = (
        run_export.as_csv(store, numbers, chosen) if kind == "csv" else run_export.as_json(store, numbers)
    )
    name = f"runs-of-experiment-{query.experiment_id}.{kind}"
    return StreamingResponse(
        lines,
        media_type=_KINDS[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _query(request: Request) -> RunQuery:
    return read(str(request.path_params["id"]), request.query_params)


def _orders(request: Request) -> Orders:
    orders: Orders = request.app.state.orders
    return orders


def _number(request: Request, name: str, default: int = 0) -> int:
    text = request.query_params.get(name, str(default))
    if (number := counting(text)) is None:
        raise TrackingError(f"{name} is {text[:20]!r}, not a number", code="INVALID_PARAMETER_VALUE")
    return number


ROUTES = (
    Route("/experiments/{id:int}", page),
    Route("/experiments/{id:int}/rows", rows),
    Route("/experiments/{id:int}/ids", ids),
    Route("/experiments/{id:int}/chips", filter_chips),
    Route("/experiments/{id:int}/keys", keys),
    Route("/experiments/{id:int}/complete", complete),
    Route("/experiments/{id:int}/export.{kind:str}", export),
)
