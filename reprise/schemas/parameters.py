"""One declared parameter: its node becomes a value, and what its schema cannot say is checked."""

from __future__ import annotations

import re
import warnings

from reprise.schemas import values
from reprise.schemas.faults import START, Findings, KeyPath, Position
from reprise.schemas.project import Parameter
from reprise.schemas.yaml.nodes import (
    MappingNode,
    Node,
    SequenceNode,
    get_child,
    is_true,
    text_of,
    texts_of,
)

_WORDS = {
    "string": "string",
    "str": "string",
    "float": "float",
    "number": "float",
    "int": "int",
    "integer": "int",
    "bool": "bool",
    "boolean": "bool",
    "path": "path",
    "uri": "uri",
}
TYPES = _WORDS | {f"list[{word}]": f"list[{type}]" for word, type in _WORDS.items()}
"""Every word for a type in a project file, and its canonical word."""

_NO_VALUE = {"", "none", "null"}


def read_parameter(name: str, node: Node, path: KeyPath, findings: Findings) -> Parameter:
    """Return the parameter in ``node``. Parts with a wrong shape, already reported by the schema, are
    left out.
    """
    if not isinstance(node, MappingNode):
        return Parameter(name, type=TYPES.get(text_of(node) or "", "string"))
    pattern = text_of(get_child(node, "pattern"))
    if pattern is not None and (sentence := _pattern_fault(pattern)):
        findings.add_fault(_position_of(node, "pattern"), (*path, "pattern"), sentence)
        pattern = None
    required = is_true(get_child(node, "required"))
    parameter = Parameter(
        name=name,
        type=TYPES.get(text_of(get_child(node, "type")) or "", "string"),
        default=_read_default(get_child(node, "default")),
        description=text_of(get_child(node, "description")) or "",
        enum=texts_of(get_child(node, "enum")),
        minimum=_read_number(get_child(node, "minimum")),
        maximum=_read_number(get_child(node, "maximum")),
        pattern=pattern,
        required=True if required is None else required,
        secret=is_true(get_child(node, "secret")) or False,
    )
    _check_range(parameter, node, path, findings)
    _check_default(parameter, node, path, findings)
    return parameter


def _read_default(node: Node | None) -> str | None:
    """The text of a default: of a list as written, ``[1, 2]`` for one written in lines."""
    if not isinstance(node, SequenceNode):
        return text_of(node)
    return node.source if node.source is not None else f"[{', '.join(texts_of(node))}]"


def _read_number(node: Node | None) -> float | None:
    text = text_of(node)
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def _pattern_fault(pattern: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {error}"
    return None


def _check_range(parameter: Parameter, node: MappingNode, path: KeyPath, findings: Findings) -> None:
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None and low > high:
        at = _position_of(node, "minimum")
        findings.add_fault(at, (*path, "minimum"), f"{low:g} is above the maximum {high:g}")
    if parameter.type in ("int", "float"):
        return
    for key in ("minimum", "maximum"):
        if key in node.entries:
            sentence = f"decides nothing for a {parameter.type}; only an int or a float has one"
            findings.add_warning(node.entries[key].key_at, (*path, key), sentence)


def _check_default(parameter: Parameter, node: MappingNode, path: KeyPath, findings: Findings) -> None:
    """A default that breaks its own type is a fault, but words for "no value" are passed on as before."""
    written = get_child(node, "default")
    if isinstance(written, SequenceNode) and not parameter.type.startswith("list["):
        what = f"a list is not a {parameter.type}; write type: list[...], or the text in quotes"
        findings.add_fault(written.at, (*path, "default"), what, is_mild=True)
        return
    if parameter.default is None or (sentence := values.find_fault(parameter, parameter.default)) is None:
        return
    if parameter.secret:
        sentence = "the default of this secret does not fit its type and constraints"
    where = _position_of(node, "default"), (*path, "default")
    if parameter.default.lower() in _NO_VALUE:
        findings.add_warning(*where, f'{sentence}; the command gets the text "{parameter.default}"')
    else:
        findings.add_fault(*where, sentence)


def _position_of(node: MappingNode, key: str) -> Position:
    value = get_child(node, key)
    return value.at if value is not None else START
