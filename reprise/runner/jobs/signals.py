"""SIGTERM and a closed terminal end a run the way Ctrl-C does; a record is not torn by either."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ENDING = (signal.SIGTERM, signal.SIGHUP)
_LOOK_PAUSE = 0.5  # seconds


class Terminated(KeyboardInterrupt):
    """We were asked to end by a signal other than Ctrl-C."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise :class:`Terminated` in the main thread on SIGTERM and SIGHUP during the block.

    A program that has its own handlers for them, or ignores them, is not affected.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _raise_terminated)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def shielded() -> Iterator[None]:
    """Within, the first Ctrl-C, SIGTERM or SIGHUP waits until the block has ended; a second does not."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[tuple[int, FrameType | None]] = []
    previous: dict[int, Any] = {}

    def held(number: int, frame: FrameType | None) -> None:
        waiting.append((number, frame))
        if len(waiting) > 1:
            waiting.clear()
            previous[number](number, frame)

    number: int
    for number in (signal.SIGINT, *_ENDING):
        if callable(signal.getsignal(number)):
            previous[number] = signal.signal(number, held)
    try:
        yield
    finally:
        for number, action in previous.items():
            signal.signal(number, action)
        if waiting:
            number, frame = waiting[0]
            previous[number](number, frame)


@contextmanager
def stoppable(requested: Callable[[], bool]) -> Iterator[None]:
    """Within, a request to stop counts as SIGTERM; only inside :func:`interruptible`."""
    if signal.getsignal(signal.SIGTERM) is not _raise_terminated:
        yield
        return
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_PAUSE):
            if requested():
                os.kill(os.getpid(), signal.SIGTERM)
                return

    thread = threading.Thread(target=look, name="requests to stop", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated(signal.Signals(number).name)
