"""Requests and answers of ASGI apps as whole values: a body that is sent again, or looked at."""

from __future__ import annotations

from typing import Any

import msgspec
from anyio import sleep_forever
from starlette.types import ASGIApp, Message, Scope, Send

from reprise.named_tuple import NamedTuple


class Reply(NamedTuple):
    """The answer of an app; ``headers`` are as ASGI has them."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON object of a good answer, else an empty one."""
        return read_fields(self.body) if self.status < 300 else {}

    async def send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def read_fields(body: bytes) -> dict[str, Any]:
    """The JSON object that ``body`` is; an empty one when it is something else."""
    try:
        fields = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


async def ask(app: ASGIApp, scope: Scope, body: bytes) -> Reply:
    """What ``app`` answers to a request with this body."""
    start: Message = {}
    pieces: list[bytes] = []

    bodies = [body]

    async def receive() -> Message:
        if not bodies:
            await sleep_forever()  # the client stays until it has its answer
        return {"type": "http.request", "body": bodies.pop(), "more_body": False}

    async def collect(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            pieces.append(message.get("body", b""))

    await app(scope, receive, collect)
    return Reply(start["status"], list(start["headers"]), b"".join(pieces))
