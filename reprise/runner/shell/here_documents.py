"""Here-documents of a shell: what ``<<END`` says, and which lines belong to it."""

from __future__ import annotations

import re

from reprise.named_tuple import NamedTuple

_OPERATOR = re.compile(r"<<(-?)[ \t]*((?:'[^']*'|\"[^\"]*\"|\\.|[^\s;&|()<>'\"\\])*)")


class HereDocument(NamedTuple):
    """``is_literal``: nothing is expanded in it; ``strips_tabs``: those at the start of its lines go."""

    delimiter: str
    is_literal: bool
    strips_tabs: bool


class HereText(NamedTuple):
    """A here-document: ``text[start:end]`` is its content, and the rest begins ``after`` its last line.

    ``last_line`` is that line, or None. ``is_open``: nothing may follow on it.
    """

    start: int
    end: int
    after: int
    last_line: str | None
    is_open: bool


def read_operator(text: str, at: int) -> tuple[HereDocument, str, int]:
    """The document of the ``<<`` at ``at``, its delimiter as written, and where the rest begins."""
    found = _OPERATOR.match(text, at)
    assert found is not None
    word = found[2]
    bare = re.sub(r"['\"\\]", "", word)
    return HereDocument(bare, bare != word, bool(found[1])), word, found.end()


def find_text(document: HereDocument, text: str, start: int, mark: str) -> HereText:
    """Return the lines from ``start`` on that belong to ``document``; a ``mark`` is not part of a line."""
    end = start
    while True:
        newline = text.find("\n", end)
        line = text[end : newline if newline >= 0 else len(text)]
        bare = line.replace(mark, "")
        if (bare.lstrip("\t") if document.strips_tabs else bare) == document.delimiter:
            return HereText(start, end, end + len(line) + 1, line, newline < 0)
        if newline < 0:
            return HereText(start, len(text), len(text), None, is_open=True)
        end += len(line) + 1
