"""Files of skops: a tree of objects in JSON, whose arrays are members of a zip file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reprise.runner.verdict.files.npy import read_npy
from reprise.runner.verdict.files.tables import read_json

SCHEMA = "schema.json"


def read_skops(members: Mapping[str, bytes]) -> Any:
    """The tree of objects, in plain values and arrays where those are all that a node says.

    Raises:
        ValueError, TypeError, KeyError: it is damaged.
    """
    schema = read_json(members[SCHEMA].decode())
    return _Tree(members, schema).walk_node(schema)


class _Tree:
    """Objects are distinguished by their addresses in the process that wrote them: ``numbers`` are the
    numbers of referenced ones in their order.
    """

    def __init__(self, members: Mapping[str, bytes], schema: Any) -> None:
        self.members = members
        self.numbers = dict.fromkeys(_find_referred(schema), -1)
        self.count = 0

    def walk_node(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.walk_node(item) for item in node]
        if not isinstance(node, dict):
            return node
        address = node.get("__id__")
        if self.numbers.get(address) == -1:
            self.numbers[address] = self.count = self.count + 1
        return self._to_plain(node)

    def _to_plain(self, node: Mapping[str, Any]) -> Any:
        loader, content = node.get("__loader__"), node.get("content")
        if loader == "JsonNode" and isinstance(content, str):
            return read_json(content)
        if loader == "CachedNode":
            return {"the same as object": self.numbers[node["__id__"]]}
        if loader == "DictNode" and isinstance(content, dict):
            return self._read_entries(content)
        if loader == "NdArrayNode" and isinstance(node.get("file"), str):
            return self._read_member(node["file"])
        if loader == "ObjectNode":
            kind = f"{node.get('__module__')}.{node.get('__class__')}"
            inside = self.walk_node(content)
            return {"(class)": kind, **(inside if isinstance(inside, dict) else {"(state)": inside})}
        return {
            name: self._read_member(value)
            if name == "file" and isinstance(value, str)
            else self.walk_node(value)
            for name, value in node.items()
            if name != "__id__"
        }

    def _read_entries(self, content: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.walk_node(value) for name, value in content.items()}

    def _read_member(self, name: str) -> Any:
        data = self.members[name]
        return read_npy(data) if name.endswith(".npy") else data


def _find_referred(node: Any) -> Iterator[Any]:
    """Return the addresses of objects that are in the tree more than once."""
    if isinstance(node, list):
        for item in node:
            yield from _find_referred(item)
    elif isinstance(node, dict):
        if node.get("__loader__") == "CachedNode":
            yield node["__id__"]
        for value in node.values():
            yield from _find_referred(value)
