"""Serving the app with uvicorn: for the child of a run, and for ``reprise server``."""

from __future__ import annotations

import asyncio
import logging
import socket

import uvicorn
from starlette.types import ASGIApp

from reprise.errors import UsageError
from reprise.server.app import LOOPBACK_NAMES, create_app
from reprise.server.loopback import listen
from reprise.tracking.embedded import EmbeddedStore

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that requests in flight may take after the server was asked to stop."""

_TICK = 0.002


def serve(store: EmbeddedStore, host: str, port: int, token: str | None = None) -> None:
    """Serve until SIGINT or SIGTERM (``reprise server``).

    Raises:
        UsageError: the address cannot be listened on.
    """
    hosts = LOOPBACK_NAMES if host in LOOPBACK_NAMES else None
    app = create_app(store, token=token, hosts=hosts)
    try:
        listening = listen(host, port)
    except OSError as error:
        hint = "is another server there? -p names another port"
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}", hint=hint) from error
    shown = f"[{host}]" if ":" in host else host
    logger.info("Serving %s at http://%s:%d", store.uri, shown, listening.getsockname()[1])
    with listening:
        uvicorn.Server(_config(app, timeout_keep_alive=75)).run(sockets=[listening])


def serve_until(stop: socket.socket, store: EmbeddedStore, token: str, listening: socket.socket) -> None:
    """Serve on the socket ``listening`` until ``stop`` becomes readable; closes ``listening``."""
    # A script that trains for minutes between two calls finds its connection as it left it.
    config = _config(create_app(store, token=token), timeout_keep_alive=24 * 3600)
    PromptServer(config, stop).run(sockets=[listening])


def _config(app: ASGIApp, *, timeout_keep_alive: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=timeout_keep_alive,
        timeout_graceful_shutdown=int(PATIENCE),
    )


class PromptServer(uvicorn.Server):
    """Stops the moment it is asked to, where uvicorn looks ten times a second.

    The stop is a socket that becomes readable, so that it can be asked from any thread at any time.
    """

    def __init__(self, config: uvicorn.Config, stop: socket.socket) -> None:
        super().__init__(config)
        self._stop = stop

    async def main_loop(self) -> None:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._stop, asked.set)
        try:
            await asked.wait()
        finally:
            loop.remove_reader(self._stop)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if not await self._is_quiet(PATIENCE):
            for connection in list(self.server_state.connections):
                connection.transport.abort()  # its request ends as if the client had left
            await self._is_quiet(PATIENCE)
        for listening in sockets or []:
            listening.close()

    async def _is_quiet(self, patience: float) -> bool:
        """Whether all requests came to their end within ``patience`` seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        while self.server_state.connections or self.server_state.tasks:
            if loop.time() > deadline:
                return False
            await asyncio.sleep(_TICK)
        return True
