"""Two files whose bytes differ, by what kind of file they are."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

from reprise.runner.verdict import arrays, images, tables, texts
from reprise.runner.verdict.asides import NOTHING, Aside
from reprise.runner.verdict.numbers import TextComparison
from reprise.runner.verdict.values import IDENTICAL, Agreement, Finding, diverged, unknown, worst
from reprise.schemas.tolerance import EXACT, Closeness

LARGEST = 1 << 28
"""Bytes of a file, or of all that an archive holds, that are looked into."""

_DEEPEST = 4  # archives in archives
_IMAGES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}
_ZIPS = {".zip", ".npz", ".whl", ".jar"}
_PICKLES = {".pkl", ".pickle", ".joblib", ".cloudpickle", ".pt", ".pth", ".skops"}


class Looking(NamedTuple):
    """How files are compared: what is close, and what is of each run alone."""

    closeness: Closeness = EXACT
    of_a: Aside = NOTHING
    of_b: Aside = NOTHING
    depth: int = 0

    @property
    def words(self) -> TextComparison:
        return partial(texts.compare_words, of_a=self.of_a, of_b=self.of_b)


class Member(NamedTuple):
    """A file of an archive: ``facts`` is what else must be the same (its mode, where a link leads)."""

    data: bytes
    facts: tuple[object, ...] = ()


def compare_files(name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    """Whether two files mean the same, by the ending of ``name``; never an error.

    ``identical`` means that nothing differs that the kind of file is about.
    """
    if a == b:
        return IDENTICAL
    if max(len(a), len(b)) > LARGEST:
        return unknown(f"the bytes differ, and files of more than {LARGEST >> 20} MiB are not looked into")
    try:
        return _compare(PurePosixPath(name.lower()), a, b, looking)
    except RecursionError:
        return unknown("the bytes differ, and it is nested too deeply to be looked into")
    except Exception as error:  # what somebody's library makes of a damaged file
        return unknown(f"the bytes differ, and it cannot be read: {str(error) or type(error).__name__}")


def _compare(name: PurePosixPath, a: bytes, b: bytes, looking: Looking) -> Finding:
    ending = name.suffix
    if ending in _IMAGES:
        return images.compare_images(a, b, looking.closeness)
    if ending == ".npy":
        return arrays.compare_npy(a, b, looking.closeness)
    if ending in _ZIPS:
        return _compare_members(_zipped(a), _zipped(b), looking)
    if ending == ".tar":
        return _compare_members(_tarred(a), _tarred(b), looking)
    if ending in (".gz", ".tgz"):
        inner = f"{name.stem}.tar" if ending == ".tgz" else name.stem
        return _compare_members({inner: Member(_unzipped(a))}, {inner: Member(_unzipped(b))}, looking)
    if ending in _PICKLES:
        return unknown("the bytes differ, and a pickle is not opened: it may run anything")
    one, other = texts.decoded(a), texts.decoded(b)
    if one is None or other is None:
        return unknown("the bytes differ, and this kind of file is not known")
    return _compare_texts(ending, one, other, looking)


def _compare_texts(ending: str, a: str, b: str, looking: Looking) -> Finding:
    """What is no JSON or CSV in spite of its name is a text."""
    closeness, words = looking.closeness, looking.words
    try:
        if ending in (".json", ".geojson", ".ipynb"):
            return tables.compare_json(a, b, closeness, words)
        if ending in (".jsonl", ".ndjson"):
            return tables.compare_json_lines(a, b, closeness, words)
        if ending in (".csv", ".tsv"):
            return tables.compare_csv(a, b, "\t" if ending == ".tsv" else ",", closeness, words)
    except tables.NOT_READABLE:
        pass
    return texts.compare_texts(a, b, closeness, looking.of_a, looking.of_b)


def _compare_members(a: Mapping[str, Member], b: Mapping[str, Member], looking: Looking) -> Finding:
    if looking.depth == _DEEPEST:
        return unknown("the bytes differ, and it is an archive in too many archives")
    inner = looking._replace(depth=looking.depth + 1)

    def differences() -> Iterator[Finding]:
        for name in [*a, *(name for name in b if name not in a)]:
            if name not in a or name not in b:
                yield diverged(name, "is new" if name in b else "is missing")
            elif a[name].facts != b[name].facts:
                yield diverged(name, f"{b[name].facts}, was {a[name].facts}")
            else:
                found = compare_files(name, a[name].data, b[name].data, inner)
                yield found._replace(where=", ".join(filter(None, (name, found.where))))

    found = worst(differences())
    if found.agreement is Agreement.IDENTICAL:
        return IDENTICAL._replace(note="the same content")
    return found


def _zipped(data: bytes) -> dict[str, Member]:
    """Raises ValueError for two members of one name, and for more than is looked into."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        _refuse([entry.filename for entry in entries], sum(entry.file_size for entry in entries))
        return {
            entry.filename: Member(archive.read(entry), (entry.external_attr >> 16,)) for entry in entries
        }


def _tarred(data: bytes) -> dict[str, Member]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        entries = archive.getmembers()
        _refuse([entry.name for entry in entries], sum(entry.size for entry in entries))
        members = {}
        for entry in entries:
            file = archive.extractfile(entry) if entry.isreg() else None
            facts = (entry.type, entry.mode, entry.linkname)
            members[entry.name] = Member(file.read() if file else b"", facts)
        return members


def _unzipped(data: bytes) -> bytes:
    with gzip.open(io.BytesIO(data)) as stream:
        content = stream.read(LARGEST + 1)
    _refuse([], len(content))
    return content


def _refuse(names: list[str], size: int) -> None:
    if twice := [name for name, number in Counter(names).items() if number > 1]:
        raise ValueError(f"{min(twice)} is in it twice")
    if size > LARGEST:
        raise ValueError(f"it holds more than {LARGEST >> 20} MiB")
