"""Login and logout in a browser, for a server with users."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from reprise.errors import TrackingError
from reprise.server.api.wire import HTTP_STATUS
from reprise.server.app import client_address
from reprise.server.http.prefix import prefix_of
from reprise.ui.html import render
from reprise.ui.sessions import LASTS, Sessions

_UNKNOWN = "Wrong name and password, or unknown token."
_LARGEST = 10_000
_LONGEST = 4000  # characters of the address to return to; many clients limit headers to this


def instead_of(scope: Scope, error: TrackingError) -> Response | None:
    """Redirect a browser to the login page; requests by scripts get no challenge.

    A challenge would make browsers show their own dialog. ``Sec-Fetch-Mode`` identifies page requests, but
    browsers do not send it to other machines without HTTPS.
    """
    headers = Headers(scope=scope)
    mode = headers.get("sec-fetch-mode", "cors" if "referer" in headers else "")
    if "sec-fetch-mode" not in headers and "text/html" in headers.get("accept", ""):
        mode = "navigate"
    if error.code != "UNAUTHENTICATED" or not mode:
        return None
    if mode == "navigate" and scope["method"] == "GET":
        query = scope["query_string"].decode("ascii", "replace")
        here = scope["path"] + (f"?{query}" if query else "")
        here = here if len(here) <= _LONGEST else "/"
        return RedirectResponse(f"/login?next={quote(here, safe='')}", status_code=303)
    return JSONResponse({"error_code": error.code, "message": "You are not logged in"}, 401)


async def page(request: Request) -> Response:
    sessions: Sessions = request.app.state.sessions
    if await sessions.bearer(request.headers, client_address(request.scope)) is not None:
        return RedirectResponse(local(request.query_params.get("next", "/")), status_code=303)
    return render(request, "login.html", next=request.query_params.get("next", "/"), fault="")


async def log_in(request: Request) -> Response:
    """Log in with a user's name and password or token, or with only the token of the server."""
    form = await _form(request)
    sessions: Sessions = request.app.state.sessions
    pair = f"{form.get('name', '')}:{form.get('secret', '')}"
    credential = f"Basic {base64.b64encode(pair.encode()).decode()}"
    try:
        session = await sessions.open(credential, client_address(request.scope))
    except TrackingError as error:  # too many attempts
        return _asked_again(request, form, HTTP_STATUS[error.code], error.message)
    if session is None:
        return _asked_again(request, form, 401, _UNKNOWN)
    sessions.close(request.headers)  # the session of the previous user
    response = RedirectResponse(local(form.get("next", "/")), status_code=303)
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    response.set_cookie(
        sessions.cookie_name(request.headers),
        session,
        max_age=LASTS,
        httponly=True,
        samesite="strict",
        secure=secure,
        path=prefix_of(request.scope) or "/",
    )
    return response


def _asked_again(request: Request, form: dict[str, str], status: int, why: str) -> Response:
    return render(request, "login.html", status, next=form.get("next", "/"), fault=why)


async def log_out(request: Request) -> Response:
    sessions: Sessions = request.app.state.sessions
    sessions.close(request.headers)
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(sessions.cookie_name(request.headers), path=prefix_of(request.scope) or "/")
    return response


def local(target: str) -> str:
    """Return ``target`` if it is one of our pages and not on another host."""
    if target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return "/"


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise TrackingError("The form is too large", code="REQUEST_TOO_LARGE")
    fields = parse_qs(bytes(body).decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


ROUTES = (
    Route("/login", page, methods=["GET"]),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
)
