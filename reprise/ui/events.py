"""News for open pages: that something in the store has changed, told as server-sent events.

One watcher looks at the store for all pages, and only while there are any.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from reprise.errors import TrackingError
from reprise.tracking.embedded import EmbeddedStore

_LOOK = 0.2  # seconds between looks at the store
_BEAT = 15.0  # seconds after which a silent connection says that it lives

MOST = 500
"""Streams of one server; each holds a connection, and what its reader was too slow to take."""

LASTS = 600.0

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class News:
    """Wakes those who wait when the store has changed; ``stop`` lets them go."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self._waiting: set[asyncio.Event] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._looking = asyncio.Event()  # the watcher knows what was there before
        self.stopping = False
        self.streams = 0

    async def changes(self) -> AsyncIterator[bool]:
        """True after each change (several that are close together are one).

        False at first, when no change will be missed any more, and after a silent while.
        """
        changed = asyncio.Event()
        self._waiting.add(changed)
        if self._watcher is None or self._watcher.done():
            self._looking.clear()
            self._watcher = asyncio.create_task(self._watch())
        try:
            await self._looking.wait()
            yield False
            while not self.stopping:
                try:
                    await asyncio.wait_for(changed.wait(), _BEAT)
                except TimeoutError:
                    yield False
                    continue
                changed.clear()
                if not self.stopping:
                    yield True
        finally:
            self._waiting.discard(changed)

    def stop(self) -> None:
        self.stopping = True
        for changed in self._waiting:
            changed.set()

    async def _watch(self) -> None:
        with self._store.watching() as version:
            seen = await run_in_threadpool(version)
            self._looking.set()
            while self._waiting and not self.stopping:
                await asyncio.sleep(_LOOK)
                if (now := await run_in_threadpool(version)) != seen:
                    seen = now
                    for changed in self._waiting:
                        changed.set()


async def events(request: Request) -> Response:
    """``GET /events``: an event ``changed`` each time that the store has changed."""
    news: News = request.app.state.news

    async def stream() -> AsyncIterator[str]:
        async for changed in news.changes():
            yield "event: changed\ndata:\n\n" if changed else "retry: 2000\n\n"

    return streamed(news, stream())


def streamed(news: News, events: AsyncIterator[str]) -> Response:
    """Server-sent events until they end or the reader leaves, to no more than ``MOST`` readers at once.

    After ``LASTS`` seconds the reader has to come again, and to be somebody who still may.
    """
    if news.streams >= MOST:
        raise TrackingError("Too many pages follow this server", code="TEMPORARILY_UNAVAILABLE")

    async def counted() -> AsyncIterator[str]:
        news.streams += 1
        end = time.monotonic() + LASTS
        try:
            async for event in events:
                yield event
                if time.monotonic() > end:
                    return
        finally:
            news.streams -= 1

    return StreamingResponse(counted(), media_type="text/event-stream", headers=_HEADERS)


ROUTES = (Route("/events", events),)
