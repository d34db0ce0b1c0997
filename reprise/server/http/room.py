"""Room for connections: fewer than the file descriptors of the process, so that the store has some too.

Where one more comes than there is room for, that which has waited longest for a request is closed: half a
request sent a thousand times keeps no other client out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

logger = logging.getLogger(__name__)

ACCEPTED_AT_ONCE = 16
"""Connections that are taken before the loop turns to those that it has."""

_SELDOM = 60.0
"""Seconds between two lines on the same fault."""


class Room:
    """The connections of one server, at most ``most``; those without a request in order of waiting."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: set[asyncio.BaseTransport] = set()
        self._waiting: dict[asyncio.BaseTransport, None] = {}
        self._line = SeldomLine()

    def enter(self, connection: asyncio.Transport) -> None:
        self._all.add(connection)
        self._waiting[connection] = None
        if len(self._all) > self._most:
            longest = next(iter(self._waiting))
            self.leave(longest)
            assert isinstance(longest, asyncio.Transport)
            longest.abort()
            self._line.warn(
                "there are %d connections, as many as there is room for (ulimit -n): "
                "those that send no request are closed",
                self._most,
            )

    def begin_request(self, connection: asyncio.BaseTransport) -> None:
        self._waiting.pop(connection, None)

    def end_request(self, connection: asyncio.BaseTransport) -> None:
        if connection in self._all:
            self._waiting[connection] = None

    def leave(self, connection: asyncio.BaseTransport) -> None:
        self._all.discard(connection)
        self._waiting.pop(connection, None)


class SeldomLine:
    """A warning that is written once a minute, however often it is given."""

    def __init__(self) -> None:
        self._last: float | None = None

    def warn(self, message: str, *values: object) -> None:
        now = time.monotonic()
        if self._last is None or now - self._last >= _SELDOM:
            self._last = now
            logger.warning(message, *values)


def make_room() -> Room:
    """Room for three of four descriptors that this process may have."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return Room(max(limit - max(limit // 4, 48), 1) if limit != resource.RLIM_INFINITY else 1 << 30)


def tell_exhaustion_seldom(loop: asyncio.AbstractEventLoop) -> None:
    """Where a connection cannot be taken for want of descriptors, say so once a minute, in a line."""
    line = SeldomLine()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), OSError) and "accept" in context["message"]:
            line.warn("a connection cannot be taken: %s", context["exception"].strerror)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
