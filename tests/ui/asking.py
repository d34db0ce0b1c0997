"""Pages asked for without a server or a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from reprise.server.http.access import Everyone
from reprise.tracking.protocols.store import TrackingStore
from reprise.ui.app import create
from reprise.ui.sessions import Sessions

Ask = Callable[..., httpx.Response]
T = TypeVar("T")


def apart(scenario: Coroutine[Any, Any, T]) -> T:
    """Runs it in a thread of its own: in this one playwright's loop runs, once a test has opened a page."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, scenario).result()


def asking(store: TrackingStore) -> Ask:
    """``ask(path, Range=...)``: what the pages over ``store`` answer to a browser that may read."""
    app = create(store, Sessions(Everyone()))

    async def get(path: str, more: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        headers = {"Accept": "text/html", **more}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=headers
        ) as client:
            return await client.get(path)

    def ask(path: str, **headers: str) -> httpx.Response:
        return apart(get(path, headers))

    return ask
