"""A declared parameter: its text as written, its type, and what its constraints allow."""

from __future__ import annotations

import pytest

from reprise.schemas.faults import Findings
from reprise.schemas.parameters import TYPES, read_parameter
from reprise.schemas.project import Parameter
from reprise.schemas.yaml.document import read_document


def declared(source: str) -> tuple[Parameter, Findings]:
    findings = Findings("F")
    node = read_document(source.encode(), findings)
    assert node is not None
    return read_parameter("p", node, ("p",), findings), findings


@pytest.mark.parametrize(("word", "type_"), sorted(TYPES.items()))
def test_types_are_canonical_in_both_forms(word: str, type_: str) -> None:
    assert declared(word)[0].type == declared(f"{{type: '{word}'}}")[0].type == type_


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("010", "010"),
        ("yes", "yes"),
        ("1e-5", "1e-5"),
        ("0.00001", "0.00001"),
        ("'None'", "None"),
        ("''", ""),
        ("[1, 2], type: 'list[int]'", "[1, 2]"),
        ("[a,  'b'], type: 'list[string]'", "[a,  'b']"),
        ("null", None),
        ("~", None),
        ("'null'", "null"),
        ('"a\\nb"', "a\nb"),
    ],
)
def test_a_default_is_the_text_in_the_file(written: str, text: str | None) -> None:
    parameter, findings = declared(f"{{default: {written}}}")
    assert parameter.default == text
    assert not findings.faults and not findings.warnings


def test_a_list_is_no_text() -> None:
    parameter, findings = declared("{default: [1, 2]}")
    assert parameter.default == "[1, 2]"
    (fault,) = findings.faults
    assert (fault.is_mild, fault.sentence) == (
        True,
        "a list is not a string; write type: list[...], or the text in quotes",
    )


def test_a_default_list_in_lines_becomes_one_on_a_line() -> None:
    assert declared("type: list[int]\ndefault:\n  - 1\n  - 010\n")[0].default == "[1, 010]"


def test_everything_that_can_be_said() -> None:
    source = "{type: int, default: 2, description: d, enum: [2, 3], minimum: 1e0, maximum: 9, secret: yes}"
    assert declared(source)[0] == Parameter(
        "p", "int", "2", "d", ("2", "3"), minimum=1.0, maximum=9.0, secret=True
    )
    assert declared("{pattern: '^a'}")[0].pattern == "^a"
    assert declared("{required: off}")[0].required is False


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("{type: int, default: 1.5}", 'F:1:22  p -> default: "1.5" is not an int'),
        ("{type: bool, default: maybe}", 'F:1:23  p -> default: "maybe" is not a bool (true or false)'),
        (
            "{type: uri, default: data.csv}",
            'F:1:22  p -> default: "data.csv" is not an absolute URI (scheme:...)',
        ),
        (
            "{type: 'list[int]', default: [1, x]}",
            'F:1:30  p -> default: item 2: "x" is not an int',
        ),
        ("{enum: [a, b], default: c}", 'F:1:25  p -> default: "c" is not one of a, b'),
        ("{pattern: '^a', default: b}", 'F:1:26  p -> default: "b" does not match the pattern ^a'),
        ("{type: int, minimum: 3, default: 2}", "F:1:34  p -> default: 2 is below the minimum 3"),
        ("{type: float, minimum: 3, maximum: 1}", "F:1:24  p -> minimum: 3 is above the maximum 1"),
        (
            "{type: int, secret: true, default: hunter2}",
            "F:1:36  p -> default: the default of this secret does not fit its type and constraints",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself_is_a_fault(source: str, line: str) -> None:
    findings = declared(source)[1]
    assert findings.format_lines(findings.faults) == [line]


def test_a_pattern_that_is_none_is_a_fault() -> None:
    findings = declared("{pattern: 'a('}")[1]
    (line,) = findings.format_lines(findings.faults)
    assert line.startswith("F:1:11  p -> pattern: not a regular expression: ")


@pytest.mark.parametrize("word", ["None", "null", "''", "none"])
def test_a_word_for_no_value_is_passed_on_with_a_warning(word: str) -> None:
    parameter, findings = declared(f"{{type: int, default: '{word.strip(chr(39))}'}}")
    text = word.strip("'")
    assert parameter.default == text
    assert findings.faults == []
    assert findings.format_lines(findings.warnings) == [
        f'F:1:22  p -> default: "{text}" is not an int; the command gets the text "{text}"'
    ]


def test_a_range_of_a_text_decides_nothing() -> None:
    findings = declared("{type: path, minimum: 1}")[1]
    assert findings.format_lines(findings.warnings) == [
        "F:1:14  p -> minimum: decides nothing for a path; only an int or a float has one"
    ]
