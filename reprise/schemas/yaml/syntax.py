"""Why a file is not YAML, in words of our own, and the place to look at.

YAML parsers word the same fault differently from version to version. They agree on the place, and on where
the text or collection began that they were reading: the characters at these two places say the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from reprise.schemas.faults import START, Position

MAX_DEPTH = 50

_UNKNOWN = "this is not YAML; check the quotes, braces and indentation here and above"
_COLON = 'a ":" is not expected here; quote a text that contains ": ", or check the indentation'
_KEY = "a key is expected here; check the indentation, quotes and braces above"
_NO_KEY = 'a key without its ":"'
_DASH = 'a list starts on a new line or is written in brackets; quote a text that starts with "- "'
_ITEM = 'a "- " is expected here; check the indentation'
_AFTER = "the value ends before this; quote the whole text"
_ESCAPE = r'in double quotes "\" starts an escape, and this is none; write "\\" or use single quotes'
_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


@dataclass(slots=True)
class Collection:
    """A mapping or sequence that is being read; ``start`` is where it begins in the source.

    ``flow``: it is written in brackets.
    """

    at: Position
    start: int
    mapping: bool
    flow: bool


def explain_error(source: str, error: yaml.YAMLError, within: Collection | None) -> tuple[Position, str]:
    """The place to look at and what is wrong there, for the ``error`` of a parser ``within`` a collection.

    ``within`` is the innermost collection that is open, None where there is none.
    """
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return START, _UNKNOWN
    if _is_indented_by_tab(source, mark):
        return _position_of(mark), "a tab cannot indent; use spaces"
    if _open_brackets(source[: mark.index]) > MAX_DEPTH:
        return _position_of(mark), _TOO_DEEP
    began = getattr(error, "context_mark", None)
    if began is not None and not (within and within.start == began.index):
        told = _in_text(source, began, mark)
        if told is not None:
            return told
    return _at_place(source, mark, within)


def _in_text(source: str, began: yaml.Mark, mark: yaml.Mark) -> tuple[Position, str] | None:
    """What is wrong in the text that begins at ``began``, by its first character."""
    match source[began.index : began.index + 1]:
        case "'" | '"':
            rest = source[mark.index :]
            if not rest.strip() or (mark.column == 0 and rest.startswith(("---", "..."))):
                return _position_of(began), "this quote is not closed"
            return _position_at(source, source.rfind("\\", began.index, mark.index + 1)), _ESCAPE
        case ">" | "|" | "*" | "&" | "!" | "%" as first:
            return _position_of(began), f'quote a text that starts with "{first}"'
        case first if first.strip() and began.index < mark.index and began.line < mark.line:
            return _position_of(began), _NO_KEY
    return None


def _at_place(source: str, mark: yaml.Mark, within: Collection | None) -> tuple[Position, str]:
    """What is wrong at ``mark``, by the character there and the collection around it."""
    at, here = _position_of(mark), source[mark.index : mark.index + 1]
    if here in {"@", "`", "%"}:
        return at, f'quote a text that starts with "{here}"'
    if within is not None and within.flow:
        return _in_brackets(source, mark, within)
    if here == ":":
        return at, _COLON
    if here in {"]", "}", ","}:
        return at, f'"{here}" is not expected here; quote a text that starts with it'
    is_first = not _line_before(source, mark).strip()
    if here == "-" and not is_first:
        return at, _DASH
    if within is None:
        return at, "this line is indented less than the lines above" if mark.line and is_first else _UNKNOWN
    if not is_first:
        return at, _AFTER
    return at, _KEY if within.mapping else _ITEM


def _in_brackets(source: str, mark: yaml.Mark, within: Collection) -> tuple[Position, str]:
    left, right = "{}" if within.mapping else "[]"
    is_key_below = source[mark.index : mark.index + 1] == ":" and mark.line + 1 > within.at.line
    if is_key_below or not source[mark.index :].strip():
        return within.at, f'this "{left}" is not closed'
    if source[: mark.index].rstrip().endswith((left, ",")):
        return _position_of(mark), "a value is expected here"
    return _position_of(mark), f'a "," or "{right}" is expected here'


def _is_indented_by_tab(source: str, mark: yaml.Mark) -> bool:
    return source[mark.index : mark.index + 1] == "\t" and not _line_before(source, mark).strip()


def _open_brackets(before: str) -> int:
    return sum(map(before.count, "[{")) - sum(map(before.count, "]}"))


def _line_before(source: str, mark: yaml.Mark) -> str:
    """The line of ``mark`` up to it."""
    return source[mark.index - mark.column : mark.index]


def _position_at(source: str, index: int) -> Position:
    before = source[:index].splitlines(keepends=True) or [""]
    return Position(len(before), len(before[-1]) + 1)


def _position_of(mark: yaml.Mark) -> Position:
    return Position(mark.line + 1, mark.column + 1)
