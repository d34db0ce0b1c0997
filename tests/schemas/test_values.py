"""Values against types and constraints: what is refused, in which words, and that nothing is changed."""

from __future__ import annotations

from typing import Any

import pytest

from reprise.schemas.project import Parameter
from reprise.schemas.values import find_fault


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", ["", "a 'b' \"c\" $d ; e\n", "ünï"], []),
        ("int", ["5", "-5", "+5", "010", "1_000"], ["5.0", "1e3", "abc", "", " 5", "5\n", "٣x"]),
        ("float", ["5", "1e-5", ".5", "-0.50", "nan", "inf"], ["abc", "", "1,5", "0x10", "5 "]),
        ("bool", ["true", "False", "YES", "off", "0", "1"], ["maybe", "", "2", "tru"]),
        ("uri", ["s3://b/k", "runs:/abc/x", "https://h/p"], ["./x", "C:/x", "/abs", "http:", ""]),
        ("path", ["anything goes here; it is looked for later"], []),
        ("list[int]", ["[1, 2]", "1,2", "1 2", "[]", ""], ["[1, x]", "1,2.5"]),
        ("list[float]", ["[1, 2.5]", "1e-3 2"], ["[1, 'x']"]),
        ("list[string]", ["['a', 'b']", "[adam, sgd]", "a"], []),
    ],
)
def test_types(kind: str, good: list[str], bad: list[str]) -> None:
    parameter = Parameter("p", kind)
    assert {text: find_fault(parameter, text) for text in good} == dict.fromkeys(good)
    assert all(find_fault(parameter, text) for text in bad), {
        text: find_fault(parameter, text) for text in bad
    }


@pytest.mark.parametrize(
    ("kind", "text", "constraints", "sentence"),
    [
        ("float", "abc", {}, '"abc" is not a float'),
        ("list[int]", "[1, x]", {}, 'item 2: "x" is not an int'),
        ("uri", "./x", {}, '"./x" is not an absolute URI (scheme:...)'),
        ("int", "0", {"minimum": 1}, "0 is below the minimum 1"),
        ("float", "1.5", {"maximum": 1}, "1.5 is above the maximum 1"),
        ("float", "nan", {"minimum": 0}, "nan is below the minimum 0"),
        ("string", "lbfg", {"enum": ("lbfgs", "saga")}, '"lbfg" is not one of lbfgs, saga'),
        ("string", "a b", {"pattern": "^\\w+$"}, '"a b" does not match the pattern ^\\w+$'),
    ],
)
def test_sentences(kind: str, text: str, constraints: dict[str, Any], sentence: str) -> None:
    assert find_fault(Parameter("p", kind, **constraints), text) == sentence


def test_an_equal_number_is_one_of_the_choices() -> None:
    assert find_fault(Parameter("p", "float", enum=("0.5", "1")), "0.50") is None
