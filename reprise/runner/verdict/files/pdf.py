"""PDF: its objects, without the dates and ids of the document, and without their offsets."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator

from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.files.archives import LARGEST
from reprise.runner.verdict.files.arrays import ItemType, make_array
from reprise.runner.verdict.files.contents import compare_contents
from reprise.runner.verdict.values import (
    IDENTICAL,
    Finding,
    SetAside,
    find_worst,
    make_diverged,
    make_unknown,
)
from reprise.runner.verdict.words.texts import TextStyle, compare_texts, decode_text

MAGIC = b"%PDF-"

_OBJECT = re.compile(rb"(?<![0-9])(\d{1,10})\s+(\d{1,5})\s+obj\b")
_STREAM = re.compile(rb"stream\r?\n")
_LENGTH = re.compile(rb"/Length\s+(\d{1,10})(?!\s+\d+\s+R)")
_END = re.compile(rb"\s*endstream")
_FLATE, _ASCII85 = b"/FlateDecode", b"/ASCII85Decode"
_TEXT = rb"(?:\((?:\\.|[^\\()])*\)|<[0-9A-Fa-f\s]*>)"
_DATES = re.compile(rb"/(CreationDate|ModDate|LastModified)\s*" + _TEXT, re.DOTALL)
_IDS = re.compile(rb"/ID\s*\[\s*" + _TEXT + rb"\s*" + _TEXT + rb"\s*\]", re.DOTALL)
_PLACES = re.compile(
    rb"/(?:Length|Prev|XRefStm)\s+\d+(?:\s+\d+\s+R)?"
    rb"|(?<![a-z])xref\s+(?:\d+ \d+\s+(?:\d{10} \d{5} [nf]\s*)+)+|startxref\s+\d+"
)
_XMP_DATES = re.compile(
    rb"<(xmp:\w*Date|pdf:\w*Date|dc:date)>.*?</\1>|(xmp:\w*Date|pdf:\w*Date)=([\"']).*?\3"
    rb"|<(xmpMM:\w*ID)>.*?</\4>|(xmpMM:\w*ID)=([\"']).*?\6",
    re.DOTALL,
)
_SUBSET = re.compile(rb"/([A-Z]{6})\+")


class PdfObject(NamedTuple):
    """``head`` is its text without dates, ids and places; ``stream`` is unpacked as far as we can."""

    name: str
    head: bytes
    stream: bytes | None


class PdfContent(NamedTuple):
    """The objects in their order, and the text between them; ``dates`` are what was left out."""

    objects: list[PdfObject]
    rest: bytes
    dates: tuple[str, ...]


def compare_pdf(a: bytes, b: bytes, looking: Looking) -> Finding:
    """Two documents."""
    one, other = read_pdf(a), read_pdf(b)
    for content in (one, other):
        if b"/Encrypt" in content.rest:
            return make_unknown("the bytes differ, and it is encrypted")
    if len(one.objects) != len(other.objects):
        return make_diverged(note=f"{len(other.objects)} objects, was {len(one.objects)}")
    found = find_worst(_compare_objects(one, other, looking))
    asides = (
        () if one.dates == other.dates else tuple(SetAside("clock", name) for name in _name_objects(one))
    )
    noted = found._replace(set_aside=(*found.set_aside, *asides))
    return noted._replace(note="but for the dates and ids of the document") if found == IDENTICAL else noted


def _name_objects(content: PdfContent) -> list[str]:
    return [*dict.fromkeys(date.partition(" ")[0] for date in content.dates)]


def read_pdf(data: bytes) -> PdfContent:
    """The objects of a document, streams unpacked.

    Raises:
        ValueError: it holds more than is looked into.
    """
    objects: list[PdfObject] = []
    rest: list[bytes] = []
    dates: list[str] = []
    place = size = 0
    while match := _OBJECT.search(data, place):
        rest.append(data[place : match.start()])
        head, packed, place = _object_at(data, match.end())
        stream = None if packed is None else _unpack_stream(head, packed)
        size += len(stream or b"")
        if size > LARGEST:
            raise ValueError(f"it holds more than {LARGEST >> 20} MiB")
        if b"/XRef" in head:
            rest.append(head)  # of it the ids count, but not the places
            continue
        if stream is not None and (b"/ObjStm" in head or b"/Metadata" in head):
            stream = _clean_text(_XMP_DATES.sub(b"", stream), dates)
        objects.append(PdfObject(match[1].decode(), _clean_text(head, dates), stream))
    rest.append(data[place:])
    return PdfContent(objects, _clean_text(b"".join(rest), dates), tuple(dates))


def _object_at(data: bytes, begin: int) -> tuple[bytes, bytes | None, int]:
    """Head and packed stream of the object whose content begins there, and where it ends."""
    end = data.find(b"endobj", begin)
    end = len(data) if end < 0 else end
    opening = _STREAM.search(data, begin, end)
    if opening is None:
        return data[begin:end], None, end + 6
    head = data[begin : opening.start()]
    length = _LENGTH.search(head)
    stop = opening.end() + int(length[1]) if length else -1
    if stop < 0 or not _END.match(data, stop):
        stop = data.find(b"endstream", opening.end())
        stop = len(data) if stop < 0 else stop
    close = data.find(b"endobj", stop)
    return head, data[opening.end() : stop], len(data) if close < 0 else close + 6


def _unpack_stream(head: bytes, packed: bytes) -> bytes:
    if _ASCII85 in head:
        packed = base64.a85decode(b"<~" + packed.strip().removesuffix(b"~>") + b"~>", adobe=True)
    if _FLATE not in head:
        return packed
    try:
        unpacker = zlib.decompressobj()
        found = unpacker.decompress(packed, LARGEST)
    except zlib.error:
        return packed
    if unpacker.unconsumed_tail:
        raise ValueError(f"it holds more than {LARGEST >> 20} MiB")
    return found


def _clean_text(text: bytes, dates: list[str]) -> bytes:
    """``text`` without dates, ids and places; the dates are added to ``dates``."""
    dates += [f"{match[1].decode()} {match[0].decode('latin-1')}" for match in _DATES.finditer(text)]
    return _PLACES.sub(b"", _IDS.sub(b"", _DATES.sub(b"", text)))


def _compare_objects(a: PdfContent, b: PdfContent, looking: Looking) -> Iterator[Finding]:
    names = dict(zip(_subset_tags(a), _subset_tags(b), strict=False))
    for one, other in zip(a.objects, b.objects, strict=True):
        where = f"object {other.name}"
        head = _SUBSET.sub(lambda match: b"/" + names.get(match[1], match[1]) + b"+", one.head)
        yield _compare_texts(head, other.head, looking, where)
        if one.stream is None or other.stream is None:
            if one.stream != other.stream:
                yield make_diverged(
                    where, "its stream is new" if one.stream is None else "its stream is missing"
                )
        elif one.stream != other.stream:
            found = _compare_streams(one, other, looking)
            yield found._replace(where=f"{where}, {found.where}".rstrip(", "))
    yield _compare_texts(a.rest, b.rest, looking, "between the objects")


def _subset_tags(content: PdfContent) -> list[bytes]:
    """The tags of fonts that are kept in part, which are drawn at random."""
    heads = b"".join(
        item.head + (item.stream or b"" if b"/ObjStm" in item.head else b"") for item in content.objects
    )
    return [*dict.fromkeys(_SUBSET.findall(heads))]


def _compare_streams(a: PdfObject, b: PdfObject, looking: Looking) -> Finding:
    assert a.stream is not None and b.stream is not None
    if b"/Image" in b.head and b"/DCTDecode" not in b.head:
        if b"/Predictor" in b.head or len(a.stream) != len(b.stream):
            return make_diverged(note="other pixels")
        one, other = (
            make_array(ItemType("u", 1), (len(stream),), stream) for stream in (a.stream, b.stream)
        )
        return compare_contents(one, other, looking)
    left, right = decode_text(a.stream), decode_text(b.stream)
    if left is None or right is None:
        return looking.compare_inside("", a.stream, b.stream)
    return compare_texts(left, right, looking, TextStyle.PROSE)


def _compare_texts(a: bytes, b: bytes, looking: Looking, where: str) -> Finding:
    if a == b:
        return IDENTICAL
    found = compare_texts(a.decode("latin-1"), b.decode("latin-1"), looking, TextStyle.DATA)
    return found._replace(where=f"{where}, {found.where}".rstrip(", "))
