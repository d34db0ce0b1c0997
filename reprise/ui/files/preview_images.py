"""The dimensions of an image from its first bytes: a small file can need gigabytes to draw."""

from __future__ import annotations

import struct

READ_LIMIT = 256 * 1024

MOST_PIXELS = 100_000_000

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the JPEG markers with the size


def size(head: bytes) -> tuple[int, int] | None:
    """Return width and height, or None if the header has none, as in a vector image."""
    try:
        if head.startswith(b"\x89PNG"):
            return _pair(">II", head, 16)
        if head.startswith(b"GIF8"):
            return _pair("<HH", head, 6)
        if head.startswith(b"RIFF"):
            return _webp(head)
        return _jpeg(head) if head.startswith(b"\xff\xd8") else None
    except (struct.error, IndexError):
        return None


def _pair(form: str, head: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(form, head, at)
    return first, second


def _webp(head: bytes) -> tuple[int, int] | None:
    if head[12:16] == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if head[12:16] == b"VP8L":
        (both,) = struct.unpack_from("<I", head, 21)
        return both % (1 << 14) + 1, (both >> 14) % (1 << 14) + 1
    if head[12:16] == b"VP8 ":
        width, height = _pair("<HH", head, 26)
        return width % (1 << 14), height % (1 << 14)
    return None


def _jpeg(head: bytes) -> tuple[int, int]:
    at = 2
    while head[at + 1] not in _FRAMES:
        (length,) = struct.unpack_from(">H", head, at + 2)
        at += 2 + length
    height, width = _pair(">HH", head, at + 5)
    return width, height
