"""The route table: every supported verb of MLflow's REST API, mounted twice.

Programs call ``/api/...``, browsers ``/ajax-api/...``. Other verbs (such as those for prompts, judges and
gateways of language models) return ``ENDPOINT_NOT_FOUND``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from reprise.server import evaluation_datasets, webhooks
from reprise.server.api import (
    artifact_parts,
    artifacts,
    assessments,
    experiments,
    logged_models,
    metrics,
    model_versions,
    older_traces,
    registered_models,
    run_data,
    runs,
    spans,
    trace_metrics,
    traces,
)
from reprise.server.api.wire import (
    Answer,
    Verb,
    encode,
    invalid,
    read_body,
    read_query,
)
from reprise.server.following import perform
from reprise.server.http.access import Role
from reprise.server.http.bodies import collect_body
from reprise.server.http.roles import RoleRoute, Roles

MLFLOW_VERSION = "3.17.2"
"""The MLflow whose API we speak; clients ask before they send spans."""

VERBS: tuple[Verb[Any], ...] = (
    *run_data.VERBS,
    *runs.VERBS,
    *experiments.VERBS,
    *metrics.VERBS,
    *logged_models.VERBS,
    *registered_models.VERBS,
    *model_versions.VERBS,
    *spans.VERBS,  # before those of a trace whose id is in the path
    *trace_metrics.VERBS,
    *traces.VERBS,
    *assessments.VERBS,
    *older_traces.VERBS,
    *webhooks.VERBS,
    *evaluation_datasets.VERBS,
)


def route(verb: Verb[Any]) -> Route:
    return RoleRoute(verb.method, f"/mlflow/{verb.path}", verb.role, endpoint(verb))


def endpoint(verb: Verb[Any]) -> Callable[[Request], Awaitable[Response]]:
    """Read the request's struct, perform the verb in a worker thread (SQLite blocks), write the answer."""

    async def answer(request: Request) -> Response:
        if verb.method == "GET":
            query = [*request.query_params.multi_items(), *request.path_params.items()]
            message = read_query(query, verb.request)
        else:
            message = read_body(await _body(request), verb.request, request.path_params)
        state = request.app.state
        following = state.follows.of(request.scope)
        limiter = None if verb.role is Role.READ else state.writers

        def work() -> Answer:
            done = perform(state.store, verb, message, following, state.follows.aliases)
            state.deliveries.announce(message, done)
            return done

        done = await to_thread.run_sync(work, limiter=limiter)
        return Response(encode(done), media_type="application/json")

    return answer


async def _body(request: Request) -> bytes:
    """The JSON text; refused when it is huge, or when a foreign web page could have sent it."""
    kind = request.headers.get("content-type")
    if request.method == "POST" and (kind or "").partition(";")[0].strip() != "application/json":
        raise invalid(f'Content-Type must be "application/json", and it is "{kind or ""}"')
    return await collect_body(request)


async def health(request: Request) -> Response:
    return PlainTextResponse("OK")


async def version(request: Request) -> Response:
    return PlainTextResponse(MLFLOW_VERSION)


async def server_info(request: Request) -> Response:
    """What newer clients ask before they use workspaces or multipart uploads."""
    info = {
        "store_type": None,
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": True,
        "multipart_downloads_enabled": False,
    }
    return Response(encode(info), media_type="application/json")


def _api(version: str) -> tuple[BaseRoute, ...]:
    return tuple(route(verb) for verb in VERBS if version in verb.versions)


_CURRENT: tuple[BaseRoute, ...] = (*_api("2.0"), *artifacts.ROUTES, *artifact_parts.ROUTES)
_NEWER: tuple[BaseRoute, ...] = (*_api("3.0"), Route("/mlflow/server-info", server_info))

ROUTES: tuple[BaseRoute, ...] = (
    Mount("/api/2.0/preview", routes=_api("2.0")),  # where the first clients look
    Mount("/api/2.0", routes=_CURRENT),
    Mount("/ajax-api/2.0", routes=(*spans.PAGES, *artifacts.OF_BROWSERS, *_CURRENT)),
    Mount("/api/3.0", routes=_NEWER),
    Mount("/ajax-api/3.0", routes=(*spans.PAGES, *_NEWER)),
    *artifacts.PAGES,
    spans.OTLP,
    Route("/health", health),
    Route("/version", version),
)

ROLES = Roles(ROUTES)
