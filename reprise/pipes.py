"""The pipes of a child: its output is collected, and passed on line by line."""

from __future__ import annotations

import os
import select
import selectors
import subprocess
import time
from collections.abc import Callable
from typing import IO

from reprise.children import Child
from reprise.redact import redact

Tell = Callable[[str], None]

_PIECE = 1 << 16  # bytes


class _Pipe:
    """The output of a program on one of its streams, collected and passed on line by line."""

    def __init__(self, tells: list[Tell]) -> None:
        self.kept = bytearray()
        self.tells = tells
        self._told = 0

    def take(self, data: bytes) -> None:
        """Take what came; nothing is the end."""
        self.kept += data
        if not self.tells:
            return
        end = self.kept.rfind(b"\n") + 1 if data else len(self.kept)
        for line in self.kept[self._told : end].decode("utf-8", "replace").splitlines():
            for tell in self.tells:
                tell(redact(line))
        self._told = max(self._told, end)


def read_output(
    child: Child,
    given: bytes = b"",
    timeout: float | None = None,
    tell: Tell | None = None,
    seen: Tell | None = None,
) -> tuple[bytes, bytes]:
    """What ``child`` prints on its two streams until it closes them.

    Args:
        given: what it reads, where its stdin is a pipe.
        timeout: seconds.
        tell: called with each line of both streams, redacted.
        seen: the same for the last stream only, where programs report progress.

    Raises:
        TimeoutExpired: it took longer than ``timeout``; with what it printed until then.
    """
    streams = {stream: _Pipe([tell] if tell else []) for stream in (child.stdout, child.stderr) if stream}
    if seen is not None:
        [*streams.values()][-1].tells.append(seen)
    deadline = None if timeout is None else time.monotonic() + timeout
    rest = memoryview(given)
    with selectors.DefaultSelector() as waiting:
        for stream, taken in streams.items():
            waiting.register(stream, selectors.EVENT_READ, taken)
        if child.stdin is not None:
            waiting.register(child.stdin, selectors.EVENT_WRITE)
        while waiting.get_map():
            ready = waiting.select(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if not ready and deadline is not None and time.monotonic() >= deadline:
                if tell is not None:
                    tell(f"no answer within {timeout:g} s")
                kept = [bytes(taken.kept) for taken in streams.values()]
                raise subprocess.TimeoutExpired("", timeout or 0, *kept)
            for key, _ in ready:
                if key.fileobj is child.stdin:
                    rest = _give(child.stdin, rest, waiting)
                    continue
                data = os.read(key.fd, _PIECE)
                key.data.take(data)
                if not data:
                    waiting.unregister(key.fileobj)
    out, err = (*(bytes(taken.kept) for taken in streams.values()), b"")[:2]
    return out, err


def _give(stdin: IO[bytes], rest: memoryview, waiting: selectors.BaseSelector) -> memoryview:
    """Write a piece of ``rest``, and close ``stdin`` after the last or when it is read no more."""
    try:
        rest = rest[os.write(stdin.fileno(), rest[: select.PIPE_BUF]) :]
    except BrokenPipeError:
        rest = rest[:0]
    if not rest:
        waiting.unregister(stdin)
        stdin.close()
    return rest
