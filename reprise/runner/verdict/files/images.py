"""Images by their pixels: what else a file says of them (times, programs, resolution) is left aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reprise.runner.verdict.files.arrays import TypedArray
from reprise.runner.verdict.values import (
    IDENTICAL,
    Finding,
    find_worst,
    make_diverged,
    make_unknown,
    make_within,
)
from reprise.schemas.tolerance import Closeness

MAGICS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
_RGBA = 4


def is_image(name: str, data: bytes) -> bool:
    """Return the format from the first bytes; for BMP and WebP the suffix of ``name`` is needed too."""
    if data.startswith(b"BM"):
        return name.endswith(".bmp")
    return data[8:12] == b"WEBP" if data.startswith(b"RIFF") else data.startswith(MAGICS)


def compare_images(a: Mapping[str, Any], b: Mapping[str, Any], closeness: Closeness) -> Finding:
    """Frame by frame; the absolute tolerance is of a channel's value, 0 to 255."""
    if a["has_more_bits"] or b["has_more_bits"]:
        return make_unknown("the bytes differ, and Pillow reads 8 bits of the 16 of each channel")
    one, other = a["frames"], b["frames"]
    if len(one) != len(other):
        return make_diverged(note=f"{len(other)} frames, was {len(one)}")
    found = find_worst(_compare_frames(*pair, closeness) for pair in zip(one, other, strict=True))
    return found._replace(note="the same pixels") if found == IDENTICAL else found


def _compare_frames(a: Mapping[str, Any], b: Mapping[str, Any], closeness: Closeness) -> Finding:
    pixels_a, pixels_b = a["pixels"], b["pixels"]
    if pixels_a.shape != pixels_b.shape or a["mode"] != b["mode"]:
        return make_diverged(note=f"{_describe_frame(b)}, was {_describe_frame(a)}")
    if (a["duration"], a["transparency"]) != (b["duration"], b["transparency"]):
        return make_diverged(note="another transparency, or time of a frame")
    if pixels_a.data == pixels_b.data:
        return IDENTICAL
    if a["mode"] != "RGBA":
        return make_diverged(note="other pixels")
    largest = max(abs(one - other) for one, other in zip(pixels_a.data, pixels_b.data, strict=True))
    said = f"channels differ by up to {largest} of 255"
    if largest <= closeness.abs:
        return make_within(note=said)
    row, column = _first_place(pixels_a, pixels_b.data)
    return make_diverged(f"from row {row} and column {column} on", said)


def _first_place(a: TypedArray, b: Sequence[int]) -> tuple[int, int]:
    """The first row that differs, and the first column of all that do."""
    width = a.shape[1]
    places = [place // _RGBA for place, value in enumerate(a.data) if value != b[place]]
    return places[0] // width, min(place % width for place in places)


def _describe_frame(frame: Mapping[str, Any]) -> str:
    height, width = frame["pixels"].shape[:2]
    return f"{width} x {height} {frame['mode']}"
