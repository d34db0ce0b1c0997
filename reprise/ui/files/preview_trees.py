"""JSON as a collapsible tree: each object and list is a node with its children."""

from __future__ import annotations

import json

from reprise import units
from reprise.named_tuple import NamedTuple

NODES = 5000
DEPTH = 40
_TEXT = 2000  # characters of one text

NOT_JSON = object()


class Node(NamedTuple):
    """A node; ``kind`` is text, number, word, object or list; ``text`` is the shown text."""

    key: str
    kind: str
    text: str
    children: tuple[Node, ...] = ()
    is_open: bool = False


def parsed(text: str) -> object:
    """Return the value, or ``NOT_JSON``."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return NOT_JSON
    return value


def tree(value: object) -> Node:
    return _Trees().node("", value, 0)


class _Trees:
    """Builds nodes up to a maximum number."""

    def __init__(self) -> None:
        self._left = NODES

    def node(self, key: str, value: object, depth: int) -> Node:
        self._left -= 1
        key = key[:_TEXT]
        match value:
            case dict():
                found = [(str(name), item) for name, item in value.items()]
                return self._folded(key, "object", units.counted(len(found), "key"), found, depth)
            case list():
                found = [(str(at), item) for at, item in enumerate(value)]
                return self._folded(key, "list", units.counted(len(found), "item"), found, depth)
            case str():
                text = value if len(value) <= _TEXT else f"{value[:_TEXT]}…"
                return Node(key, "text", json.dumps(text, ensure_ascii=False))
            case bool() | None:
                return Node(key, "word", json.dumps(value))
            case _:
                return Node(key, "number", json.dumps(value)[:_TEXT])

    def _folded(self, key: str, kind: str, text: str, found: list[tuple[str, object]], depth: int) -> Node:
        children: list[Node] = []
        for name, item in found:
            if self._left <= 0 or depth >= DEPTH:
                rest = units.counted(len(found) - len(children), "more")
                children.append(Node("", "word", f"… {rest.removesuffix('s')} not shown"))
                break
            children.append(self.node(name, item, depth + 1))
        return Node(key, kind, text, tuple(children), depth < 2 or len(found) < 4)
