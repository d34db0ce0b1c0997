"""Server-sent events that notify open pages of changes in the store.

One watcher polls the store for all pages, only while pages are open.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from reprise.errors import TrackingError
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui.numbers import counting

_LOOK = 0.2  # seconds between polls of the store
_BEAT = 15.0  # seconds after which a silent connection sends a sign of life

MOST = 500
"""Maximum number of streams; each holds a connection and unsent data."""

LASTS = 600.0

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class News:
    """Wakes the waiting streams when the store has changed; ``stop`` ends them."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store
        self._opened = ExitStack()
        self._version: Callable[[], int] | None = None
        self._start = time.time_ns() // 1_000_000  # versions of a store restart for each server
        self._one_at_a_time = threading.Lock()
        self._waiting: set[asyncio.Event] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._looking = asyncio.Event()  # the watcher starts from this version
        self.stopping = False
        self.streams = 0

    def version(self) -> int:
        """Return a number that changes with each write to the store and each server; thread-safe."""
        with self._one_at_a_time:
            if self._version is None:
                self._version = self._opened.enter_context(self._store.watching())
            return self._start + self._version()

    async def changes(self, since: int | None) -> AsyncIterator[int | None]:
        """Yield the version after each change since ``since`` (None: now); close changes are merged.

        Yields None at first, and after a silent period.
        """
        changed = asyncio.Event()
        self._waiting.add(changed)
        if self._watcher is None or self._watcher.done():
            self._looking.clear()
            self._watcher = asyncio.create_task(self._watch())
        try:
            await self._looking.wait()
            seen = await run_in_threadpool(self.version) if since is None else since
            yield None
            while not self.stopping:
                changed.clear()
                if (now := await run_in_threadpool(self.version)) != seen:
                    seen = now
                    yield now
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), _BEAT)
                except TimeoutError:
                    yield None
        finally:
            self._waiting.discard(changed)

    def stop(self) -> None:
        self.stopping = True
        for changed in self._waiting:
            changed.set()

    def close(self) -> None:
        """Release the store."""
        with self._one_at_a_time:
            self._version = None
            self._opened.close()

    async def _watch(self) -> None:
        seen = await run_in_threadpool(self.version)
        self._looking.set()
        while self._waiting and not self.stopping:
            await asyncio.sleep(_LOOK)
            if (now := await run_in_threadpool(self.version)) != seen:
                seen = now
                for changed in self._waiting:
                    changed.set()


async def events(request: Request) -> Response:
    """``GET /events?since=``: an event ``changed`` for each change of the store.

    ``since`` is the version that the page shows, and the id of an event is the new version, so that no
    change is missed between a page and its stream, or between two streams.
    """
    news: News = request.app.state.news
    since = counting(request.headers.get("last-event-id") or request.query_params.get("since", ""))

    async def stream() -> AsyncIterator[str]:
        async for version in news.changes(since):
            yield "retry: 2000\n\n" if version is None else f"id: {version}\nevent: changed\ndata:\n\n"

    return streamed(news, stream())


def streamed(news: News, events: AsyncIterator[str]) -> Response:
    """Send server-sent events until they end or the reader leaves, to at most ``MOST`` readers at once.

    After ``LASTS`` seconds the reader has to reconnect, so that its permission is checked again.
    """

    async def for_a_while() -> AsyncIterator[str]:
        end = time.monotonic() + LASTS
        async for event in events:
            yield event
            if time.monotonic() > end:
                return

    return _EventStream(news, for_a_while())


class _EventStream(StreamingResponse):
    """Count the stream on admission, so that many simultaneous requests cannot exceed the limit."""

    def __init__(self, news: News, events: AsyncIterator[str]) -> None:
        super().__init__(events, media_type="text/event-stream", headers=_HEADERS)
        self._news = news

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._news.streams >= MOST:
            raise TrackingError("Too many open pages on this server", code="TEMPORARILY_UNAVAILABLE")
        self._news.streams += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._news.streams -= 1


ROUTES = (Route("/events", events),)
