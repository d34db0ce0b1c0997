"""How much is held in memory at once: so many requests, and so many bytes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from reprise.errors import TrackingError

_BODIES = 10
"""Of the largest size, which fit in together."""


class Admission:
    """Room for ``requests`` at once, whose bodies have no more bytes than ten of the ``largest``."""

    def __init__(self, requests: int, largest: int | None) -> None:
        self._requests = requests
        self._bytes = None if largest is None else largest * _BODIES

    @asynccontextmanager
    async def read_body(self, request: Request) -> AsyncIterator[bytes]:
        """All of the request's body, for which there is room until the block ends.

        Raises:
            TrackingError: there is no room now.
        """
        if self._requests == 0:
            raise _refuse_request()
        self._requests -= 1
        held = 0
        try:
            parts = []
            async for part in request.stream():
                if self._bytes is not None:
                    if len(part) > self._bytes:
                        raise _refuse_request()
                    self._bytes -= len(part)
                    held += len(part)
                parts.append(part)
            yield b"".join(parts)
        finally:
            self._requests += 1
            if self._bytes is not None:
                self._bytes += held


def _refuse_request() -> TrackingError:
    return TrackingError("Too many concurrent requests; try again later", code="TEMPORARILY_UNAVAILABLE")
