"""Cache of the content of valid project files, by the digest of everything that affects it.

It needs neither the YAML parser nor jsonschema again, which take half of the time of a launch. It
is in the user's cache, next to the environments.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reprise import durable, paths
from reprise.errors import RepriseError
from reprise.named_tuple import NamedTuple
from reprise.schemas.faults import FileFinding, Position
from reprise.schemas.yaml.nodes import (
    MappingEntry,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
)

FOLDER = "valid-v1"


class Known(NamedTuple):
    """A valid document, and the warnings of reading and validating it."""

    root: Node
    warnings: list[FileFinding]


def recall_file(digest: str) -> Known | None:
    """What is known of a file; None when there is nothing, or nothing that makes sense."""
    try:
        stored = json.loads(_place_of(digest).read_bytes())
        rows = stored["warnings"]
        warnings = [
            FileFinding(Position(int(line), int(column)), tuple(map(str, path)), str(sentence))
            for line, column, path, sentence in rows
        ]
        return Known(_unpack_node(stored["root"]), warnings)
    except (OSError, RepriseError, ValueError, TypeError, KeyError, IndexError):
        return None


def remember_file(digest: str, known: Known) -> None:
    rows = [[*warning.at, warning.path, warning.sentence] for warning in known.warnings]
    try:
        durable.write_note(
            _place_of(digest), json.dumps({"root": _pack_node(known.root), "warnings": rows})
        )
    except (OSError, RepriseError):
        pass  # without a cache, it is read again next time


def _place_of(digest: str) -> Path:
    return paths.cache_dir() / FOLDER / digest


def _pack_node(node: Node) -> list[Any]:
    match node:
        case ScalarNode():
            return [*node.at, node.text, node.plain]
        case SequenceNode():
            return [*node.at, [_pack_node(item) for item in node.items], node.source]
        case MappingNode():
            entries = {key: [*entry.key_at, _pack_node(entry.value)] for key, entry in node.entries.items()}
            return [*node.at, entries]


def _unpack_node(row: list[Any]) -> Node:
    """Raises ValueError, TypeError, KeyError or IndexError for what was not packed here."""
    at = Position(int(row[0]), int(row[1]))
    match row[2:]:
        case [str(text), bool(plain)]:
            return ScalarNode(at, text, plain)
        case [list(items), str() | None as source]:
            return SequenceNode(at, tuple(map(_unpack_node, items)), source)
        case [dict(entries)]:
            return MappingNode(
                at,
                {
                    key: MappingEntry(Position(int(line), int(column)), _unpack_node(value))
                    for key, (line, column, value) in entries.items()
                },
            )
    raise ValueError(f"not a node: {row!r}")
