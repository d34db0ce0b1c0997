"""Documents of Office (xlsx, docx, pptx) and of OpenDocument: members of a zip file, most of them XML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from reprise.runner.verdict.files.archives import Member
from reprise.runner.verdict.words.known_texts import mark_text

CONTENT_TYPES = "[Content_Types].xml"
OPEN_DOCUMENT = "meta.xml"

_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
_STRINGS = "xl/sharedStrings.xml"
_FACTS = re.compile(
    r"<(?P<name>dcterms:created|dcterms:modified|cp:revision|cp:lastModifiedBy|cp:lastPrinted|TotalTime"
    r"|meta:creation-date|dc:date|meta:editing-duration|meta:editing-cycles)\b[^>]*>[^<]*</(?P=name)>"
)
_NAMESPACE = re.compile(r"\{[^}]*\}")
_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")


def is_office(members: Mapping[str, Member]) -> bool:
    return CONTENT_TYPES in members or OPEN_DOCUMENT in members


def clean_facts(text: str) -> str:
    """``text`` with marks in place of the times at which the document was written, and who wrote it."""
    return _FACTS.sub(lambda match: mark_text("clock", match["name"].rpartition(":")[2]), text)


def read_sheets(members: Mapping[str, Member]) -> dict[str, Any]:
    """The cells of each sheet of a workbook: rows of values by the heads of their columns.

    A sheet without a head is rows by the letters of the columns.

    Raises:
        ValueError: a part is not XML.
    """
    texts = _read_shared_texts(members)
    sheets = {name: member.data for name, member in members.items() if _SHEET.fullmatch(name)}
    return {name: _name_columns(_read_cells(data, texts)) for name, data in sorted(sheets.items())}


def is_sheet_part(name: str) -> bool:
    """Whether :func:`read_sheets` reads a member."""
    return name == _STRINGS or _SHEET.fullmatch(name) is not None


def _read_shared_texts(members: Mapping[str, Member]) -> list[str]:
    if _STRINGS not in members:
        return []
    root = _parse_xml(members[_STRINGS].data)
    return ["".join(part.text or "" for part in item.iter() if _local_tag(part) == "t") for item in root]


def _read_cells(data: bytes, texts: list[str]) -> list[dict[str, Any]]:
    """The rows, each a value by the letters of its column."""
    rows = []
    for row in (item for item in _parse_xml(data).iter() if _local_tag(item) == "row"):
        cells: dict[str, Any] = {}
        for cell in row:
            place = _CELL.fullmatch(cell.get("r", ""))
            cells[place[1] if place else str(len(cells))] = _cell_value(cell, texts)
        rows.append(cells)
    return rows


def _cell_value(cell: ElementTree.Element, texts: list[str]) -> Any:
    """A number, a text, or a formula with its result."""
    parts = {_local_tag(part): part.text or "" for part in cell.iter()}
    value: Any = parts.get("t", parts.get("v", ""))
    if cell.get("t") == "s":
        value = texts[int(value)]
    elif cell.get("t", "n") == "n" and value:
        value = int(value) if re.fullmatch(r"-?\d+", value) else float(value)
    return {"formula": parts["f"], "value": value} if "f" in parts else value


def _name_columns(rows: list[dict[str, Any]]) -> Any:
    """Rows by the heads of the columns, where the first one has a text for each."""
    head = rows[0] if rows else {}
    names = [*head.values()]
    if (
        len(rows) < 2
        or not all(isinstance(name, str) and name for name in names)
        or len({*names}) != len(names)
    ):
        return rows
    found = [{str(head.get(column, column)): value for column, value in row.items()} for row in rows[1:]]
    return [{"columns": names}, *found]


def _parse_xml(data: bytes) -> ElementTree.Element:
    """Parse XML; raise ValueError if it is invalid, or defines entities, which may be bombs."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ValueError("a part of it defines entities")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ValueError(f"a part of it is not XML: {error}") from error


def _local_tag(element: ElementTree.Element) -> str:
    return _NAMESPACE.sub("", element.tag)
