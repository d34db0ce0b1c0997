"""HTML piece by piece: tags exactly, texts as prose, cells of tables by their column or row."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.values import IDENTICAL, Finding, SetAside, find_worst, set_aside
from reprise.runner.verdict.words.renames import rename_ids
from reprise.runner.verdict.words.tables import kind_of_row
from reprise.runner.verdict.words.texts import TextStyle, compare_texts

_CELLS = frozenset({"td", "th"})


class HtmlPiece(NamedTuple):
    """A tag or a text, as it is written; ``column`` and ``row`` are the names of the cell that it is in."""

    text: str
    line: int
    column: str = ""
    row: str = ""


def compare_html(a: str, b: str, looking: Looking) -> Finding:
    """Two documents; ids that map one to one are the same."""
    renamed = rename_ids(a, b, markup=True)
    one, other = read_pieces(renamed), read_pieces(b)
    if len(one) != len(other):
        return compare_texts(a, b, looking, TextStyle.MARKUP)
    found = find_worst(_compare_pieces(one, other, looking))
    if found == IDENTICAL:
        note = (
            "but for ids that are named otherwise" if renamed != a else "but for what is of one run alone"
        )
        return found._replace(note=note)
    return found


def _compare_pieces(a: list[HtmlPiece], b: list[HtmlPiece], looking: Looking) -> Iterator[Finding]:
    for one, other in zip(a, b, strict=True):
        if one.text == other.text:
            yield IDENTICAL
        elif aside := _find_aside(one, looking):
            yield set_aside(*aside)
        else:
            found = compare_texts(one.text, other.text, looking, TextStyle.MARKUP, may_rename=False)
            yield found._replace(where=f"line {other.line}")


def _find_aside(piece: HtmlPiece, looking: Looking) -> SetAside | None:
    """The field that the cell is of, where its name says that it does not decide."""
    kind_of_field = looking.tolerance.kind_set_aside
    if kind := kind_of_field(piece.column) if piece.column else None:
        return SetAside(kind, piece.column)
    kind = kind_of_row(piece.row, kind_of_field)
    return SetAside(kind, piece.row) if kind else None


def read_pieces(text: str) -> list[HtmlPiece]:
    """The tags and texts of a document, in their order."""
    reader = _HtmlReader()
    reader.feed(text)
    reader.close()
    return reader.pieces


class _HtmlReader(HTMLParser):
    """``heads`` are the cells of the first row of the table, ``cells`` those of this row until now."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[HtmlPiece] = []
        self.heads: list[str] = []
        self.cells: list[str] = []
        self.rows = 0
        self.is_in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.rows, self.heads = 0, []
        elif tag == "tr":
            self.rows, self.cells = self.rows + 1, []
        elif tag in _CELLS:
            self.cells.append("")
        self._add_text(self.get_starttag_text() or "")
        self.is_in_cell = tag in _CELLS or (self.is_in_cell and tag not in ("table", "tr"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add_text(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _CELLS:
            self.is_in_cell = False
        elif tag == "tr" and self.rows == 1:
            self.heads = self.cells
        self._add_text(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.is_in_cell and self.cells and not self.cells[-1]:
            self.cells[-1] = data.strip()
        self._add_text(data)

    def handle_comment(self, data: str) -> None:
        self._add_text(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self._add_text(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self._add_text(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        self._add_text(f"<![{data}]>")

    def _add_text(self, text: str) -> None:
        line = self.getpos()[0]
        if not self.is_in_cell or self.rows == 0 or not self.cells:
            self.pieces.append(HtmlPiece(text, line))
            return
        place = len(self.cells) - 1
        column = self.heads[place] if place < len(self.heads) else ""
        row = self.cells[0] if place else ""
        self.pieces.append(HtmlPiece(text, line, column, row))
