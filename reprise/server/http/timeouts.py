"""Clients that send too slowly: a connection must not be held open by a byte a minute."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from reprise.errors import TrackingError
from reprise.server.http.room import Room

HEADER_SECONDS = 20.0
"""Within which the head of a request has to be here, counted from its first byte."""

BODY_SECONDS = 60.0
"""For which a body may pause."""


class PromptHeads(H11Protocol):
    """Closes a connection whose request does not get past its head."""

    _due: asyncio.TimerHandle | None = None
    _received = 0

    def __init__(self, *values: Any, room: Room, **named: Any) -> None:
        super().__init__(*values, **named)
        self._room = room

    @property
    def awaited_at(self) -> tuple[int, int] | None:
        """How far the client has come with reading and sending; None when the next step is not its own."""
        unread = self.transport.get_write_buffer_size()
        is_sending = self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused
        return (self._received, unread) if unread or is_sending else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._room.enter(self.transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._room.leave(self.transport)
        self._forget()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._room.end_request(self.transport)
        self._forget()  # what follows is the time between two requests, which uvicorn watches

    def _watch(self) -> None:
        underway = getattr(self.cycle, "response_complete", None) is False  # no cycle before the first head
        if underway:
            self._room.begin_request(self.transport)
            self._forget()
        elif self._due is None:
            self._due = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _forget(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


class Bodies:
    """Ends a request whose body stops coming, or is larger than ``largest`` bytes (None: any size)."""

    def __init__(self, app: ASGIApp, largest: int | None = None) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        complete = False
        size = 0

        async def in_time() -> Message:
            nonlocal complete, size
            if complete:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), BODY_SECONDS)
            except TimeoutError:
                raise TrackingError(
                    f"The body of the request paused for {BODY_SECONDS:g} seconds", code="REQUEST_TIMEOUT"
                ) from None
            complete = not message.get("more_body", False)
            size += len(message.get("body", b""))
            if self._largest is not None and size > self._largest:
                raise TrackingError(
                    f"The body is larger than {self._largest} bytes", code="REQUEST_TOO_LARGE"
                )
            return message

        await self._app(scope, in_time, send)


def _has_body(scope: Scope) -> bool:
    headers: list[tuple[bytes, Any]] = scope["headers"]
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)
