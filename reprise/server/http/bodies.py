"""The body of a request, as a whole."""

from __future__ import annotations

from starlette.requests import Request

from reprise.errors import TrackingError

LARGEST_BODY = 16 << 20
"""Bytes of JSON in one request; MLflow's own clients stay below one million."""


async def collect_body(request: Request, largest: int = LARGEST_BODY) -> bytes:
    """The whole body of a request.

    Raises:
        TrackingError: it has more than ``largest`` bytes.
        ClientDisconnect: the client left.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            raise TrackingError(f"The body is larger than {largest} bytes", code="REQUEST_TOO_LARGE")
    return bytes(body)
