"""Files as answers: what happens when the reader leaves, or the file changes, before all is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from reprise.server.http.ranges import Pieces, ranged
from reprise.tracking.artifacts.files import ArtifactFolder

_SCOPE = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}


def _sent(response: Response, on_piece: Callable[[], object]) -> list[Message]:
    """The messages of an answer to a reader who does ``on_piece`` at each piece of it."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)
        if message.get("body"):
            on_piece()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nobody sends anything")

    asyncio.run(response(_SCOPE, receive, send))
    return messages


def test_a_reader_who_leaves_leaves_no_file_open() -> None:
    is_open = [True]

    def pieces() -> Generator[bytes]:
        try:
            while True:
                yield b"piece"
        finally:
            is_open.clear()

    def leave() -> None:
        raise ConnectionResetError("the reader is gone")

    made = pieces()  # held here, so that no collection of garbage closes it
    with pytest.raises(OSError, match="gone"):
        _sent(Pieces(made), leave)
    assert not is_open


def test_a_file_that_becomes_shorter_is_no_whole_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(bytes(3 << 20))
    response = asyncio.run(ranged(Request(_SCOPE), ArtifactFolder(tmp_path), file.name, None, {}))
    messages = _sent(response, lambda: file.write_bytes(b"short"))
    assert messages[-1]["more_body"]
    assert "'model.bin' became shorter" in caplog.text
