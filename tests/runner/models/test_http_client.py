"""How the front asks a worker, against servers that answer as a worker may, and as it should not."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reprise.runner.models.http_client import Broken, Lines, Unreached, WorkerAnswer
from tests.runner.models.conftest import held_port

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 2\r\n\r\nhi"


def conversation(script: Script, talk: Callable[[Lines, int], Awaitable[None]]) -> int:
    """``talk`` with a server that does ``script`` on each connection: how many of these there were."""
    connections = 0

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            await script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answered, "127.0.0.1", 0)
        async with server:
            lines = Lines()
            port = server.sockets[0].getsockname()[1]
            await talk(lines, port)
            with held_port() as nobody, pytest.raises(Unreached):  # which also lets go of what is idle
                await lines.ask(nobody, "GET", "/ping", [])

    asyncio.run(main())
    return connections


async def ask(lines: Lines, port: int, body: bytes = b"rows") -> WorkerAnswer:
    return await lines.ask(port, "POST", "/invocations", [(b"accept", b"\xe9")], body)


async def taken(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    return head + await reader.readexactly(length)


def test_a_connection_is_kept_for_the_next_request() -> None:
    got = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            got.append(await taken(reader))
            writer.write(OK)

    async def talk(lines: Lines, port: int) -> None:
        for _ in range(3):
            assert await ask(lines, port) == WorkerAnswer(200, "text/csv", b"hi")

    assert conversation(script, talk) == 1
    assert got[0].startswith(b"POST /invocations HTTP/1.1\r\n")
    assert b"\xe9" in got[0]  # as the client sent it
    assert got[0].endswith(b"\r\n\r\nrows")


def test_a_worker_that_closes_after_each_answer_is_asked_on_new_connections() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await taken(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"1\r\nh\r\n1\r\ni\r\n0\r\n\r\n")

    async def talk(lines: Lines, port: int) -> None:
        for _ in range(2):
            assert await ask(lines, port) == WorkerAnswer(200, None, b"hi")

    assert conversation(script, talk) == 2


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", b"nonsense\r\n\r\n"]
)
def test_half_an_answer_is_none(said: bytes) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await taken(reader)
        writer.write(said)

    async def talk(lines: Lines, port: int) -> None:
        with pytest.raises(Broken):
            await ask(lines, port)

    assert conversation(script, talk) == 1


def test_an_answer_that_nobody_waits_for_reaches_no_other_request() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = (await taken(reader)).rpartition(b"\r\n")[2]
            if body == b"slow":
                await asyncio.sleep(0.2)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + body)

    async def talk(lines: Lines, port: int) -> None:
        assert (await ask(lines, port, b"fast")).content == b"fast"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ask(lines, port, b"slow")
        assert (await ask(lines, port, b"next")).content == b"next"

    assert conversation(script, talk) == 2


def test_a_queue_that_is_full_was_not_reached(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def talk() -> None:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.fspath(path))
            listening.listen(0)
            lines = Lines()
            first = asyncio.create_task(lines.ask(path, "POST", "/invocations", [], b"rows"))
            await asyncio.sleep(0)  # it takes the only place
            with pytest.raises(Unreached):
                await lines.ask(path, "POST", "/invocations", [], b"rows")
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first

    asyncio.run(talk())


def test_a_large_body_arrives_whole() -> None:
    got = []
    body = os.urandom(1 << 10) * 3000

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await taken(reader))
        writer.write(OK)

    async def talk(lines: Lines, port: int) -> None:
        assert await ask(lines, port, body) == WorkerAnswer(200, "text/csv", b"hi")

    conversation(script, talk)
    assert got[0].endswith(b"\r\n\r\n" + body)
