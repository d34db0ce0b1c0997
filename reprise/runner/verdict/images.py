"""Images by their pixels: what else a file says of them (times, programs, resolution) is left aside."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, TypeAlias, cast

from reprise.runner.verdict.values import IDENTICAL, Finding, diverged, unknown, within, worst
from reprise.schemas.tolerance import Closeness

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
"""Modes that are the same image as RGBA."""

_PNG_DEPTH = 24  # where its first chunk, of a fixed form, has the bits of a channel
_TIFF_DEPTH = 258

Frame: TypeAlias = "tuple[Image, tuple[object, ...]]"
"""The pixels, and what else decides how they are seen: how long, and which colour is none."""


def compare_images(a: bytes, b: bytes, closeness: Closeness) -> Finding:
    """Frame by frame; the absolute tolerance is of a channel's value, 0 to 255.

    Raises:
        Exception: whatever Pillow raises of a file that it cannot read.
    """
    try:
        from PIL import Image
    except ImportError:
        return unknown("images are compared with Pillow, which is not installed beside reprise")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a decompression bomb, a truncated file
        with Image.open(io.BytesIO(a)) as one, Image.open(io.BytesIO(b)) as other:
            if _has_more_bits(one) or _has_more_bits(other):
                return unknown("the bytes differ, and Pillow reads 8 bits of the 16 of each channel")
            frames_a, frames_b = _frames(one), _frames(other)
    if len(frames_a) != len(frames_b):
        return diverged(note=f"{len(frames_b)} frames, was {len(frames_a)}")
    found = worst(_compare_frames(*pair, closeness) for pair in zip(frames_a, frames_b, strict=True))
    return found._replace(note="the same pixels") if found == IDENTICAL else found


def _has_more_bits(image: ImageFile) -> bool:
    """Colours of 16 bits are cut to 8 when they are read, and what was cut could differ."""
    if image.mode not in _EIGHT_BITS:
        return False
    if image.format == "PNG":
        assert image.fp is not None
        image.fp.seek(_PNG_DEPTH)
        return image.fp.read(1) == b"\x10"
    bits = getattr(image, "tag_v2", {}).get(_TIFF_DEPTH, (8,))
    return bool(max(bits if isinstance(bits, tuple) else (bits,)) > 8)


def _frames(image: ImageFile) -> list[Frame]:
    from PIL import ImageSequence

    return [
        (
            frame.convert("RGBA") if frame.mode in _EIGHT_BITS else frame.copy(),
            (
                frame.info.get("duration"),
                None if frame.mode in _EIGHT_BITS else frame.info.get("transparency"),
            ),
        )
        for frame in ImageSequence.Iterator(image)
    ]


def _compare_frames(one: Frame, other: Frame, closeness: Closeness) -> Finding:
    from PIL import ImageChops

    (a, facts_a), (b, facts_b) = one, other
    if (a.size, a.mode) != (b.size, b.mode):
        shown = [f"{image.width} x {image.height} {image.mode}" for image in (b, a)]
        return diverged(note=f"{shown[0]}, was {shown[1]}")
    if facts_a != facts_b:
        return diverged(note="another transparency, or time of a frame")
    if a.tobytes() == b.tobytes():
        return IDENTICAL
    if a.mode != "RGBA":
        return diverged(note="other pixels")
    channels = [channel.getextrema() for channel in ImageChops.difference(a, b).split()]
    largest = max(int(cast(tuple[float, float], extremes)[1]) for extremes in channels)
    if largest <= closeness.abs:
        return within(note=f"channels differ by up to {largest} of 255")
    # Where opaque pixels differ, the difference itself is transparent.
    box = ImageChops.difference(a, b).getbbox(alpha_only=False)
    assert box is not None
    return diverged(
        f"from row {box[1]} and column {box[0]} on", f"channels differ by up to {largest} of 255"
    )
