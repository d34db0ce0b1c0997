"""The ASGI app: the route table over one store, behind a guard, with errors in MLflow's own shape.

A token may name the run that its bearer was given, as ``<secret>.<run id>``; the app then follows
what that client does (see ``follow.py``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from typing import Protocol

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from reprise.errors import RepriseError, TrackingError
from reprise.server.ambiguity import refuse_ambiguity
from reprise.server.api.wire import HTTP_STATUS, encode
from reprise.server.delivery.queue import Deliveries
from reprise.server.following import Follows
from reprise.server.http.access import Access, refusal
from reprise.server.http.foreign import Origins, answer_origins, is_foreign
from reprise.server.http.hosts import Hosts
from reprise.server.http.roles import RoleRoute, Roles
from reprise.server.routes import ROLES, ROUTES
from reprise.tracking.artifacts.names import InvalidPath
from reprise.tracking.protocols.store import TrackingStore

logger = logging.getLogger(__name__)

_LOOPBACK = Hosts.of(())
_NO_ORIGINS = Origins()

_HEADERS = {
    "UNAUTHENTICATED": {"WWW-Authenticate": 'Basic realm="reprise"'},
    "MALFORMED_REQUEST": {"Connection": "close"},  # its rest is not read
    "REQUEST_TIMEOUT": {"Connection": "close"},
    "REQUEST_TOO_LARGE": {"Connection": "close"},
    "REQUEST_LIMIT_EXCEEDED": {"Retry-After": "5"},
    "TEMPORARILY_UNAVAILABLE": {"Retry-After": "1"},
}

_NO_GUESS = {"X-Content-Type-Options": "nosniff"}

_WRITERS = 40
"""Threads that write; those that look are others, so that pages come while another process is writing."""

_PROBES = ("/health", "/ping")  # of those who only look whether we are there, by whatever name


class Pages(Protocol):
    """What is served to people beside the API (``reprise.ui``), and how they come in with a browser."""

    @property
    def routes(self) -> Sequence[BaseRoute]: ...

    def authorization(self, headers: Headers) -> str:
        """The credential of a request, as an ``Authorization`` header: its own, or that of its session."""
        ...

    def is_open(self, path: str) -> bool:
        """Whether a page is shown to those who have not said who they are."""
        ...

    def refused(self, scope: Scope, error: TrackingError) -> Response | None:
        """What is shown in place of ``error``, for example the way to the login; None: the error itself."""
        ...

    def stop(self) -> None:
        """End the event streams when the server ends."""
        ...


def create_app(
    store: TrackingStore,
    access: Access,
    *,
    hosts: Hosts | None = _LOOPBACK,
    origins: Origins = _NO_ORIGINS,
    pages: Pages | None = None,
    aliases: MutableMapping[str, str] | None = None,
    more: Sequence[RoleRoute] = (),
) -> ASGIApp:
    """Serve ``store``.

    Args:
        access: who may do what.
        hosts: the accepted host names; None for any.
        origins: the allowed origins of foreign web pages.
        pages: the web UI; None: only the API is served.
        aliases: gets the versions that model aliases resolved to for clients of runs.
        more: routes from rooms above this one.
    """
    app = application((*more, *ROUTES, *(pages.routes if pages else ())))
    app.state.store = store
    app.state.deliveries = Deliveries(store)
    app.state.follows = Follows(aliases)
    app.state.writers = CapacityLimiter(_WRITERS)
    roles = Roles((*more, *ROUTES)) if more else ROLES
    return answer_origins(RequestGuard(app, access, hosts, pages, roles, origins), origins)


def application(routes: Iterable[BaseRoute]) -> Starlette:
    """An app of ``routes`` and ``/metrics``, whose errors have MLflow's shape."""
    return Starlette(
        routes=(Route("/metrics", _figures), *routes),
        exception_handlers={
            RepriseError: _refused,
            HTTPException: _no_such_endpoint,
            ClientDisconnect: _gone,
            OSError: _out_of_order,
            Exception: _unexpected,
        },
    )


class RequestGuard:
    """Lets a request through when it calls us by our name, and its bearer may do what it asks for."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        hosts: Hosts | None,
        pages: Pages | None = None,
        roles: Roles = ROLES,
        origins: Origins = _NO_ORIGINS,
    ) -> None:
        self._app = app
        self._access = access
        self._roles = roles
        self._hosts = hosts
        self._pages = pages
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refused := await self._refusal(scope)) is not None:
            shown = self._pages.refused(scope, refused) if self._pages else None
            await (shown or error_response(refused))(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _refusal(self, scope: Scope) -> TrackingError | None:
        if (ambiguous := refuse_ambiguity(scope["headers"])) is not None:
            return ambiguous
        headers = Headers(scope=scope)
        is_probe = scope["path"] in _PROBES
        if self._hosts is not None and not is_probe and not self._hosts.admit(headers.get("host", "")):
            return TrackingError(
                "This server does not answer to that Host; its option --allowed-host names those it does",
                code="PERMISSION_DENIED",
            )
        if is_foreign(headers, scope["method"], self._origins):
            return TrackingError(
                "This server does not answer pages of other sites; its option --cors-allowed-origins"
                " names those it does",
                code="PERMISSION_DENIED",
            )
        if is_probe or (self._pages and self._pages.is_open(scope["path"])):
            return None
        given = headers.get("authorization", "")
        try:
            shown = self._pages.authorization(headers) if self._pages else given
            bearer = await self._access.bearer(shown, client_address(scope))
        except TrackingError as error:
            return error
        refused = refusal(bearer, self._roles.of(scope["method"], scope["path"]))
        if bearer is not None and refused is None:
            scope.setdefault("state", {}).update(user=bearer.name, role=bearer.role, run_id=bearer.run_id)
        return refused


def client_address(scope: Scope) -> str:
    """The address from which a request comes; empty where there is none, as behind a unix socket."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def error_response(error: RepriseError) -> Response:
    """``{"error_code": ..., "message": ...}``; an error that is none of the store's is a bad value."""
    code = error.code if isinstance(error, TrackingError) else "INVALID_PARAMETER_VALUE"
    message = "Invalid path" if isinstance(error, InvalidPath) else error.message  # clients compare it
    body = encode({"error_code": code, "message": message})
    headers = {**_NO_GUESS, **_HEADERS.get(code, {})}
    return Response(body, HTTP_STATUS.get(code, 500), headers, media_type="application/json")


async def _figures(request: Request) -> Response:
    """What a long-running server has counted; the one of a single run counts nothing."""
    page: Callable[[], Response] | None = request.scope.get("state", {}).get("figures")
    if page is None:
        raise HTTPException(404)
    return page()


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RepriseError)
    return error_response(error)


async def _no_such_endpoint(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"No endpoint {request.method} {request.url.path}"
    body = encode({"error_code": "ENDPOINT_NOT_FOUND", "message": message})
    headers = {**_NO_GUESS, **(error.headers or {})}
    return Response(body, error.status_code, headers, media_type="application/json")


async def _gone(request: Request, error: Exception) -> Response:
    """Answer a request that the client aborted; the answer is not read."""
    return Response(status_code=499)


async def _out_of_order(request: Request, error: Exception) -> Response:
    """A full disk, or a folder that may not be written: the operator's to mend, and named in the log."""
    assert isinstance(error, OSError)
    logger.error("%s %s: %s", request.method, request.url.path, error)
    store: TrackingStore = request.app.state.store
    return error_response(store.explain(error))


async def _unexpected(request: Request, error: Exception) -> Response:
    """Report a bug; the server logs the traceback."""
    return error_response(TrackingError(f"Unexpected {type(error).__name__}"))
