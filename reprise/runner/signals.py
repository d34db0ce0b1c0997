"""SIGTERM and a closed terminal end a run the way Ctrl-C does; a record is not torn by either."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """We were asked to end by a signal other than Ctrl-C."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP raise :class:`Terminated` in the main thread.

    A program that has handlers of its own for them keeps them, and so does one that ignores them.
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
    """Within, Ctrl-C, SIGTERM and SIGHUP wait until the block has ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[tuple[int, FrameType | None]] = []
    previous: dict[int, Any] = {}
    number: int
    for number in (signal.SIGINT, *_ENDING):
        if callable(signal.getsignal(number)):
            previous[number] = signal.signal(number, lambda *call: waiting.append(call))
    try:
        yield
    finally:
        for number, action in previous.items():
            signal.signal(number, action)
        if waiting:
            number, frame = waiting[0]
            previous[number](number, frame)


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated(signal.Signals(number).name)
