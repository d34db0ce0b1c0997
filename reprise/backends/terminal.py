"""The streams of a child: a terminal where we have one, pipes elsewhere, all of it kept in a log.

On a terminal the child gets a pseudo-terminal, so that colours and progress bars stay as they are;
what is typed goes to it, and Ctrl-C stays ours. Without one, stdout and stderr stay apart.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import selectors
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import Any, TextIO

log = logging.getLogger(__name__)

_CHUNK = 65536
_RESIZE_PAUSE = 0.5  # seconds between looks at the window's size
_DRAIN_PAUSE = 0.2  # seconds without output after which an ended child has said all
_DRAIN_LIMIT = 30.0  # seconds, for a process that escaped and goes on talking

Write = Callable[[bytes], None]


class Streams:
    """The three streams of one child, from before it starts until after it has ended."""

    def __init__(self, kept: Path, *, attached: bool, stdout_to_stderr: bool) -> None:
        self._stack = ExitStack()
        self._log: FileIO | None = self._stack.enter_context(FileIO(kept, "ab"))
        self._selector = self._stack.enter_context(selectors.DefaultSelector())
        self._child_ends: list[int] = []
        self._terminal: int | None = None
        self._typing = False
        out = sys.stderr if stdout_to_stderr else sys.stdout
        self.stdout = self._channel(out if attached else None)
        self.stderr = self._channel(sys.stderr if attached else None)
        self.stdin = self._input(attached)

    def _channel(self, stream: TextIO | None) -> int:
        """Make the child's end of an output stream whose bytes go to the log and to ``stream``."""
        if stream is not None and _is_terminal(stream):
            if self._terminal is None:
                self._terminal, child_end = _pseudo_terminal()
                self._stack.callback(os.close, self._terminal)
                self._child_ends.append(child_end)
                self._read_from(self._terminal, stream)
            return self._child_ends[0]
        ours, child_end = os.pipe()
        self._stack.callback(os.close, ours)
        self._child_ends.append(child_end)
        self._read_from(ours, stream)
        return child_end

    def _input(self, attached: bool) -> int | None:
        """The child's stdin: the terminal if both have one, our own pipe or file, or nothing."""
        if not attached:
            return subprocess.DEVNULL
        if not _is_terminal(sys.stdin):
            return None if _has_descriptor(sys.stdin, 0) else subprocess.DEVNULL
        if self._terminal is None or not _in_foreground():
            return subprocess.DEVNULL
        self._typing = True
        return self._child_ends[0]

    def _read_from(self, descriptor: int, stream: TextIO | None) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, _writer(stream))

    def started(self) -> None:
        """The child has its ends; close ours of them, and give it what is typed from here on."""
        self._close_child_ends()
        if self._typing:
            settings = termios.tcgetattr(0)
            self._stack.callback(termios.tcsetattr, 0, termios.TCSADRAIN, settings)
            # keys pass as they are typed, and Ctrl-C and Ctrl-Z still signal us
            tty.setcbreak(0, termios.TCSADRAIN)
            self._selector.register(0, selectors.EVENT_READ, None)

    def pump(self, ended: Callable[[], bool], exit_descriptor: int | None) -> None:
        """Carry bytes until ``ended()`` says the child has; ``exit_descriptor`` wakes us then."""
        if exit_descriptor is not None:
            self._selector.register(exit_descriptor, selectors.EVENT_READ, None)
        pause = _RESIZE_PAUSE if exit_descriptor is not None else 0.02
        while not ended():
            self._resize()
            self._carry(pause, skip=exit_descriptor)
        if exit_descriptor is not None:
            self._selector.unregister(exit_descriptor)

    def drain(self) -> None:
        """Carry what the child left in its streams; a process that still holds them is not waited for."""
        deadline = time.monotonic() + _DRAIN_LIMIT
        while self._open_outputs() and time.monotonic() < deadline:
            if not self._carry(_DRAIN_PAUSE):
                break

    def _carry(self, timeout: float, skip: int | None = None) -> bool:
        """Move what is there; False when nothing came on any output, not even its end."""
        moved = False
        for key, _ in self._selector.select(timeout):
            if key.fd == skip:
                continue
            if key.data is None:
                self._type()
            else:
                self._forward(key.fd, key.data)
                moved = True
        return moved

    def _forward(self, descriptor: int, write: Write) -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: the last process closed the pseudo-terminal
                raise
            data = b""
        if not data:
            self._selector.unregister(descriptor)
            return
        self._keep(data)
        write(data)

    def _keep(self, data: bytes) -> None:
        if self._log is None:
            return
        try:
            self._log.write(data)
        except OSError as error:  # a full disk must not end the training
            log.warning("the run's log ends here: %s", error)
            self._log = None

    def _type(self) -> None:
        data = os.read(0, _CHUNK)
        if data and self._terminal is not None:
            os.write(self._terminal, data)
        else:
            self._selector.unregister(0)

    def _open_outputs(self) -> bool:
        return any(key.data is not None for key in self._selector.get_map().values())

    def _resize(self) -> None:
        if self._terminal is not None:
            size = termios.tcgetwinsize(_terminal_descriptor())
            if size != termios.tcgetwinsize(self._terminal):
                termios.tcsetwinsize(self._terminal, size)

    def _close_child_ends(self) -> None:
        for descriptor in self._child_ends:
            os.close(descriptor)
        self._child_ends.clear()

    def close(self) -> None:
        self._close_child_ends()
        self._stack.close()


def _pseudo_terminal() -> tuple[int, int]:
    """(our end, the child's end) of a terminal that leaves line ends to the real one."""
    ours, child_end = os.openpty()
    settings = termios.tcgetattr(child_end)
    settings[1] &= ~termios.OPOST  # so that the log holds \n, not \r\n
    termios.tcsetattr(child_end, termios.TCSANOW, settings)
    termios.tcsetwinsize(child_end, termios.tcgetwinsize(_terminal_descriptor()))
    return ours, child_end


def _terminal_descriptor() -> int:
    return next((descriptor for descriptor in (1, 2) if os.isatty(descriptor)), 2)


def _is_terminal(stream: TextIO | None) -> bool:
    return _has_descriptor(stream) and stream is not None and stream.isatty()


def _in_foreground() -> bool:
    """Whether what is typed is for us: a background job must not touch the terminal's settings."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:  # a terminal, but not the one that controls us
        return False


def _has_descriptor(stream: Any, expected: int | None = None) -> bool:
    """Whether a stream is the process's own, not a notebook's or a test's replacement."""
    if stream is None or stream.closed or stream not in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        return False
    return expected is None or stream.fileno() == expected


def _writer(stream: TextIO | None) -> Write:
    """How bytes reach ``stream``: raw where it is the process's own, as text where it was replaced."""
    if stream is None:
        return lambda data: None
    if _has_descriptor(stream):
        stream.flush()
        descriptor = stream.fileno()
        return lambda data: _write_all(descriptor, data)

    def write_text(data: bytes) -> None:
        stream.write(data.decode("utf-8", "replace"))
        stream.flush()

    return write_text


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # somebody made the stream that we share with others non-blocking
            select.select([], [descriptor], [])
        except OSError:  # `reprise run . | head`, or a closed terminal: the run goes on, its log is whole
            return
