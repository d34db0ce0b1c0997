"""What our servers change of uvicorn is there: its inner parts are no promise, so pyproject.toml bounds it.

When this fails with a newer uvicorn: see what became of the part in ``reprise/server/stopping.py`` or
``patience.py``, run the tests of serving, and raise the bound.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import h11
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Never called."""


@pytest.fixture
def config() -> uvicorn.Config:
    made = uvicorn.Config(app, log_config=None)
    made.load()
    return made


@pytest.mark.parametrize(
    ("method", "parameters", "is_async"),
    [
        (uvicorn.Server.serve, ["self", "sockets"], True),
        (uvicorn.Server.main_loop, ["self"], True),
        (uvicorn.Server.shutdown, ["self", "sockets"], True),
        (uvicorn.Server.run, ["self", "sockets"], False),
        (uvicorn.Server.capture_signals, ["self"], False),
        (H11Protocol.connection_made, ["self", "transport"], False),
        (H11Protocol.data_received, ["self", "data"], False),
        (H11Protocol.connection_lost, ["self", "exc"], False),
        (H11Protocol.on_response_complete, ["self"], False),
        (H11Protocol.shutdown, ["self"], False),
    ],
)
def test_methods_are_called_as_ours(
    method: Callable[..., Any], parameters: list[str], is_async: bool
) -> None:
    assert list(inspect.signature(method).parameters) == parameters
    assert inspect.iscoroutinefunction(method) is is_async


def test_a_server_knows_its_connections_and_whether_it_must_end(config: uvicorn.Config) -> None:
    server = uvicorn.Server(config)
    assert isinstance(server.server_state, ServerState)
    assert (server.server_state.connections, server.server_state.tasks) == (set(), set())
    assert server.force_exit is False


def test_a_connection_knows_how_far_its_request_is() -> None:
    connections: list[H11Protocol] = []
    seen: list[object] = []

    class Connection(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            connections.append(self)

    def look() -> None:
        (connection,) = connections
        is_open = connection in connection.server_state.connections
        state, answered = connection.conn.their_state, connection.cycle.response_complete
        paused, unread = connection.flow.read_paused, connection.transport.get_write_buffer_size()
        seen.append((is_open, state, answered, paused, unread, connection.loop.is_running()))

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        look()
        await receive()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
        look()

    class Server(uvicorn.Server):
        async def main_loop(self) -> None:
            (listening,) = self.servers
            reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
            while not seen:
                await asyncio.sleep(0)
            writer.write(b"x")
            seen.append(await reader.readline())
            writer.close()

        async def shutdown(self, sockets: Any = None) -> None:
            self.servers[0].close()

    asyncio.run(Server(uvicorn.Config(answer, http=Connection, port=0, log_config=None)).serve())
    assert seen == [
        (True, h11.SEND_BODY, False, False, 0, True),
        (True, h11.IDLE, True, False, 0, True),
        b"HTTP/1.1 204 No Content\r\n",
    ]


def test_a_protocol_may_be_made_by_any_callable() -> None:
    def make(*values: Any, **named: Any) -> asyncio.Protocol:
        return H11Protocol(*values, **named)

    made = uvicorn.Config(app, http=make, log_config=None)  # type: ignore[arg-type]
    made.load()
    assert made.http_protocol_class is make
