"""The page that compares runs: its runs, its views, and the values for each view."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import ACTIVE, Run
from reprise.server.api.artifacts import json_response, store_of
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui.compare import parallel
from reprise.ui.compare.chart_data import controls, lines, values
from reprise.ui.compare.comparison import ComparisonSection, WantedRows, sections
from reprise.ui.compare.importance import importance
from reprise.ui.compare.run_diffs import run_diff
from reprise.ui.compare.run_selection import (
    MOST,
    Missing,
    asked,
    choose,
)
from reprise.ui.html import render
from reprise.ui.numbers import natural
from reprise.ui.runs import columns as run_columns
from reprise.ui.runs import export
from reprise.ui.runs.metric_goals import main_metric

_SIDE_BY_SIDE = 12
"""Up to this many runs are columns of the table by default; more runs are rows."""

_OFFERED = 20  # results of a search for more runs
_LONGEST_SEARCH = 200  # characters

Values = dict[str, Any]


class AskedComparison(NamedTuple):
    """The state in the address. ``hidden`` runs are among ``runs`` but not in views."""

    store: TrackingStore
    query: QueryParams
    runs: tuple[Run, ...]
    missing: tuple[Missing, ...]
    hidden: frozenset[str]
    baseline: Run | None

    @property
    def shown(self) -> list[Run]:
        """The runs of a view, the baseline first."""
        seen = [run for run in self.runs if run.run_id not in self.hidden]
        return sorted(seen, key=lambda run: run is not self.baseline)

    @property
    def is_going_on(self) -> bool:
        return any(run.status in ("RUNNING", "SCHEDULED") for run in self.runs)

    @property
    def metrics(self) -> list[str]:
        """Sort system metrics last."""
        names = {name for run in self.runs for name in run.metrics}
        return sorted(names, key=lambda name: (name.startswith("system/"), natural(name)))


class Tab(NamedTuple):
    """A view: its template is ``_compare_<template>.html``; ``values`` returns the values for it."""

    name: str
    template: str
    values: Callable[[AskedComparison], Values]


def page(request: Request) -> Response:
    found = _asked(request)
    tab = _tab(found.query)
    return render(
        request,
        "compare.html",
        asked=found,
        experiments=_experiments(found),
        tabs=[(key, one.name, _link(found, tab=key)) for key, one in TABS.items()],
        tab=tab,
        part=TABS[tab].template,
        most=MOST,
        **(TABS[tab].values(found) if len(found.runs) > 1 else {}),
    )


def view(request: Request) -> Response:
    """``GET /compare/view``: the content below the tabs, with the same query as the page."""
    found = _asked(request)
    if len(found.runs) < 2:
        raise TrackingError("There are fewer than two runs to compare", code="INVALID_PARAMETER_VALUE")
    tab = TABS[_tab(found.query)]
    return render(request, f"_compare_{tab.template}.html", asked=found, **tab.values(found))


def more(request: Request) -> Response:
    """``GET /compare/more?q=&runs=``: runs to add, by name or id prefix."""
    found = _asked(request)
    sought = found.query.get("q", "").strip()[:_LONGEST_SEARCH]
    there = {run.run_id for run in found.runs}
    offered = [run for run in _search(found.store, found.runs, sought) if run.run_id not in there]
    return render(request, "_compare_more.html", runs=offered[:_OFFERED], sought=sought)


def drawn_lines(request: Request) -> Response:
    """``GET /compare/lines?metric=&runs=``: the points of a metric of these runs."""
    found = _asked(request)
    return json_response(lines(found.store, found.runs, found.query.get("metric", "")))


def table_csv(request: Request) -> Response:
    """``GET /compare/table.csv``: the shown rows of the table, one line per run."""
    found = _asked(request)
    kinds = {"Params": "params", "Metrics": "metrics", "Tags": "tags"}
    ids = [
        f"{kinds[section.title]}.{row.name}"
        for section in _sections(found)
        if section.title in kinds
        for row in section.rows
    ]
    columns = [one for one in map(run_columns.column, ids) if one is not None]
    numbers = [found.store.run_number(run.run_id) for run in found.shown]
    text = "".join(export.as_csv(found.store, numbers, columns))
    headers = {"Content-Disposition": 'attachment; filename="comparison.csv"'}
    return Response(text, headers=headers, media_type="text/csv")


def _asked(request: Request) -> AskedComparison:
    query = request.query_params
    words = asked(query.get("runs", ""))
    if len(words) > MOST:
        raise TrackingError(
            f"At most {MOST} runs can be compared; these are {len(words):,}",
            code="INVALID_PARAMETER_VALUE",
        )
    store = store_of(request)
    chosen = choose(store, words)
    hidden = frozenset(asked(query.get("hidden", "")))
    base = query.get("baseline", "")
    baseline = next((run for run in chosen.runs if base and run.run_id.startswith(base)), None)
    return AskedComparison(store, query, chosen.runs, chosen.missing, hidden, baseline)


def _tab(query: QueryParams) -> str:
    tab = query.get("tab", "")
    return tab if tab in TABS else "table"


def _link(found: AskedComparison, **changes: str) -> str:
    """Return the address of this page with changed query values."""
    kept = [(key, value) for key, value in found.query.multi_items() if key not in changes]
    return f"/compare?{urlencode([*kept, *changes.items()], safe=',')}"


def _experiments(found: AskedComparison) -> list[tuple[str, str]]:
    """Return the ids and names of the experiments of the runs."""
    ids = dict.fromkeys(run.experiment_id for run in found.runs)
    return [(number, found.store.get_experiment(number).name) for number in ids]


def _search(store: TrackingStore, runs: Sequence[Run], sought: str) -> list[Run]:
    """Return active runs by id from all experiments, and by name from the experiments of ``runs``.

    Without ``runs``, names are searched in all experiments. The newest runs come first.
    """
    numbers = list(dict.fromkeys(run.experiment_id for run in runs))
    numbers = numbers or [one.experiment_id for one in store.search_experiments(max_results=1000).items]
    quoted = sought.replace("'", "''")
    named = store.search_runs(
        numbers,
        filter=f"attributes.run_name ILIKE '%{quoted}%'" if sought else "",
        order_by=["start_time DESC"],
        max_results=_OFFERED + MOST,
    ).items
    ids = store.ids_from(sought, _OFFERED) if sought else []
    by_id = (run for run in store.runs_at(map(store.run_number, ids)) if run.lifecycle_stage == ACTIVE)
    return list({run.run_id: run for run in (*by_id, *named)}.values())


def _sections(found: AskedComparison) -> tuple[ComparisonSection, ...]:
    runs = found.shown
    is_best = found.query.get("value") == "best"
    wanted = WantedRows(
        only_differences=found.query.get("only") == "differences",
        flipped=frozenset(found.query.getlist("flip")),
        search=found.query.get("find", ""),
        baseline=None if found.baseline not in runs else runs.index(found.baseline),
    )
    extremes = found.store.metric_extremes([run.run_id for run in runs]) if is_best else None
    return sections(runs, wanted, extremes, dict(_experiments(found)))


def _table(found: AskedComparison) -> Values:
    layout = found.query.get("layout", "columns" if len(found.runs) <= _SIDE_BY_SIDE else "rows")
    return {
        "sections": _sections(found),
        "runs_are_rows": layout == "rows",
        "csv": _link(found).replace("/compare?", "/compare/table.csv?", 1),
    }


def _charts(found: AskedComparison) -> Values:
    return {"metrics": found.metrics}


def _plotted(found: AskedComparison) -> Values:
    data = values(found.runs)
    return {"data": data, "controls": controls(_tab(found.query), data["columns"], found.query)}


def _parallel(found: AskedComparison) -> Values:
    runs = found.shown
    data = values(runs)
    (control,) = offered = controls("parallel", data["columns"], found.query)
    colour = next((column for column in data["columns"] if column["id"] == control.chosen), None)
    axes = parallel.axes(data["columns"], found.query)
    scale = parallel.scale_of(colour) if colour and colour["numeric"] else None
    return {
        "data": data,
        "controls": offered,
        "runs": runs,
        "axes": axes,
        "height": parallel.HEIGHT,
        "lines": parallel.lines(axes, len(runs)),
        "strokes": parallel.colours(colour, len(runs)),
        "ends": scale and (scale.told(0), scale.told(1)),
        "given": {"runs": [run.run_id for run in runs], "axes": [axis.given for axis in axes]},
    }


def _importance(found: AskedComparison) -> Values:
    metric = found.query.get("metric") or main_metric(found.metrics)
    measured = [run.metrics.get(metric or "") for run in found.shown]
    numbers = [None if one is None else one.value for one in measured]
    return {
        "metrics": found.metrics,
        "metric": metric,
        "found": importance([run.params for run in found.shown], numbers),
    }


def _pair(found: AskedComparison) -> Values:
    """Return two runs: the baseline or first run, and the requested or next run."""
    base = found.baseline or found.runs[0]
    others = [run for run in found.runs if run is not base]
    other = next((run for run in others if run.run_id == found.query.get("other")), others[0])
    return {"base": base, "other": other, "others": others, "found": run_diff(found.store, base, other)}


TABS: Mapping[str, Tab] = {
    "table": Tab("Table", "table", _table),
    "charts": Tab("Charts", "charts", _charts),
    "parallel": Tab("Parallel coordinates", "parallel", _parallel),
    "scatter": Tab("Scatter", "plot", _plotted),
    "contour": Tab("Contour", "plot", _plotted),
    "box": Tab("Box plots", "plot", _plotted),
    "importance": Tab("Importance", "importance", _importance),
    "code": Tab("Code", "code", _pair),
    "environment": Tab("Environment", "environment", _pair),
    "inputs": Tab("Inputs", "inputs", _pair),
}

ROUTES = (
    Route("/compare", page),
    Route("/compare/view", view),
    Route("/compare/more", more),
    Route("/compare/lines", drawn_lines),
    Route("/compare/table.csv", table_csv),
)
