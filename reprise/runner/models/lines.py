"""Asks a worker over HTTP/1.1: its connections are kept, and what never got there is told from what did.

This is h11 on asyncio's streams and nothing more: with httpx the front spent four fifths of its processor
time on asking. It speaks to loopback ports alone, whose servers are ours.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import NamedTuple

import h11

_KEPT = 2.0
"""Seconds for which a connection may lie idle; a worker closes its own after five."""

_READ = 1 << 16  # bytes


class Unreached(Exception):
    """Nobody listens at the port: the request was not sent."""


class Broken(Exception):
    """The worker ended the connection without a whole answer; it may have begun with the request."""


class Answer(NamedTuple):
    status: int
    content_type: str | None
    content: bytes


class Lines:
    """Connections to the worker that takes requests now; those to the one before are let go."""

    def __init__(self) -> None:
        self._port = 0
        self._idle: deque[tuple[float, _Line]] = deque()  # the longest first

    async def ask(
        self, port: int, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes = b""
    ) -> Answer:
        """The worker's answer, however long it takes; to cancel this ends the connection.

        Raises:
            Unreached: the request was not sent.
            Broken: it may have been.
        """
        line = self._rested(port) or await _Line.to(port)
        given = [(b"host", b"127.0.0.1:%d" % port), (b"content-length", b"%d" % len(body)), *headers]
        try:
            return await line.ask(h11.Request(method=method, target=path, headers=given), body)
        except (OSError, h11.ProtocolError) as error:
            raise Broken from error
        finally:
            if line.takes_another and port == self._port:
                self._idle.append((time.monotonic(), line))
            else:
                line.close()

    def _rested(self, port: int) -> _Line | None:
        """An idle connection that is still good; all that are not end here."""
        now = time.monotonic()
        while self._idle and (port != self._port or now - self._idle[0][0] > _KEPT):
            self._idle.popleft()[1].close()
        self._port = port
        while self._idle:
            _, line = self._idle.pop()
            if line.is_open:
                return line
            line.close()
        return None


class _Line:
    """One connection; ``takes_another``: its last request came to a good end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._state = h11.Connection(h11.CLIENT)
        self.takes_another = False

    @classmethod
    async def to(cls, port: int) -> _Line:
        try:
            return cls(*await asyncio.open_connection("127.0.0.1", port))
        except OSError as error:
            raise Unreached from error

    @property
    def is_open(self) -> bool:
        return not self._reader.at_eof()

    async def ask(self, request: h11.Request, body: bytes) -> Answer:
        self.takes_another = False
        events = (request, *([h11.Data(data=body)] if body else []), h11.EndOfMessage())
        self._writer.writelines([self._state.send(event) or b"" for event in events])
        await self._writer.drain()
        head = await self._event()
        while isinstance(head, h11.InformationalResponse):
            head = await self._event()
        if not isinstance(head, h11.Response):
            raise ConnectionResetError("no answer")
        content = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            content += event.data
        if self._state.our_state is h11.DONE and self._state.their_state is h11.DONE:
            self._state.start_next_cycle()
            self.takes_another = True
        kinds = [value.decode("latin-1") for name, value in head.headers if name == b"content-type"]
        return Answer(head.status_code, kinds[0] if kinds else None, bytes(content))

    def close(self) -> None:
        self._writer.transport.abort()  # at once: what was not sent yet is of no use to anybody

    async def _event(self) -> object:
        while (event := self._state.next_event()) is h11.NEED_DATA:
            self._state.receive_data(await self._reader.read(_READ))
        return event
