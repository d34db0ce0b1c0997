"""The store behind a confined run, as an ASGI app: our own REST API, or a server elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from reprise.errors import TrackingError
from reprise.server.app import error_response

if TYPE_CHECKING:
    import httpx

_OF_A_CONNECTION = {"connection", "content-encoding", "content-length", "host", "transfer-encoding"}
"""Headers that are about the way from one program to the next."""


class UpstreamProxy:
    """Passes requests on to ``client``, with its credentials instead of those of the run."""

    def __init__(self, client: httpx.AsyncClient, uri: str) -> None:
        self._client = client
        self._uri = uri

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        import httpx

        request = Request(scope, receive)
        try:
            answer = await self._client.send(self._passed_on(request), stream=True)
        except httpx.RequestError as error:
            reason = str(error) or type(error).__name__
            message = f"The tracking server {self._uri} cannot be reached: {reason}"
            refused = error_response(TrackingError(message, code="TEMPORARILY_UNAVAILABLE"))
            await refused(scope, receive, send)
            return
        try:
            await _returned(answer)(scope, receive, send)
        finally:
            await answer.aclose()

    def _passed_on(self, request: Request) -> httpx.Request:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name == "content-encoding" or name not in {*_OF_A_CONNECTION, "authorization"}
        }
        if "content-length" in request.headers:  # a server that reads a file wants to know its size
            headers["content-length"] = request.headers["content-length"]
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        path = request.scope.get("raw_path") or request.scope["path"].encode()
        query = request.scope["query_string"]
        target = self._uri + path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
        content = request.stream() if has_body else None
        return self._client.build_request(request.method, target, headers=headers, content=content)


def _returned(answer: httpx.Response) -> Response:
    headers = {
        name: value for name, value in answer.headers.items() if name.lower() not in _OF_A_CONNECTION
    }

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in answer.aiter_bytes():
            yield piece

    return StreamingResponse(pieces(), answer.status_code, headers)
