"""The shutdown of servers: pending requests are answered, and idle clients are disconnected.

Nothing is printed: a shutdown is not an error, whatever the clients were doing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from reprise.server.app import Pages
from reprise.server.http.room import tell_exhaustion_seldom
from reprise.server.http.timeouts import PromptHeads
from reprise.server.sockets import BACKLOG

STALLED = 1.0
"""Seconds after which a server that ends leaves a client that neither reads nor sends."""

_CLEANING = 0.5
_TICK = 0.01
_PROMPT_TICK = 0.002


class _Server(uvicorn.Server):
    def run(self, sockets: list[socket.socket] | None = None) -> None:
        with self.capture_signals():  # uvicorn begins later; a loop that Ctrl-C leaves half made complains
            asyncio.run(self.serve(sockets))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        tell_exhaustion_seldom(asyncio.get_running_loop())
        await super().startup(sockets)
        for listening in sockets or []:
            listening.listen(BACKLOG)  # uvicorn's backlog is how many are taken at once, too


class TidyServer(_Server):
    """Gives requests ``patience`` seconds to end, and lets them clean up before it dies of its signal."""

    def __init__(
        self,
        config: uvicorn.Config,
        pages: Pages | None,
        patience: float,
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        """``give_up`` is called when the time is over, and ends what worker threads still wait for."""
        super().__init__(config)
        self._pages = pages
        self._patience = patience
        self._give_up = give_up

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._pages:
            self._pages.stop()
        _take_no_more(self, sockets)
        clients = _Clients(self)
        await _quiet(self, self._patience, _TICK, clients.leave_stalled)
        self._give_up()
        _leave_all(self)
        await _quiet(self, _CLEANING, _TICK)


class PromptServer(_Server):
    """A server that stops at once, instead of polling ten times per second as uvicorn does.

    A stop makes a socket readable, so that any thread can request it at any time.
    ``at_end`` is awaited when the last request has been answered.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        stop: socket.socket,
        patience: float,
        at_end: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(config)
        self._stop = stop
        self._patience = patience
        self._at_end = at_end

    async def main_loop(self) -> None:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._stop, asked.set)
        try:
            await asked.wait()
        finally:
            loop.remove_reader(self._stop)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        _take_no_more(self, sockets)
        await _quiet(self, self._patience, _PROMPT_TICK)
        _leave_all(self)
        await _quiet(self, self._patience, _PROMPT_TICK)
        await self._at_end()


class _Clients:
    """How far the clients of ``server`` have come, those whose turn it is."""

    def __init__(self, server: uvicorn.Server) -> None:
        self._server = server
        self._seen: dict[object, tuple[object, float]] = {}

    def leave_stalled(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self._server.server_state.connections):
            assert isinstance(connection, PromptHeads)
            place = connection.awaited_at
            known, since = self._seen.get(connection, (None, now))
            if place is None or place != known:
                self._seen[connection] = (place, now)
            elif now - since > STALLED:
                connection.transport.abort()


class Silent:
    """``app``, whose requests may be broken off by the end of the server without a word in its log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(asyncio.CancelledError):  # the client was left before; uvicorn would log a traceback
            await self._app(scope, receive, send)


def _take_no_more(server: uvicorn.Server, sockets: list[socket.socket] | None) -> None:
    """No new connections, and no new requests on those that there are."""
    for listening in server.servers:
        listening.close()
    for taken in sockets or []:
        taken.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()


def _leave_all(server: uvicorn.Server) -> None:
    for connection in list(server.server_state.connections):
        connection.transport.abort()  # its request ends as if the client had left


async def _quiet(
    server: uvicorn.Server, patience: float, tick: float, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Return when all requests came to their end, after ``patience`` seconds, or at a second Ctrl-C."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    state = server.server_state
    while (state.connections or state.tasks) and loop.time() < deadline and not server.force_exit:
        meanwhile()
        await asyncio.sleep(tick)
