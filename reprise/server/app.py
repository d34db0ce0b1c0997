"""The ASGI app: the route table over one store, behind a guard, with errors in MLflow's own shape.

A token may name the run that its bearer was given, as ``<secret>.<run id>``; the app then follows
what that client does (see ``follow.py``).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from reprise.errors import RepriseError, TrackingError
from reprise.server.following import Follows
from reprise.server.routes import ROUTES
from reprise.server.wire import HTTP_STATUS, encode
from reprise.tracking.embedded import EmbeddedStore

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def create_app(
    store: EmbeddedStore, *, token: str | None = None, hosts: Iterable[str] | None = LOOPBACK_NAMES
) -> ASGIApp:
    """Serve ``store``.

    Args:
        token: the secret that every request must bear; None asks for none.
        hosts: the names by which a client may call us (a foreign web page whose name was made to
            resolve to our address calls us by another); None for any.
    """
    app = Starlette(
        routes=ROUTES,
        exception_handlers={
            RepriseError: _refused,
            HTTPException: _no_such_endpoint,
            ClientDisconnect: _gone,
            Exception: _unexpected,
        },
    )
    app.state.store = store
    app.state.follows = Follows()
    return Guard(app, token, None if hosts is None else frozenset(hosts))


class Guard:
    """Lets a request through when it calls us by our name and bears the token."""

    def __init__(self, app: ASGIApp, token: str | None, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._token = None if token is None else token.encode()
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refusal := self._refusal(scope)) is not None:
            await error_response(refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> TrackingError | None:
        headers = Headers(scope=scope)
        if self._hosts is not None and _host_name(headers.get("host", "")) not in self._hosts:
            return TrackingError("This server is not called by that Host", code="PERMISSION_DENIED")
        if self._token is None or scope["path"] == "/health":
            return None
        credential = _credential(headers.get("authorization", ""))
        if hmac.compare_digest(credential.encode(), self._token):
            return None
        secret, _, run_id = credential.rpartition(".")
        if not hmac.compare_digest(secret.encode(), self._token):
            return TrackingError("The token is missing or wrong", code="UNAUTHENTICATED")
        if run_id:
            scope.setdefault("state", {})["run_id"] = run_id
        return None


def _host_name(host: str) -> str:
    """``[::1]:5000`` and ``localhost:5000`` without the port and the brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _credential(authorization: str) -> str:
    """The bearer token, or the password of basic authentication; ``""`` when there is neither.

    Clients that find a user name in their settings never send a bearer token.
    """
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def error_response(error: RepriseError) -> Response:
    """``{"error_code": ..., "message": ...}``; an error that is none of the store's is a bad value."""
    code = error.code if isinstance(error, TrackingError) else "INVALID_PARAMETER_VALUE"
    body = encode({"error_code": code, "message": error.message})
    headers = {"Connection": "close"} if code == "REQUEST_TOO_LARGE" else None  # its rest is not read
    return Response(body, HTTP_STATUS.get(code, 500), headers, media_type="application/json")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RepriseError)
    return error_response(error)


async def _no_such_endpoint(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"No endpoint {request.method} {request.url.path}"
    body = encode({"error_code": "ENDPOINT_NOT_FOUND", "message": message})
    return Response(body, error.status_code, error.headers, media_type="application/json")


async def _gone(request: Request, error: Exception) -> Response:
    """The client hung up in the middle of its request; nobody reads this."""
    return Response(status_code=499)


async def _unexpected(request: Request, error: Exception) -> Response:
    """A bug of ours; the server logs its traceback."""
    return error_response(TrackingError(f"Unexpected {type(error).__name__}"))
