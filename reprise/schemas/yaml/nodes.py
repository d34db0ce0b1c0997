"""The content of a YAML file, with the position and the text of each node. ``document.py`` creates it.

The accessors return an empty value if a node is missing or of another kind: the schema reports these
faults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from reprise.named_tuple import NamedTuple
from reprise.schemas.faults import Position

MAX_BYTES = 1 << 20
"""Maximum size of a project file."""

_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NUMBER = r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?"


class ScalarNode(NamedTuple):
    """``text`` is the content: quotes and escapes are resolved, nothing else. ``plain`` = no quotes."""

    at: Position
    text: str
    plain: bool

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in _NULLS


class SequenceNode(NamedTuple):
    """``source`` is the text of a flow sequence as written (``[1, 2]``); None for a block one."""

    at: Position
    items: tuple[Node, ...]
    source: str | None


class MappingEntry(NamedTuple):
    key_at: Position
    value: Node


class MappingNode(NamedTuple):
    """The keys are the texts as written; merged keys (``<<``) come last."""

    at: Position
    entries: Mapping[str, MappingEntry]


Node: TypeAlias = ScalarNode | SequenceNode | MappingNode


def get_child(node: Node | None, key: str) -> Node | None:
    """The value at ``key`` of a mapping; None where there is none, and for any other node."""
    entry = entries_of(node).get(key)
    return entry.value if entry else None


def text_of(node: Node | None) -> str | None:
    """The text of a scalar; None for null, no node, and any other node."""
    return node.text if isinstance(node, ScalarNode) and not node.is_null else None


def items_of(node: Node | None) -> tuple[Node, ...]:
    """The items of a sequence; none for any other node."""
    return node.items if isinstance(node, SequenceNode) else ()


def texts_of(node: Node | None) -> tuple[str, ...]:
    """The texts in a sequence of scalars."""
    return tuple(text for item in items_of(node) if (text := text_of(item)) is not None)


def entries_of(node: Node | None) -> Mapping[str, MappingEntry]:
    """The entries of a mapping; none for any other node."""
    return node.entries if isinstance(node, MappingNode) else {}


def is_null(node: Node | None) -> bool:
    """Return whether a node has no value."""
    return isinstance(node, ScalarNode) and node.is_null


def is_true(node: Node | None) -> bool | None:
    """What a boolean says; None for any other node."""
    value = to_data(node) if node is not None else None
    return value if isinstance(value, bool) else None


def to_data(node: Node) -> object:
    """``node`` as plain values for a JSON Schema; numbers are floats, keys are texts as written."""
    match node:
        case MappingNode():
            return {key: to_data(entry.value) for key, entry in node.entries.items()}
        case SequenceNode():
            return [to_data(item) for item in node.items]
        case ScalarNode(text=text, plain=True):
            if node.is_null:
                return None
            if text.lower() in _BOOLS:
                return _BOOLS[text.lower()]
            return float(text) if re.fullmatch(_NUMBER, text) else text
    return node.text
