"""The streams of a child: a terminal where we have one, pipes elsewhere, all of it kept in a log.

On a terminal the child gets a pseudo-terminal, so that colours and progress bars stay as they are;
what is typed goes to it, and Ctrl-C stays ours. Without one, stdout and stderr stay apart. Whatever
happens to our own streams, the child is read on, and its log is whole.
"""

from __future__ import annotations

import codecs
import errno
import logging
import os
import select
import selectors
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from reprise.backends.kept_log import STDERR, STDOUT, TERMINAL, KeptLog
from reprise.named_tuple import NamedTuple

log = logging.getLogger(__name__)

_CHUNK = 65536
_LOOK_PAUSE = 0.5  # seconds between looks at the window's size, and at who is in the foreground
_POLL_PAUSE = 0.02  # seconds, where the system cannot wake us when the child ends
_DRAIN_PAUSE = 0.2  # seconds without output after which an ended child has said all
_DRAIN_LIMIT = 2.0  # seconds of waiting, and ...
_DRAIN_MOST = 1 << 21  # ... bytes, more than a pipe holds: a process that escaped may keep writing

Write = Callable[[bytes], None]

_keyboard = threading.Lock()
"""Held by the one child that gets what is typed."""


class _Output(NamedTuple):
    """An output stream of the child: its name in the log, and what shows its bytes."""

    name: str
    show: Write


class Streams:
    """The three streams of one child, from before it starts until after it has ended."""

    def __init__(
        self, kept: Path, secrets: Collection[str], *, attached: bool, stdout_to_stderr: bool
    ) -> None:
        self._stack = ExitStack()
        self._log = KeptLog(kept, secrets)
        self._stack.callback(self._log.close)
        self._selector = self._stack.enter_context(selectors.DefaultSelector())
        self._child_ends: list[int] = []
        self._terminal: int | None = None
        self._terminal_child_end = -1
        self._typing = False
        self._listening = False
        self._settings: list[Any] | None = None
        self._carried, self._waited = 0, 0.0
        out = sys.stderr if stdout_to_stderr else sys.stdout
        self.stdout = self._channel(out if attached else None, STDOUT)
        self.stderr = self._channel(sys.stderr if attached else None, STDERR)
        self.stdin = self._input(attached)

    def _channel(self, stream: TextIO | None, name: str) -> int:
        """Make the child's end of an output stream whose bytes go to the log and to ``stream``."""
        if stream is not None and _is_terminal(stream):
            if self._terminal is None:
                self._terminal, self._terminal_child_end = _pseudo_terminal()
                self._stack.callback(os.close, self._terminal)
                self._child_ends.append(self._terminal_child_end)
                self._read_from(self._terminal, stream, TERMINAL)
            return self._terminal_child_end
        ours, child_end = os.pipe()
        self._stack.callback(os.close, ours)
        self._child_ends.append(child_end)
        self._read_from(ours, stream, name)
        return child_end

    def _input(self, attached: bool) -> int | None:
        """The child's stdin: the terminal if both have one, our own pipe or file, or nothing."""
        if not attached:
            return subprocess.DEVNULL
        if not _is_terminal(sys.stdin):
            return None if _has_descriptor(sys.stdin, 0) else subprocess.DEVNULL
        if self._terminal is None or not _in_foreground() or not _keyboard.acquire(blocking=False):
            return subprocess.DEVNULL
        self._stack.callback(_keyboard.release)
        self._typing = True
        return self._terminal_child_end

    def _read_from(self, descriptor: int, stream: TextIO | None, name: str) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, _Output(name, _writer(stream)))

    def started(self) -> None:
        """The child has its ends; close ours of them, and give it what is typed from here on."""
        self._close_child_ends()
        if self._typing:
            self._settings = termios.tcgetattr(0)
            self._stack.callback(self.rest)
            self._listen()

    def pump(self, ended: Callable[[], bool], exit_descriptor: int | None) -> None:
        """Carry bytes until ``ended()`` says the child has; ``exit_descriptor`` wakes us then."""
        if exit_descriptor is not None:
            self._selector.register(exit_descriptor, selectors.EVENT_READ, None)
        pause = _LOOK_PAUSE if exit_descriptor is not None else _POLL_PAUSE
        while not ended():
            self._look()
            self._carry(pause, skip=exit_descriptor)
        if exit_descriptor is not None:
            self._selector.unregister(exit_descriptor)

    @property
    def log_fault(self) -> str:
        """Why the log is not complete; empty where it is."""
        return self._log.fault

    def drain(self) -> None:
        """Carry what the child left in its streams; a process that still holds them is not waited for."""
        self._carried, self._waited = 0, 0.0
        while self._open_outputs() and self._carried < _DRAIN_MOST and self._waited < _DRAIN_LIMIT:
            if not self._carry(_DRAIN_PAUSE):
                break

    def _carry(self, timeout: float, skip: int | None = None) -> bool:
        """Move what is there; False when nothing came on any output, not even its end."""
        moved = False
        started = time.monotonic()
        ready = self._selector.select(timeout)
        self._waited += time.monotonic() - started
        for key, _ in ready:
            if key.fd == skip:
                continue
            if key.data is None:
                self._type()
            else:
                self._forward(key.fd, key.data)
                moved = True
        self._log.add_waiting()
        return moved

    def _forward(self, descriptor: int, output: _Output) -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: the last process closed the pseudo-terminal
                raise
            data = b""
        if not data:
            self._selector.unregister(descriptor)
            return
        self._carried += len(data)
        self._log.add(output.name, data)
        try:
            output.show(data)
        except Exception as error:  # a replaced stream can fail in any way; the child is read on
            log.warning("the output is no longer shown: %s", error)
            self._selector.modify(descriptor, selectors.EVENT_READ, output._replace(show=_nowhere))

    def _type(self) -> None:
        if not _in_foreground():  # reading now would stop us
            self._ignore()
            return
        try:
            data = os.read(0, _CHUNK)
        except OSError:
            data = b""
        if data and self._terminal is not None:
            os.write(self._terminal, data)
        else:
            self._ignore()
            self._typing = False

    def _listen(self) -> None:
        if termios.tcgetattr(0)[3] & termios.ICANON:  # at the start, and when a shell has had it since
            # keys pass as they are typed, and Ctrl-C and Ctrl-Z still signal us
            tty.setcbreak(0, termios.TCSADRAIN)
        if not self._listening:
            self._selector.register(0, selectors.EVENT_READ, None)
            self._listening = True

    def _ignore(self) -> None:
        self._selector.unregister(0)
        self._listening = False

    def _look(self) -> None:
        """Follow the window's size, and take the keyboard up again after Ctrl-Z, ``bg`` and ``fg``."""
        if self._terminal is None:
            return
        try:
            size = termios.tcgetwinsize(_terminal_descriptor())
            if size != termios.tcgetwinsize(self._terminal):
                termios.tcsetwinsize(self._terminal, size)
            if self._typing and _in_foreground():
                self._listen()
        except (OSError, termios.error):
            self._typing = False  # the terminal was closed; the child continues without it

    def _open_outputs(self) -> bool:
        open_ones = self._selector.get_map() or {}  # None once everything is closed
        return any(key.data is not None for key in open_ones.values())

    def _close_child_ends(self) -> None:
        for descriptor in self._child_ends:
            os.close(descriptor)
        self._child_ends.clear()

    def rest(self) -> None:
        """Give the terminal back, at the end and for the time that we are stopped by Ctrl-Z."""
        if self._settings is not None:
            _restore(self._settings)

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


def _restore(settings: list[Any]) -> None:
    """Give the terminal back as it was, unless it is another job's by now, or gone."""
    try:
        if _in_foreground():
            termios.tcsetattr(0, termios.TCSADRAIN, settings)
    except termios.error:
        pass


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
        return _nowhere
    if _has_descriptor(stream):
        stream.flush()
        descriptor = stream.fileno()
        return lambda data: _write_all(descriptor, data)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write_text(data: bytes) -> None:
        stream.write(decoder.decode(data))
        stream.flush()

    return write_text


def _nowhere(data: bytes) -> None:
    pass


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # another process made the shared stream non-blocking
            select.select([], [descriptor], [])
        # `reprise run . | head`, or a closed terminal: the run continues, its log is complete
        except OSError:
            return
