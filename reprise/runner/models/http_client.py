"""An HTTP/1.1 client for workers: keeps connections, and distinguishes unsent from failed requests.

It is h11 on asyncio's streams: with httpx the front spent four fifths of its CPU time on requests. It only
connects to our own servers, on sockets and loopback ports.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from pathlib import Path
from typing import TypeAlias

import h11

from reprise.named_tuple import NamedTuple

Address: TypeAlias = Path | int
"""Where a worker listens: the path of a socket, or a loopback port."""

_KEPT = 2.0
"""Seconds for which a connection may be idle; a worker closes its own after five."""

_READ = 1 << 16  # bytes
_PIECE = 1 << 20
"""Bytes of a body that are handed over at once: asyncio copies what it cannot send yet."""


class Unreached(Exception):
    """There is no listener: the request was not sent."""


class Broken(Exception):
    """The worker ended the connection without a whole answer; it may have begun with the request."""


class WorkerAnswer(NamedTuple):
    status: int
    content_type: str | None
    content: bytes


Headers: TypeAlias = list[tuple[bytes, bytes]]


def ask_once(
    address: Address,
    method: str,
    path: str,
    headers: Headers,
    body: bytes = b"",
    patience: float | None = None,
) -> WorkerAnswer:
    """The worker's answer on a connection of its own, within ``patience`` seconds.

    Raises:
        Unreached: the request was not sent.
        Broken: it may have been.
        TimeoutError: the answer did not come in time.
    """

    async def asked() -> WorkerAnswer:
        async with asyncio.timeout(patience):
            line = await _Connection.to(address)
            try:
                return await line.ask(method, path, headers, body)
            finally:
                line.close()

    return asyncio.run(asked())


class Lines:
    """Connections to the current worker; those to the previous worker are closed."""

    def __init__(self) -> None:
        self._address: Address | None = None
        self._idle: deque[tuple[float, _Connection]] = deque()  # the longest first

    async def ask(
        self, address: Address, method: str, path: str, headers: Headers, body: bytes = b""
    ) -> WorkerAnswer:
        """The worker's answer, however long it takes; to cancel this ends the connection.

        Raises:
            Unreached: the request was not sent.
            Broken: it may have been.
        """
        line = self._find_idle(address) or await _Connection.to(address)
        try:
            return await line.ask(method, path, headers, body)
        finally:
            if line.takes_another and address == self._address:
                self._idle.append((time.monotonic(), line))
            else:
                line.close()

    def _find_idle(self, address: Address) -> _Connection | None:
        """An idle connection that is still good; all that are not end here."""
        now = time.monotonic()
        while self._idle and (address != self._address or now - self._idle[0][0] > _KEPT):
            self._idle.popleft()[1].close()
        self._address = address
        while self._idle:
            _, line = self._idle.pop()
            if line.is_open:
                return line
            line.close()
        return None


class _Connection:
    """A connection; ``takes_another``: its last request was completed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._state = h11.Connection(h11.CLIENT)
        self.takes_another = False

    @classmethod
    async def to(cls, address: Address) -> _Connection:
        try:
            if isinstance(address, Path):
                line = cls(*await asyncio.open_unix_connection(address))
            else:
                line = cls(*await asyncio.open_connection("127.0.0.1", address))
        except OSError as error:
            raise Unreached from error
        if line.has_a_peer:
            return line
        line.close()
        raise Unreached

    @property
    def has_a_peer(self) -> bool:
        """Check a connection: asyncio treats a socket with a full queue (EAGAIN) as connected."""
        return self._writer.get_extra_info("peername") is not None

    @property
    def is_open(self) -> bool:
        return not self._reader.at_eof()

    async def ask(self, method: str, path: str, headers: Headers, body: bytes) -> WorkerAnswer:
        self.takes_another = False
        given = [(b"host", b"localhost"), (b"content-length", b"%d" % len(body)), *headers]
        try:
            return await self._exchange_messages(
                h11.Request(method=method, target=path, headers=given), body
            )
        except (OSError, h11.ProtocolError) as error:
            raise Broken from error

    def close(self) -> None:
        self._writer.transport.abort()  # at once: unsent data is useless

    async def _exchange_messages(self, request: h11.Request, body: bytes) -> WorkerAnswer:
        self._writer.writelines([self._send_event(request), self._send_event(h11.Data(data=body[:_PIECE]))])
        await self._writer.drain()
        for begin in range(_PIECE, len(body), _PIECE):
            self._writer.write(self._send_event(h11.Data(data=body[begin : begin + _PIECE])))
            await self._writer.drain()
        self._send_event(h11.EndOfMessage())
        head = await self._receive_event()
        while isinstance(head, h11.InformationalResponse):
            head = await self._receive_event()
        if not isinstance(head, h11.Response):
            raise ConnectionResetError("no answer")
        content = bytearray()
        while isinstance(event := await self._receive_event(), h11.Data):
            content += event.data
        if self._state.our_state is h11.DONE and self._state.their_state is h11.DONE:
            self._state.start_next_cycle()
            self.takes_another = True
        kinds = [value.decode("latin-1") for name, value in head.headers if name == b"content-type"]
        return WorkerAnswer(head.status_code, kinds[0] if kinds else None, bytes(content))

    def _send_event(self, event: h11.Event) -> bytes:
        return self._state.send(event) or b""

    async def _receive_event(self) -> object:
        while (event := self._state.next_event()) is h11.NEED_DATA:
            self._state.receive_data(await self._reader.read(_READ))
        return event
