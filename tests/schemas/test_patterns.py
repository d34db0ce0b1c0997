"""A pattern of a project is matched, or given up: it never holds a command up."""

from __future__ import annotations

import pytest

from reprise.schemas import patterns
from reprise.schemas.patterns import search_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    (
        (r"^\w+$", "word", True),
        (r"^\w+$", "two words", False),
        (r"^\w+ \w+ \w*$", "many words that are no such three", False),
        (r"^(\w+ ?)+$", "words of letters and nothing else", True),
        (r"^.*=.*$", "a secret = and its value", True),
    ),
)
def test_a_pattern_is_found_or_not(pattern: str, text: str, found: bool) -> None:
    assert search_pattern(pattern, text) is found


@pytest.mark.parametrize("pattern", (r"^(a+)+$", r"^(a|aa)+$|^(a*)*$", r"^(\w+\s?)*$"))
def test_a_pattern_that_never_ends_is_given_up(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_PATIENCE", 0.3)
    assert search_pattern(pattern, "a" * 60 + "!") is None
