"""The lines of a log by number, even for hundreds of megabytes or a growing file.

``LineIndex`` counts the line breaks of each block once. A line is then found by reading one block, and
counting resumes where it stopped when the file has grown.
"""

from __future__ import annotations

import os
import re
import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import BinaryIO

from reprise.named_tuple import NamedTuple

BLOCK = 1 << 16
LINE_LIMIT = 16 * 1024
"""Bytes shown of one line."""

HITS = 10_000
"""Maximum number of search hits; more are reported as "more than"."""

_END = 4096  # bytes from the end of a longer line that overwrites itself
_WINDOW_LIMIT = 1 << 20  # bytes of lines in one answer
_PIECE = 1 << 20
_COLOUR = re.compile(rb"\x1b\[([0-9;:]*)m")
_CONTROLS = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_COLOURS = 8


class LineWindow(NamedTuple):
    """Some lines; the first is number ``first``, from 0.

    ``cut`` maps the index of each shortened line to its full size. ``colours`` are the escape sequences
    before the first line that still apply to it. ``is_open``: the last line of the log, number ``total -
    1``, may still grow.
    """

    first: int
    lines: list[str]
    cut: dict[int, int]
    colours: str
    total: int
    is_open: bool
    size: int


class FoundLines(NamedTuple):
    """The numbers of the matching lines; ``is_all`` is False if there are more."""

    lines: list[int]
    is_all: bool


class LineIndex:
    """An index of lines, thread-safe; the caller passes the stream to read from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before = array("Q", [0])  # line breaks before each block; the last block may be incomplete
        self._breaks = 0
        self._ends_open = False
        self.size = 0

    @property
    def total(self) -> int:
        return self._breaks + self._ends_open

    def extend(self, stream: BinaryIO) -> None:
        """Count the new part of the file; a file that shrank is counted again."""
        with self._lock:
            size = stream.seek(0, os.SEEK_END)
            if size < self.size:
                self._before, self._breaks, self._ends_open, self.size = array("Q", [0]), 0, False, 0
            stream.seek(self.size)
            while data := stream.read(min(_PIECE - self.size % BLOCK, size - self.size)):
                self._count(data)

    def _count(self, data: bytes) -> None:
        start = 0
        while start < len(data):
            end = min(len(data), start + BLOCK - self.size % BLOCK)
            self._breaks += data.count(b"\n", start, end)
            self.size += end - start
            start = end
            if self.size % BLOCK == 0:
                self._before.append(self._breaks)
        self._ends_open = not data.endswith(b"\n")

    def window(self, stream: BinaryIO, first: int, count: int) -> LineWindow:
        """Return the lines from ``first``; fewer than ``count`` if they are long."""
        with self._lock:
            first = min(max(0, first), max(0, self.total - 1))
            start, before = self._start_of(stream, first)
            lines: list[str] = []
            cut: dict[int, int] = {}
            left = _WINDOW_LIMIT
            for line, size in self._lines(stream, start, first, min(first + count, self.total)):
                if size > LINE_LIMIT:
                    cut[len(lines)] = size
                lines.append(line.decode("utf-8", "replace"))
                if (left := left - len(line)) <= 0:
                    break
            return LineWindow(first, lines, cut, _colours(before), self.total, self._ends_open, self.size)

    def before(self, stream: BinaryIO, end: int, count: int) -> LineWindow:
        """Return the lines before number ``end``; fewer than ``count`` if they are long."""
        count = max(1, min(count, end))
        window = self.window(stream, end - count, count)
        while count > 1 and window.first + len(window.lines) < min(end, window.total):
            count = (count + 1) // 2
            window = self.window(stream, end - count, count)
        return window

    def _start_of(self, stream: BinaryIO, line: int) -> tuple[int, bytes]:
        """Return where the line starts, and the text before it in its block and the previous block."""
        line = min(line, self._breaks)
        block = max(0, bisect_left(self._before, line) - 1)
        read_from = max(0, block - 1) * BLOCK
        stream.seek(read_from)
        data = stream.read(2 * BLOCK if block else BLOCK)
        at = BLOCK if block else 0
        for _ in range(line - self._before[block]):
            at = data.find(b"\n", at) + 1
        return read_from + at, data[:at]

    def _lines(self, stream: BinaryIO, at: int, first: int, last: int) -> Iterator[tuple[bytes, int]]:
        """Return the shown lines, each with its full size."""
        number = first
        while number < last:
            stream.seek(at)
            data = stream.read(min(_PIECE, self.size - at))
            start = 0
            while number < last and (end := data.find(b"\n", start)) >= 0:
                line = data[start:end]
                yield _shown(line[:LINE_LIMIT], line[-_END:], len(line)), len(line)
                start = end + 1
                number += 1
            if not data:
                return  # the file has shrunk
            if start == 0:
                line, size = self._long_line(stream, at, number)
                yield line, size
                start = size + 1
                number += 1
            at += start

    def _long_line(self, stream: BinaryIO, start: int, number: int) -> tuple[bytes, int]:
        """Return a line that ends after the part read, or has not ended, and its full size."""
        end = self._start_of(stream, number + 1)[0] - 1 if number < self._breaks else self.size
        size = max(0, end - start)
        stream.seek(start)
        head = stream.read(min(LINE_LIMIT, size))
        stream.seek(end - min(_END, size))
        return _shown(head, stream.read(min(_END, size)), size), size

    def search(self, stream: BinaryIO, text: str) -> FoundLines:
        """Return the lines that contain ``text``, ignoring the case of ASCII letters."""
        wanted = text.encode().lower()
        found: list[int] = []
        number = 0
        stream.seek(0)
        rest = b""
        while data := stream.read(_PIECE):
            end = data.rfind(b"\n") + 1
            if not end and len(rest) < 16 * _PIECE:
                rest += data
                continue
            whole, rest = rest + data[:end], data[end:]
            found += _hits(whole, wanted, number)
            if len(found) > HITS:
                return FoundLines(found[:HITS], False)
            number += whole.count(b"\n")
        found += _hits(rest, wanted, number)
        return FoundLines(found[:HITS], len(found) <= HITS)


def _shown(head: bytes, tail: bytes, size: int) -> bytes:
    """Return the shown part of a line: all, or its head; its end if it overwrites itself, like progress
    bars.
    """
    if size <= LINE_LIMIT:
        return head
    return tail[tail.index(b"\r") :] if b"\r" in tail[:-1] else head


def _colours(before: bytes) -> str:
    """Return the sequences since the last reset of all colours."""
    found: list[bytes] = []
    for match in _COLOUR.finditer(before):
        if match[1] in (b"", b"0", b"00"):
            found.clear()
        else:
            found.append(match[0])
    return b"".join(found[-_COLOURS:]).decode()


def _hits(text: bytes, wanted: bytes, number: int) -> Iterator[int]:
    """Return the numbers of the lines of ``text``, counted from ``number``, that contain ``wanted``."""
    text = (_CONTROLS.sub(b"", text) if b"\x1b" in text else text).lower()
    counted = 0
    at = text.find(wanted)
    while at >= 0:
        number += text.count(b"\n", counted, at)
        yield number
        counted = text.find(b"\n", at)
        if counted < 0:
            return
        at = text.find(wanted, counted)
