"""``/models`` and ``/models/{name}``: registered models, and the versions of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.runner.models.register import origin_of
from reprise.runner.models.versions import with_aliases
from reprise.schemas.entities import MODEL_STAGES, ModelVersion, RegisteredModel, Run
from reprise.server.api.artifacts import store_of
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui.html import render
from reprise.ui.runs.metric_goals import ranked

_MODELS = 100  # on a page
_VERSIONS = 50  # on a page
_COLUMNS = 4  # metrics with a column
_NAMES = 1000  # models suggested when a version is registered
_SORTS = {"name": "name ASC", "changed": "last_updated_timestamp DESC"}


class RegisteredModelRow(NamedTuple):
    """A model; ``newest`` is None without versions; ``stages`` are the stages of its versions."""

    model: RegisteredModel
    newest: ModelVersion | None
    stages: tuple[ModelVersion, ...]


class ModelVersionRow(NamedTuple):
    """A version; ``run`` is None if it has none, or the run was removed."""

    version: ModelVersion
    run: Run | None
    metrics: Mapping[str, float]


def models(request: Request) -> Response:
    store, query = store_of(request), request.query_params
    text = query.get("q", "")
    sort = query.get("sort", "name")
    found = store.search_registered_models(
        filter="name ILIKE '%{}%'".format(text.replace("'", "''")) if text else "",
        order_by=[_SORTS.get(sort, _SORTS["name"])],
        max_results=_MODELS,
        page_token=query.get("from"),
    )
    more = found.next_token
    return render(
        request,
        "models.html",
        rows=[_row(model) for model in found.items],
        text=text,
        sort=sort,
        next=more and request.url.include_query_params(**{"from": more}).query,
        is_start=not query.get("from"),
        names=_names(store),
    )


def model(request: Request) -> Response:
    store, name = store_of(request), request.path_params["name"]
    found = store.get_registered_model(name)
    quoted = name.replace("'", "''")
    page = store.search_model_versions(
        filter=f"name = '{quoted}'",
        order_by=["version_number DESC"],
        max_results=_VERSIONS,
        page_token=request.query_params.get("from"),
    )
    rows = [version_row(store, with_aliases(version, found)) for version in page.items]
    return render(
        request,
        "model.html",
        model=found,
        rows=rows,
        columns=ranked({name for row in rows for name in row.metrics})[:_COLUMNS],
        stages=MODEL_STAGES,
        next=page.next_token and request.url.include_query_params(**{"from": page.next_token}).query,
    )


def origin(request: Request) -> Response:
    """Return the origin of a version registered from the model at ``?of=``, for the REST API."""
    found = origin_of(store_of(request), request.query_params.get("of", ""))
    return JSONResponse(found._asdict())


def version_row(store: TrackingStore, version: ModelVersion) -> ModelVersionRow:
    """Return the version with the metrics of the run and of the logged model."""
    run = run_of(store, version.run_id)
    metrics = {name: point.value for name, point in run.metrics.items()} if run else {}
    if version.model_id:
        try:
            points = store.get_logged_model(version.model_id).metrics
        except TrackingError:  # the run was removed; its versions remain
            points = ()
        metrics |= {point.metric.key: point.metric.value for point in points}
    shown = {name: value for name, value in metrics.items() if not name.startswith("system/")}
    return ModelVersionRow(version, run, shown)


def run_of(store: TrackingStore, run_id: str) -> Run | None:
    try:
        return store.get_run(run_id) if run_id else None
    except TrackingError:
        return None


def _row(model: RegisteredModel) -> RegisteredModelRow:
    by_number = sorted(model.latest_versions, key=lambda version: version.version)
    staged = tuple(version for version in by_number if version.current_stage in ("Staging", "Production"))
    return RegisteredModelRow(model, by_number[-1] if by_number else None, staged)


def _names(store: TrackingStore) -> Sequence[str]:
    return [model.name for model in store.search_registered_models(max_results=_NAMES).items]


ROUTES = (
    Route("/models", models),
    Route("/models/:origin", origin),  # names of models have no colon
    Route("/models/{name}", model),
)
