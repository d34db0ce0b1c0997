"""What is no YAML is told in words of our own, whichever parser found it and however it puts it."""

from __future__ import annotations

import pytest
import yaml

from reprise.schemas.faults import Findings
from reprise.schemas.yaml.document import read_document

PARSERS = [pytest.param(loader, id=loader.__name__) for loader in (yaml.CSafeLoader, yaml.SafeLoader)]
COLON = 'a ":" is not expected here; quote a text that contains ": ", or check the indentation'
KEY = "a key is expected here; check the indentation, quotes and braces above"
DASH = 'a list starts on a new line or is written in brackets; quote a text that starts with "- "'
ESCAPE = r'in double quotes "\" starts an escape, and this is none; write "\\" or use single quotes'

FAULTS = [
    ("a:\n\tb: 1\n", "2:1", "a tab cannot indent; use spaces"),
    ("a: 1\n\tb: 2\n", "2:1", "a tab cannot indent; use spaces"),
    ("a: |\n\tb\n", "2:1", "a tab cannot indent; use spaces"),
    ("a: >=3.9\n", "1:4", 'quote a text that starts with ">"'),
    ("a: |x\n b\n", "1:4", 'quote a text that starts with "|"'),
    ("a: @b\n", "1:4", 'quote a text that starts with "@"'),
    ("a: `b`\n", "1:4", 'quote a text that starts with "`"'),
    ("a: %b\n", "1:4", 'quote a text that starts with "%"'),
    ("a: *.csv\n", "1:4", 'quote a text that starts with "*"'),
    ("a: & b\n", "1:4", 'quote a text that starts with "&"'),
    ("a: !x!y z\n", "1:4", 'quote a text that starts with "!"'),
    ("a: ]b\n", "1:4", '"]" is not expected here; quote a text that starts with it'),
    ("a: ,b\n", "1:4", '"," is not expected here; quote a text that starts with it'),
    ("a: - b\n", "1:4", DASH),
    ("a:\n  b: 'x\nc: 1\n", "2:6", "this quote is not closed"),
    ('a: "x\n---\nb: 1\n', "1:4", "this quote is not closed"),
    ('a: "C:\\q"\n', "1:7", ESCAPE),
    ('a: "C:\\Users"\n', "1:7", ESCAPE),
    ("a: 'it's'\n", "1:8", "the value ends before this; quote the whole text"),
    ("a: {b: 1}c\n", "1:10", "the value ends before this; quote the whole text"),
    ('a: "b" "c"\n', "1:8", "the value ends before this; quote the whole text"),
    ("a: [1, 2\nb: 3\n", "1:4", 'this "[" is not closed'),
    ("a: {b: 1\n", "1:4", 'this "{" is not closed'),
    ("[", "1:1", 'this "[" is not closed'),
    ("a: {b: 1]\n", "1:9", 'a "," or "}" is expected here'),
    ("a: [b: c: d]\n", "1:9", 'a "," or "]" is expected here'),
    ("a: [1, , 2]\n", "1:8", "a value is expected here"),
    ("a: x: y\n", "1:5", COLON),
    ("é: 1\nü: x: y\n", "2:5", COLON),
    ("a: 1\r\n  b: 2\r\n", "2:4", COLON),
    ("'a': 1\n b: 2\n", "2:3", COLON),
    ("a:\n    b: 1\n  c: 2\n", "3:3", KEY),
    ("a:\n  - b\n - c\n", "3:2", KEY),
    ("a: 1\nb\nc: 2\n", "2:1", 'a key without its ":"'),
    ("- a\nb: 1\n", "2:1", 'a "- " is expected here; check the indentation'),
    ("  a: 1\nb: 2\n", "2:1", "this line is indented less than the lines above"),
]


def faults(source: str) -> list[str]:
    findings = Findings("F")
    read_document(source.encode(), findings)
    return findings.format_lines(findings.faults)


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(("source", "place", "sentence"), FAULTS)
def test_each_kind_has_its_place_and_sentence(
    parser: type, source: str, place: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml, "CSafeLoader", parser)
    (line,) = faults(source)
    assert line.startswith(f"F:{place}  ")
    assert line.endswith(sentence)


class Future:
    """Parsers of another day, which find the same and say it differently."""

    @staticmethod
    def with_place(source: str, Loader: object) -> None:
        mark = yaml.Mark("", 3, 0, 3, None, 0)
        raise yaml.MarkedYAMLError("what was read", None, "what it says", mark)

    @staticmethod
    def without_place(source: str, Loader: object) -> None:
        raise yaml.YAMLError("what it says")


@pytest.mark.parametrize(("parse", "place"), [(Future.with_place, "1:4"), (Future.without_place, "1:1")])
def test_no_word_of_the_parser_is_passed_on(
    parse: object, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml, "parse", parse)
    assert faults("a: b") == [
        f"F:{place}  this is not YAML; check the quotes, braces and indentation here and above"
    ]
