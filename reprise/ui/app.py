"""The app of all pages: routes, common headers, error pages."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import MutableMapping
from typing import Any

from anyio import CancelScope
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reprise.errors import RepriseError, TrackingError
from reprise.server.api.wire import HTTP_STATUS
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui import (
    assets,
    events,
    experiments,
    login,
    notes,
    raw,
)
from reprise.ui.compare import page as compare
from reprise.ui.files import page
from reprise.ui.html import render
from reprise.ui.log import page as log
from reprise.ui.log.tails import Tails
from reprise.ui.models import page as models
from reprise.ui.models import version as model_version
from reprise.ui.run import metric_charts, provenance
from reprise.ui.run import page as run_page
from reprise.ui.runs import sweeps, table
from reprise.ui.runs.orders import Orders
from reprise.ui.sessions import Sessions

logger = logging.getLogger(__name__)

_NOTHING = base64.b64encode(hashlib.sha256().digest()).decode()
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self';"
    f" style-src-attr 'unsafe-hashes' 'sha256-{_NOTHING}';"
    " connect-src 'self'; media-src 'self'; frame-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Pages only load content from this server. Plotly's colour bars set an empty style attribute."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create(store: TrackingStore, sessions: Sessions) -> ASGIApp:
    app = Starlette(
        routes=(
            Route("/", home),
            *assets.ROUTES,
            *login.ROUTES,
            *events.ROUTES,
            *experiments.ROUTES,
            *table.ROUTES,
            *compare.ROUTES,
            *run_page.ROUTES,
            *metric_charts.ROUTES,
            *notes.ROUTES,
            *page.ROUTES,
            *raw.ROUTES,
            *log.ROUTES,
            *sweeps.ROUTES,
            *models.ROUTES,
            *model_version.ROUTES,
            *provenance.ROUTES,
        ),
        exception_handlers={
            RepriseError: refused,
            HTTPException: no_such_page,
            ClientDisconnect: gone,
            OSError: out_of_order,
            Exception: broken,
        },
    )
    app.state.store = store
    app.state.sessions = sessions
    news = app.state.news = events.News(store)
    app.state.tails = Tails(store)
    app.state.orders = Orders(store, news.version)
    return Guarded(app)


class Guarded:
    """Return ``app`` with our headers on every response that does not set its own."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_complete = False
        if "text/html" in Headers(scope=scope).get("accept", ""):
            await self._note_version(scope)

        async def send_with_headers(message: Message) -> None:
            nonlocal is_complete
            if is_complete:
                return
            if message["type"] == "http.response.start":
                _add(message)
            await send(message)
            if scope["method"] == "HEAD":
                is_complete = True
                await send({"type": "http.response.body"})
                only_head.cancel()  # events, archives and large files would continue without a reader

        with CancelScope() as only_head:
            await self.app(scope, receive, send_with_headers)

    async def _note_version(self, scope: Scope) -> None:
        """Add the version of the store to a page, so that it receives later events."""
        try:
            version = await run_in_threadpool(self.app.state.news.version)
        except (RepriseError, OSError):
            return  # the page shows the reason
        scope.setdefault("state", {})["news"] = version


def stop(app: ASGIApp) -> None:
    """End all event streams, and release the store."""
    assert isinstance(app, Guarded)
    app.app.state.news.stop()
    app.app.state.news.close()


async def home(request: Request) -> Response:
    return RedirectResponse("/experiments")


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RepriseError)
    code = error.code if isinstance(error, TrackingError) else "INVALID_PARAMETER_VALUE"
    return _told(request, HTTP_STATUS.get(code, 500), code, error.message)


async def no_such_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = "Page not found" if error.status_code == 404 else error.detail
    return _told(request, error.status_code, "ENDPOINT_NOT_FOUND", message)


async def gone(request: Request, error: Exception) -> Response:
    """Answer a request that the browser aborted; the answer is not read."""
    return Response(status_code=499)


async def out_of_order(request: Request, error: Exception) -> Response:
    """Report a full disk or an unreadable file, which the log names for the operator."""
    assert isinstance(error, OSError)
    logger.error("%s %s: %s", request.method, request.url.path, error)
    store: TrackingStore = request.app.state.store
    return _told(request, 500, "INTERNAL_ERROR", store.explain(error).message)


async def broken(request: Request, error: Exception) -> Response:
    """Report a bug as plain text, since the bug may be in the page layout; the server logs the
    traceback.
    """
    message = f"Unexpected {type(error).__name__}: see the log of the server"
    if _is_for_people(request):
        return PlainTextResponse(message, 500)
    return JSONResponse({"error_code": "INTERNAL_ERROR", "message": message}, 500)


def _is_for_people(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _told(request: Request, status: int, code: str, message: str) -> Response:
    """Return an error page, or MLflow's JSON error for a request by a script."""
    if _is_for_people(request):
        return render(request, "error.html", status, code=status, message=message)
    return JSONResponse({"error_code": code, "message": message}, status)


def _add(message: MutableMapping[str, Any]) -> None:
    there = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [
        *message["headers"],
        *(
            (name.lower().encode(), value.encode())
            for name, value in _HEADERS.items()
            if name.lower().encode() not in there
        ),
    ]
