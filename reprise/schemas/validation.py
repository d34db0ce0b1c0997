"""Validate a document with its JSON Schema, with our own messages.

``<schema>.schema.json`` is the single source of truth; its annotations ``x-is``, ``x-hint`` and
``x-unknown`` contain the words of messages. Unknown keys are warnings, unless ``x-closed`` forbids them;
everything else is a fault. A key without a value counts as missing when the file is used, unless it is
``x-needed``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprise.schemas.faults import Findings, KeyPath, Position, did_you_mean, shorten_text
from reprise.schemas.yaml.nodes import (
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    is_null,
    to_data,
)

if TYPE_CHECKING:
    from jsonschema import ValidationError


def validate_document(root: Node, schema: str, findings: Findings) -> None:
    """Add what ``<schema>.schema.json`` finds in the document ``root``."""
    from jsonschema import Draft202012Validator

    causes = {(fault.at, fault.path) for fault in findings.faults if fault.is_of_all}
    found = Findings(findings.file)
    for error in Draft202012Validator(json.loads(schema_text(schema))).iter_errors(to_data(root)):
        _add_error(error, root, found)
    findings.warnings += found.warnings
    # a value that YAML should never have held need not also be of a wrong kind
    findings.faults += [fault for fault in found.faults if (fault.at, fault.path) not in causes]


def schema_text(schema: str) -> bytes:
    return Path(__file__).with_name(f"{schema}.schema.json").read_bytes()


def _add_error(error: ValidationError, root: Node, findings: Findings) -> None:
    node, path, at = _locate_node(root, list(error.absolute_path))
    schema: Any = error.schema
    match error.validator:
        case "additionalProperties" if isinstance(node, MappingNode):
            for key in node.entries.keys() - schema["properties"].keys():
                tell = findings.add_fault if schema.get("x-closed") else findings.add_warning
                tell(node.entries[key].key_at, path, _unknown_key(key, schema))
        case "required" if isinstance(node, MappingNode):
            for key in schema["required"]:
                if key not in node.entries:
                    findings.add_fault(at, path, f'no "{key}"')
        case "not" if isinstance(node, MappingNode) and not path:
            first, second = schema["not"]["required"]
            (_, one), (at, other) = sorted((node.entries[key].key_at, key) for key in (first, second))
            if not any(is_null(node.entries[key].value) for key in (first, second)):
                findings.add_fault(at, (), f'"{other}" beside "{one}"; a project has one environment')
        case "not":
            findings.add_fault(at, path, schema["x-hint"])
        case _ if "propertyNames" in error.absolute_schema_path and isinstance(node, MappingNode):
            name = str(error.instance)
            findings.add_fault(
                node.entries[name].key_at, path, f'"{shorten_text(name)}" is not {schema["x-is"]}'
            )
        case _:
            is_value = bool(path) and isinstance(error.absolute_path[-1], str)
            absent = is_value and is_null(node) and not schema.get("x-needed")
            sentence = _describe_mismatch(node, path, schema)
            findings.add_fault(node.at if _is_shown(node) else at, path, sentence, is_mild=absent)


def _locate_node(root: Node, steps: list[str | int]) -> tuple[Node, KeyPath, Position]:
    """The node that ``steps`` lead to, its keys for people, and the position of its own key."""
    node, at = root, root.at
    shown: list[str] = []
    for step in steps:
        match node:
            case MappingNode():
                entry = node.entries[str(step)]
                node, at = entry.value, entry.key_at
                shown.append(str(step))
            case SequenceNode():
                node = node.items[int(step)]
                at = node.at
                shown.append(f"item {int(step) + 1}")
    return node, tuple(shown), at


def _is_shown(node: Node) -> bool:
    """Has the file a text for ``node``? A key without a value has none."""
    return not (isinstance(node, ScalarNode) and node.is_null and not node.text)


def _unknown_key(key: str, schema: Any) -> str:
    known = list(schema["properties"])
    stem = key.replace(":", " ").split(" ")[0]
    if stem in known and stem != key:  # `type:int` and `type str` are keys for YAML
        hint = f'; did you mean "{stem}: {shorten_text(key[len(stem) + 1 :].strip()) or "..."}"?'
    else:
        hint = did_you_mean(key, known) or (f"; {schema['x-unknown']}" if "x-unknown" in schema else "")
    ignored = "" if schema.get("x-closed") else " is ignored"
    return f'unknown key "{shorten_text(key)}"{ignored}{hint}'


def _describe_mismatch(node: Node, path: KeyPath, schema: Any) -> str:
    """``"flaot" is not a type; did you mean "float"?``"""
    near = (
        did_you_mean(node.text, schema["enum"]) if isinstance(node, ScalarNode) and "enum" in schema else ""
    )
    hint = near or (f"; {schema['x-hint']}" if "x-hint" in schema else "")
    if is_null(node):
        missing = "no value" if path else "the file is empty"
        return f"{missing}; {schema['x-is']} is needed{hint}"
    return f"{_describe_node(node)} is not {schema['x-is']}{hint}"


def _describe_node(node: Node) -> str:
    match node:
        case MappingNode():
            return "a mapping"
        case SequenceNode():
            return "a list" if node.items else "an empty list"
        case ScalarNode(text=""):
            return "an empty text"
        case ScalarNode(plain=True) if not isinstance(to_data(node), str):
            return shorten_text(node.text)
    return f'"{shorten_text(node.text)}"'
