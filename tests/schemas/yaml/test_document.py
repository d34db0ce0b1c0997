"""YAML is read as text with positions, and what is no plain data is refused with its place."""

from __future__ import annotations

import pytest

from reprise.schemas.faults import Findings, Position
from reprise.schemas.yaml.document import read_document
from reprise.schemas.yaml.nodes import (
    MAX_BYTES,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    entries_of,
    get_child,
    text_of,
    texts_of,
    to_data,
)


def parsed(source: str | bytes) -> Node:
    findings = Findings("F")
    node = read_document(source.encode() if isinstance(source, str) else source, findings)
    assert not findings.faults, findings.format_lines(findings.faults)
    assert node is not None
    return node


def faults(source: str | bytes) -> list[str]:
    findings = Findings("F")
    read_document(source.encode() if isinstance(source, str) else source, findings)
    return findings.format_lines(findings.faults)


@pytest.mark.parametrize(
    "text", ["010", "yes", "1e-5", "0.00001", "None", "1_000", "0x1F", "2024-01-01", "12:30", "1.0", "NO"]
)
def test_a_plain_scalar_stays_as_written(text: str) -> None:
    assert text_of(get_child(parsed(f"a: {text}\n"), "a")) == text


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null_has_no_text_but_a_quoted_one_has(text: str) -> None:
    node = parsed(f"a: {text}\nb: '{text}'\n")
    assert text_of(get_child(node, "a")) is None
    assert text_of(get_child(node, "b")) == text


def test_positions_are_of_keys_and_values_in_characters() -> None:
    node = parsed("é: 1\nlong key:   'x'\nl:\n  - a\n  - {b: 2}\n")
    assert isinstance(node, MappingNode)
    assert node.entries["é"].key_at == (1, 1)
    assert node.entries["é"].value.at == (1, 4)
    assert node.entries["long key"].value.at == (2, 13)
    items = node.entries["l"].value
    assert isinstance(items, SequenceNode)
    assert [item.at for item in items.items] == [(4, 5), (5, 5)]
    assert entries_of(items.items[1])["b"].value.at == (5, 9)


@pytest.mark.parametrize("list_", ["[1, 2]", "[ 1e-5,  'a' ]", "[]", "[1,\n  2]"])
def test_a_flow_list_keeps_its_source(list_: str) -> None:
    node = get_child(parsed(f"é: x\na: &anchor {list_}  # note\n"), "a")
    assert isinstance(node, SequenceNode)
    assert node.source == list_


def test_a_block_list_has_texts_only() -> None:
    node = get_child(parsed("a:\n  - 010\n  - 'yes'\n"), "a")
    assert isinstance(node, SequenceNode)
    assert node.source is None
    assert texts_of(node) == ("010", "yes")


def test_keys_that_are_no_strings_keep_their_text() -> None:
    assert list(entries_of(parsed("1: a\nyes: b\n010: c\nnull: d\n"))) == ["1", "yes", "010", "null"]


def test_data_is_what_a_schema_expects() -> None:
    source = "a: 1\nb: yes\nc: '1'\nd: 1e-5\ne: [x, ~]\nf: .5\ng: 1.2.3\n"
    assert to_data(parsed(source)) == {
        "a": 1.0,
        "b": True,
        "c": "1",
        "d": 1e-5,
        "e": ["x", None],
        "f": 0.5,
        "g": "1.2.3",
    }


def test_anchors_serve_as_constants() -> None:
    node = parsed("raw: &raw data/raw\na: {b: *raw}\nc: *raw\n")
    assert text_of(get_child(get_child(node, "a"), "b")) == text_of(get_child(node, "c")) == "data/raw"


def test_merge_keys_yield_to_what_is_written() -> None:
    node = parsed("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 0\n")
    z = get_child(node, "z")
    assert z is not None
    assert to_data(z) == {"a": 0.0, "b": 1.0, "c": 2.0}


def test_core_tags_and_a_byte_order_mark_are_harmless() -> None:
    assert text_of(get_child(parsed(b"\xef\xbb\xbfa: !!str 010\n"), "a")) == "010"


def test_nothing_is_null() -> None:
    assert parsed("# only a comment\n") == ScalarNode(Position(1, 1), "", plain=True)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        (b"\xff\xfea\x00:\x00", ["F:1:1  the file is UTF-16; save it as UTF-8"]),
        (b"a: 1\nb: \xe9t\xe9\n", ["F:2:4  byte 0xe9 is not UTF-8; save the file as UTF-8"]),
        ("a: 1\nb: x\0\n", ["F:2:5  the character U+0000 is not allowed in YAML"]),
        ("#" * (MAX_BYTES + 1), ["F:1:1  the file is larger than 1 MiB"]),
        ("a: 1\nb: 2\na: 3\n", ['F:3:1  the key "a" is there twice; first on line 1']),
        ("m:\n  a: 1\n  a: 1\n", ['F:3:3  m: the key "a" is there twice; first on line 2']),
        ("a: &a [*a]\n", ['F:1:8  a -> item 1: the alias "*a" is inside its own anchor']),
        ("a: &a {b: {c: *a}}\n", ['F:1:15  a -> b -> c: the alias "*a" is inside its own anchor']),
        ("a: *b\n", ['F:1:4  a: the alias "*b" has no anchor above it']),
        (BOMB, ["F:5:4  e: more than 20000 values, with every alias written out"]),
        (
            "a: [" + "x," * 20_001 + "]",
            ["F:1:40005  a -> item 20002: more than 20000 values"],
        ),
        (
            "a: " + "[" * 60,
            ["F:1:53  a" + " -> item 1" * 7 + " -> ...: nested more than 50 levels deep"],
        ),
        (
            "a: !!python/object:os.system x\n",
            ['F:1:4  a: the tag "!!python/object:os.system" is not allowed'],
        ),
        ("a: !secret x\n", ['F:1:4  a: the tag "!secret" is not allowed']),
        ("a: 1\n---\nb: 2\n", ['F:2:1  a second document starts here ("---"); one is expected']),
        ("? [a, b]\n: c\n", ["F:1:3  a key must be a text"]),
        ('a: "x\\0y"\n', ["F:1:4  a: a NUL character cannot be passed to a program"]),
        ("a: 1\n<<: x\n", ['F:2:5  "<<" merges mappings; this is none']),
        (
            "name: {{ cookiecutter.slug }}\n",
            ["F:1:8  name: {{ ... }} is a template (cookiecutter, Jinja) that was not rendered"],
        ),
        (
            "{% if gpu %}\na: 1\n",
            [
                'F:1:2  quote a text that starts with "%"; '
                "this looks like a template (cookiecutter, Jinja) that was not rendered"
            ],
        ),
    ],
)
def test_what_is_refused_says_why_and_where(source: str | bytes, lines: list[str]) -> None:
    assert faults(source) == lines


def test_every_fault_that_can_be_passed_is_told_at_once() -> None:
    assert faults("a: !x 1\nb: 1\nb: !y 2\n") == [
        'F:1:4  a: the tag "!x" is not allowed',
        'F:3:1  the key "b" is there twice; first on line 2',
        'F:3:4  b: the tag "!y" is not allowed',
    ]


def test_depth_counts_through_aliases() -> None:
    source = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))
    assert faults(source) == ["F:50:6  a49: nested more than 50 levels deep"]


@pytest.mark.parametrize("open_", ["[", "{", "- ", "{a: ", "? "])
def test_a_megabyte_of_nesting_is_a_fault_and_no_crash(open_: str) -> None:
    assert "nested more than 50 levels deep" in faults(open_ * (500_000 // len(open_)))[0]
