"""Tables in texts: whose cells are set aside by the name of their column or row."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reprise.runner.verdict.words.costs import KindOfField
from reprise.runner.verdict.words.known_texts import mark_text

_RULE = re.compile(r"\s*\|?(?:\s*:?-{2,}:?\s*\|)+(?:\s*:?-{2,}:?\s*)?")
_SEPARATOR = re.compile(r"[\s_.-]")


def kind_of_row(name: str, kind_of_field: KindOfField) -> str | None:
    """Why the numbers of a row do not decide, by the name in its first cell; one word alone may be data."""
    words = [word for word in _SEPARATOR.split(name.strip()) if word]
    is_name = len(words) > 1 or name.strip().endswith("_")
    return kind_of_field(name) if is_name and len(name) < 80 else None


def mark_tables(lines: Sequence[str], kind_of_field: KindOfField) -> list[str]:
    """``lines`` of Markdown with marks for the cells of tables whose column is a clock or a cost."""
    found: list[str] = []
    kinds: list[str] = []
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if "|" not in line:
            kinds = []
        elif _RULE.fullmatch(following):
            kinds = [_mark_of(head.strip(" *`"), kind_of_field) for head in line.split("|")]
        elif any(kinds) and not _RULE.fullmatch(line):
            cells = line.split("|")
            marks = kinds if len(kinds) == len(cells) else [""] * len(cells)
            line = "|".join(sign or cell for cell, sign in zip(cells, marks, strict=True))
        found.append(line)
    return found


def _mark_of(head: str, kind_of_field: KindOfField) -> str:
    kind = kind_of_field(head) if head else None
    return mark_text(kind, head) if kind else ""
