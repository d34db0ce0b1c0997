"""What is held in memory at once has an end, whatever clients send."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest
from starlette.requests import Request
from starlette.types import Message

from reprise.errors import TrackingError
from reprise.runner.models.request_limit import Admission


def sent(*parts: bytes) -> Request:
    """A request whose body comes in ``parts``."""
    left = list(parts)

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


async def held(admission: Admission, requests: Sequence[Request]) -> list[bytes]:
    """The bodies, all of which are held at the end."""
    async with AsyncExitStack() as stack:
        return [await stack.enter_async_context(admission.read_body(request)) for request in requests]


@pytest.mark.parametrize(
    ("most", "bodies"), [(2, [b"a", b"b", b"c"]), (100, [b"12345"] * 11)], ids=["requests", "bytes"]
)
def test_there_is_room_again_once_there_was_too_much(most: int, bodies: list[bytes]) -> None:
    admission = Admission(most, largest=5)

    async def main() -> None:
        for _ in range(3):
            with pytest.raises(TrackingError) as refused:
                await held(admission, [sent(body) for body in bodies])
            assert refused.value.code == "TEMPORARILY_UNAVAILABLE"
            fitting = bodies[:-1]
            assert await held(admission, [sent(body) for body in fitting]) == fitting

    asyncio.run(main())


def test_a_body_is_whole_and_any_size_may_be_wanted() -> None:
    parts = [b"x" * 1000] * 50
    assert asyncio.run(held(Admission(1, None), [sent(*parts)])) == [b"".join(parts)]
