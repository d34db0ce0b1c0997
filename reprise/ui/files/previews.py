"""Previews of files: the beginning of the content, by its real type.

Files are never executed or unpickled, and the limits below bound how much is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from reprise import units
from reprise.named_tuple import NamedTuple
from reprise.ui.files import (
    preview_arrays,
    preview_images,
    preview_models,
    preview_tables,
    preview_trees,
)
from reprise.ui.files.preview_models import ModelCard
from reprise.ui.files.preview_tables import Table
from reprise.ui.files.preview_trees import Node
from reprise.ui.stored_file import StoredFile

TEXT_LIMIT = 256 * 1024
"""Bytes of a text preview."""

IMAGE_LIMIT = 64 * 1024 * 1024
_WHOLE_LIMIT = 2 * 1024 * 1024  # bytes of a file that can only be parsed as a whole
_LOOKED_AT = 8192  # bytes that distinguish text from other files
_HEX_BYTES = 512

Kind = Literal[
    "image", "table", "tree", "text", "page", "document", "audio", "video", "model", "array", "bytes"
]

_MAGIC: Mapping[str, tuple[bytes, ...]] = {
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".gif": (b"GIF87a", b"GIF89a"),
    ".webp": (b"RIFF",),
    ".svg": (b"",),
}
_BY_REFERENCE: Mapping[str, Kind] = {
    ".html": "page",
    ".htm": "page",
    ".pdf": "document",
    ".mp3": "audio",
    ".wav": "audio",
    ".ogg": "audio",
    ".flac": "audio",
    ".mp4": "video",
    ".webm": "video",
}
"""Types that the browser loads itself from the raw file."""


class Preview(NamedTuple):
    """A preview; ``notes`` say what is not shown and why; ``facts`` describe the content."""

    kind: Kind
    text: str = ""
    table: Table | None = None
    tree: Node | None = None
    model: ModelCard | None = None
    facts: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()


def preview(file: StoredFile) -> Preview:
    if file.suffix in _MAGIC:
        return _image(file)
    if file.suffix in _BY_REFERENCE:
        return Preview(_BY_REFERENCE[file.suffix])
    understood = _READERS.get("MLmodel" if file.name == "MLmodel" else file.suffix)
    return (understood and understood(file)) or _text(file) or _bytes(file)


def _image(file: StoredFile) -> Preview:
    if not file.head(16).startswith(_MAGIC[file.suffix]):
        note = f"The name ends in {file.suffix}, but the content is not an image of that type."
        return (_text(file) or _bytes(file))._replace(notes=(note,))
    if file.size > IMAGE_LIMIT:
        return Preview(
            "bytes", notes=(f"The image is too large to show ({units.size(file.size)}); download it.",)
        )
    found = preview_images.size(file.head(preview_images.READ_LIMIT))
    if found is None and file.suffix != ".svg":
        where = f"first {units.size(preview_images.READ_LIMIT)}"
        return Preview("bytes", notes=(f"The {where} do not say how large the image is; download it.",))
    width, height = found or (1, 1)
    if width * height > preview_images.MOST_PIXELS:
        note = f"The image is too large to show ({width:,} x {height:,} pixels); download it."
        return Preview("bytes", notes=(note,))
    return Preview("image")


def _separated(file: StoredFile) -> Preview | None:
    head = file.head(preview_tables.READ_LIMIT)
    text = decoded(head)
    table = None if text is None else preview_tables.separated(text, file.suffix, file.size > len(head))
    return table and Preview("table", table=table)


def _parquet(file: StoredFile) -> Preview | None:
    if not preview_tables.can_read_parquet():
        note = "Install the package pyarrow next to reprise to preview parquet files."
        return _bytes(file)._replace(notes=(note,))
    with file.reading() as stream:
        table = preview_tables.parquet(stream, file.size)
    return table and Preview("table", table=table)


def _json(file: StoredFile) -> Preview | None:
    if file.size > _WHOLE_LIMIT:
        return None
    text = decoded(file.head(_WHOLE_LIMIT))
    value = preview_trees.parsed(text) if text is not None else preview_trees.NOT_JSON
    if value is preview_trees.NOT_JSON:
        return None
    if table := preview_tables.logged_table(value):
        return Preview("table", table=table)
    return Preview("tree", tree=preview_trees.tree(value))


def _model(file: StoredFile) -> Preview | None:
    text = decoded(file.head(preview_models.READ_LIMIT))
    card = None if text is None else preview_models.card(text, file)
    return card and Preview("model", text=text or "", model=card)


def _array(file: StoredFile) -> Preview | None:
    found = preview_arrays.array(file.head(preview_arrays.READ_LIMIT))
    return found and Preview("array", text=found.values, facts=found.facts, notes=found.notes)


def _text(file: StoredFile) -> Preview | None:
    head = file.head(TEXT_LIMIT)
    text = decoded(head)
    if text is None:
        return None
    notes: tuple[str, ...] = ()
    if (more := file.size - len(head)) > 0:
        notes = (f"The first {units.size(len(head))} are shown; {units.size(more)} follow.",)
    return Preview("text", text=text, notes=notes)


def _bytes(file: StoredFile) -> Preview:
    head = file.head(_HEX_BYTES)
    lines = (f"{start:08x}  {_hex_line(head[start : start + 16])}" for start in range(0, len(head), 16))
    return Preview("bytes", text="\n".join(lines))


def _hex_line(row: bytes) -> str:
    shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
    return f"{row.hex(' '):<47}  {shown}"


def decoded(head: bytes) -> str | None:
    """Return the beginning of a text file, or None if the content is not text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    looked_at = head[:_LOOKED_AT]
    if b"\0" in looked_at:
        return None
    text = head.decode("utf-8-sig", "replace")
    if "\ufffd" in text and text.replace("\ufffd", "").isascii():
        text = head.decode("cp1252", "replace")  # as Western spreadsheets write
    return text if sum(map(_is_strange, text[:_LOOKED_AT])) <= len(looked_at) / 20 else None


def _is_strange(char: str) -> bool:
    """Return whether it is rare in text: not UTF-8, or a control character other than ESC (colours of
    logs).
    """
    return char == "\ufffd" or (char < " " and char not in "\t\n\r\f\x1b")


_READERS: Mapping[str, Callable[[StoredFile], Preview | None]] = {
    ".csv": _separated,
    ".tsv": _separated,
    ".parquet": _parquet,
    ".json": _json,
    ".npy": _array,
    "MLmodel": _model,
}
"""Preview functions by suffix. A function returns None if the content does not match the suffix."""
