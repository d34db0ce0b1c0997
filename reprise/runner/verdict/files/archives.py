"""Archives and compressed files: what is in them, by name, bounded in size."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from typing import Any, BinaryIO

from reprise.named_tuple import NamedTuple

LARGEST = 1 << 28
"""Bytes of a file, or of all that an archive holds, that are looked into."""

ZIP, GZIP, BZIP, XZ = b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"
_EMPTY_ZIP = b"PK\x05\x06"
_TAR_MAGIC, _TAR_PLACE = b"ustar", 257


class Member(NamedTuple):
    """A file of an archive: ``facts`` is what else must be the same (its mode, where a link leads)."""

    data: bytes
    facts: tuple[object, ...] = ()


def is_zip(data: bytes) -> bool:
    return data.startswith((ZIP, _EMPTY_ZIP))


def is_tar(data: bytes) -> bool:
    return data[_TAR_PLACE : _TAR_PLACE + len(_TAR_MAGIC)] == _TAR_MAGIC


def is_compressed(data: bytes) -> bool:
    return data.startswith((GZIP, BZIP, XZ))


def read_zip(data: bytes) -> dict[str, Member]:
    """Its files; the mode is a fact of each.

    Raises:
        ValueError: two members have one name, or it holds more than is looked into.
        Exception: whatever zipfile raises of a damaged one.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        refuse_names([entry.filename for entry in entries], sum(entry.file_size for entry in entries))
        return {
            entry.filename: Member(archive.read(entry), (entry.external_attr >> 16,)) for entry in entries
        }


def read_tar(data: bytes) -> dict[str, Member]:
    """Its files; type, mode and what a link leads to are facts. Raises as :func:`read_zip`."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        entries = archive.getmembers()
        refuse_names([entry.name for entry in entries], sum(entry.size for entry in entries))
        members = {}
        for entry in entries:
            file = archive.extractfile(entry) if entry.isreg() else None
            facts = (entry.type, entry.mode, entry.linkname)
            members[entry.name] = Member(file.read() if file else b"", facts)
        return members


def decompress_file(data: bytes) -> bytes:
    """What a file of gzip, bzip2 or xz holds. Raises as :func:`read_zip`."""
    openers: dict[bytes, Callable[[BinaryIO], Any]] = {
        GZIP[:2]: gzip.open,
        BZIP[:2]: bz2.open,
        XZ[:2]: lzma.open,
    }
    with openers[data[:2]](io.BytesIO(data)) as stream:
        content: bytes = stream.read(LARGEST + 1)
    refuse_names([], len(content))
    return content


def refuse_names(names: list[str], size: int) -> None:
    """Raise ValueError for what is not looked into."""
    if twice := [name for name, number in Counter(names).items() if number > 1]:
        raise ValueError(f"{min(twice)} is in it twice")
    if size > LARGEST:
        raise ValueError(f"it holds more than {LARGEST >> 20} MiB")
