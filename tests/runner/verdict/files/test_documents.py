"""PDF, Office, HTML: what people read counts, and not when it was written."""

from __future__ import annotations

import io
import zipfile
import zlib
from datetime import UTC, datetime

import openpyxl  # type: ignore[import-untyped]
import pytest

from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.files.compare_files import compare_files
from reprise.runner.verdict.values import SetAside
from reprise.runner.verdict.words.known_texts import Aside
from tests.runner.verdict.files.here import CLOSE, DIVERGED, EXACTLY, IDENTICAL, UNKNOWN, WITHIN, compared

A = Aside({}, int(datetime(2024, 5, 1, 10, tzinfo=UTC).timestamp() * 1000), 1_714_557_660_000, offset=0)
B = Aside({}, int(datetime(2024, 6, 2, 15, tzinfo=UTC).timestamp() * 1000), 1_717_340_460_000, offset=0)
OF_RUNS: Looking = EXACTLY._replace(of_a=A, of_b=B)


def pdf(
    text: str = "(Accuracy 0.91) Tj",
    date: str = "20240501100000Z",
    ident: str = "00aa",
    font: str = "ABCDEF",
    *,
    packed: bool = True,
    image: bytes = b"\1\2\3",
) -> bytes:
    """A document with a page, an object stream, an image, dates and ids."""
    content = zlib.compress(text.encode()) if packed else text.encode()
    filtered = b"/Filter /FlateDecode " if packed else b""
    inner = zlib.compress(f"7 0 <</Creator (x) /CreationDate (D:{date}) /ModDate (D:{date})>>".encode())
    objects = [
        b"<</Type /Catalog /Pages 2 0 R>>",
        b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
        b"<</Type /Page /Contents 4 0 R /Resources <</Font <</F 5 0 R>>>>>>",
        b"<<" + filtered + b"/Length %d>>\nstream\n%s\nendstream" % (len(content), content),
        f"<</Type /Font /BaseFont /{font}+DejaVuSans>>".encode(),
        b"<</Subtype /Image /Width 1 /Length 3>>\nstream\n" + image + b"\nendstream",
        b"<</Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d>>\nstream\n%s\nendstream"
        % (len(inner), inner),
    ]
    out, places = b"%PDF-1.5\n", []
    for number, item in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = f"trailer\n<</Size 8 /Root 1 0 R /ID [<{ident}> <{ident}>]>>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + b"xref\n0 8\n0000000000 65535 f \n" + table + trailer.encode()


def test_dates_ids_and_places_of_a_pdf_do_not_count() -> None:
    one, later = pdf(), pdf(date="20250101000000Z", ident="ff01", font="GHIJKL")
    assert compared("r.pdf", one, later) is IDENTICAL
    found = compare_files("r.pdf", one, later, EXACTLY)
    assert found.set_aside == (SetAside("clock", "CreationDate"), SetAside("clock", "ModDate"))
    assert compared("r.pdf", one, pdf("(Accuracy 0.92) Tj")) is DIVERGED
    assert compared("r.pdf", one, pdf("(Accuracy 0.9100001) Tj"), CLOSE) is WITHIN
    assert compared("r.pdf", one, pdf(image=b"\1\2\4")) is DIVERGED
    assert (
        compared(
            "r.pdf", one, pdf(image=b"\1\2\4"), EXACTLY._replace(closeness=CLOSE.closeness._replace(abs=1))
        )
        is WITHIN
    )
    assert compare_files("r.pdf", one, pdf("(Accuracy 0.92) Tj"), EXACTLY).where == "object 4, line 1"


def test_a_date_that_is_printed_on_a_page_is_that_of_its_run() -> None:
    one, other = pdf("(Made 2024-05-01) Tj"), pdf("(Made 2024-06-02) Tj")
    assert compared_of_runs("r.pdf", one, other) is WITHIN
    assert compared_of_runs("r.pdf", one, pdf("(Made 2024-06-05) Tj")) is DIVERGED


def compared_of_runs(name: str, a: bytes, b: bytes) -> object:
    return compare_files(name, a, b, OF_RUNS).agreement


def test_broken_and_hostile_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    one = pdf()
    assert compared("r.pdf", one, one[:-100]) in (IDENTICAL, DIVERGED)
    assert compared("r.pdf", one, one.replace(b"trailer\n<<", b"trailer\n<</Encrypt 9 0 R ")) is UNKNOWN
    assert (
        compared(
            "r.pdf", b"%PDF-1.4\n/CreationDate (D:1)\n\x80\n", b"%PDF-1.4\n/CreationDate (D:2)\n\x80\n"
        )
        is IDENTICAL
    )
    assert compared("r.pdf", b"%PDF-1.4\nx\x80\n", b"%PDF-1.4\ny\x80\n") is DIVERGED
    assert compared("r.pdf", b"%PDF-" + b"1 0 obj " * 50_000, b"%PDF-" + b"1 0 obj " * 50_001) is DIVERGED
    monkeypatch.setattr("reprise.runner.verdict.files.pdf.LARGEST", 1000)
    bomb = pdf(" " * 5000)
    assert compared("r.pdf", bomb, pdf(" " * 5001)) is UNKNOWN


def workbook(rows: list[list[object]], year: int = 2024, sheet: str = "results") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    book.properties.created = book.properties.modified = datetime(year, 1, 1)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_workbooks_are_their_cells() -> None:
    rows: list[list[object]] = [["model", "acc", "fit_time"], ["a", 0.91, 0.1], ["b", 0.5, 0.2]]
    one = workbook(rows)
    assert compared("r.xlsx", one, workbook(rows, 2025)) is IDENTICAL
    timed = [rows[0], ["a", 0.91, 0.3], ["b", 0.5, 0.4]]
    found = compare_files("r.xlsx", one, workbook(timed), EXACTLY)
    assert (found.agreement, found.set_aside) == (IDENTICAL, (SetAside("duration", "fit_time"),))
    other = [rows[0], ["a", 0.91, 0.1], ["b", 0.6, 0.2]]
    found = compare_files("r.xlsx", one, workbook(other), EXACTLY)
    assert (found.agreement, found.note) == (DIVERGED, "0.6, was 0.5")
    assert found.where == "xl/worksheets/sheet1.xml[2] -> acc"
    near = [rows[0], ["a", 0.91, 0.1], ["b", 0.5 + 1e-9, 0.2]]
    assert compared("r.xlsx", one, workbook(near), CLOSE) is WITHIN
    assert compared("r.xlsx", one, workbook(rows, sheet="other")) is DIVERGED
    assert compared("r.xlsx", one, workbook([*rows, ["c", 1, 1]])) is DIVERGED
    assert compared("r.xlsx", one, workbook([["model", "f1", "fit_time"], *rows[1:]])) is DIVERGED
    assert compared("r.xlsx", workbook([[1, "=A1+1"]]), workbook([[1, "=A1+2"]])) is DIVERGED


def office(members: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in {"[Content_Types].xml": "<Types/>", **members}.items():
            archive.writestr(name, text)
    return out.getvalue()


def letter(text: str, created: str, revision: str) -> bytes:
    facts = f"<cp:p><dcterms:created>{created}</dcterms:created><dc:title>t</dc:title></cp:p>"
    body = f'<w:p w:rsidR="{revision}"><w:t>{text}</w:t></w:p><w:p w:rsidR="{revision}"/>'
    return office({"docProps/core.xml": facts, "word/document.xml": body})


def test_letters_are_their_words() -> None:
    one = letter("hello", "2024-05-01T10:00:00Z", "00A77427")
    assert compared("l.docx", one, letter("hello", "2025-01-01T00:00:00Z", "00B12F3C")) is IDENTICAL
    assert compared("l.docx", one, letter("bye", "2024-05-01T10:00:00Z", "00A77427")) is DIVERGED
    bomb = office({"word/document.xml": '<!DOCTYPE x [<!ENTITY a "aa">]><w:t>&a;</w:t>'})
    assert compared("l.docx", one, bomb) is DIVERGED


TABLE = (
    "<table><tr><th></th><th>model</th><th>mean_fit_time</th><th>score</th></tr>"
    "<tr><th>0</th><td>{model}</td><td>{time}</td><td>{score}</td></tr></table>"
)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (
            TABLE.format(model="a", time=0.1, score=0.9),
            TABLE.format(model="a", time=0.2, score=0.9),
            IDENTICAL,
        ),
        (
            TABLE.format(model="a", time=0.1, score=0.9),
            TABLE.format(model="a", time=0.1, score=0.8),
            DIVERGED,
        ),
        (
            TABLE.format(model="a", time=0.1, score=0.9),
            TABLE.format(model="b", time=0.1, score=0.9),
            DIVERGED,
        ),
        (
            "<tr><td class=x>refit_time_ <b>long</b></td><td>float</td><td>0.27</td></tr>",
            "<tr><td class=x>refit_time_ <b>long</b></td><td>float</td><td>0.31</td></tr>",
            IDENTICAL,
        ),
        ("<tr><td>time</td><td>123</td></tr>", "<tr><td>time</td><td>124</td></tr>", DIVERGED),
        (
            "<td>{&#x27;fit_time&#x27;: array([0.1, 0.2])}</td>",
            "<td>{&#x27;fit_time&#x27;: array([0.3, 0.2])}</td>",
            WITHIN,
        ),
        (
            "<td>{'me...me': array([0.1..., 0.2])}</td>",
            "<td>{'me...me': array([0.3..., 0.2])}</td>",
            WITHIN,
        ),
        (
            "<td>{'me...re': array([0.1..., 0.2])}</td>",
            "<td>{'me...re': array([0.3..., 0.2])}</td>",
            DIVERGED,
        ),
        ("<p>a &amp; b</p>", "<p>a &amp; c</p>", DIVERGED),
        ("<p class='a'>x</p>", "<p class='b'>x</p>", DIVERGED),
        ("<p>x</p>", "<p>x</p><p>y</p>", DIVERGED),
        ("<p>Made 2024-05-01</p>", "<p>Made 2024-06-02</p>", WITHIN),
        ("<!-- 1 --><p>x</p>", "<!-- 2 --><p>x</p>", DIVERGED),
    ],
)
def test_html(a: str, b: str, expected: object) -> None:
    assert compared_of_runs("r.html", a.encode(), b.encode()) is expected


def test_markdown_tables() -> None:
    rows = "| model | fit_time | acc |\n|---|---:|---|\n| a | {} | {} |\n"
    one = rows.format(0.1, 0.9).encode()
    assert compared_of_runs("r.md", one, rows.format(0.2, 0.9).encode()) is WITHIN
    assert compared_of_runs("r.md", one, rows.format(0.1, 0.8).encode()) is DIVERGED
