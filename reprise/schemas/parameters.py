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
    child,
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
    """The parameter that ``node`` declares. What has a wrong shape, as the schema has told, is left out."""
    if not isinstance(node, MappingNode):
        return Parameter(name, type=TYPES.get(text_of(node) or "", "string"))
    pattern = text_of(child(node, "pattern"))
    if pattern is not None and (sentence := _pattern_fault(pattern)):
        findings.fault(_place(node, "pattern"), (*path, "pattern"), sentence)
        pattern = None
    required = is_true(child(node, "required"))
    parameter = Parameter(
        name=name,
        type=TYPES.get(text_of(child(node, "type")) or "", "string"),
        default=_default(child(node, "default")),
        description=text_of(child(node, "description")) or "",
        enum=texts_of(child(node, "enum")),
        minimum=_number(child(node, "minimum")),
        maximum=_number(child(node, "maximum")),
        pattern=pattern,
        required=True if required is None else required,
        secret=is_true(child(node, "secret")) or False,
    )
    _check_range(parameter, node, path, findings)
    _check_default(parameter, node, path, findings)
    return parameter


def _default(node: Node | None) -> str | None:
    """The text of a default: of a list as written, ``[1, 2]`` for one written in lines."""
    if not isinstance(node, SequenceNode):
        return text_of(node)
    return node.source if node.source is not None else f"[{', '.join(texts_of(node))}]"


def _number(node: Node | None) -> float | None:
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
        at = _place(node, "minimum")
        findings.fault(at, (*path, "minimum"), f"{low:g} is above the maximum {high:g}")
    if parameter.type in ("int", "float"):
        return
    for key in ("minimum", "maximum"):
        if key in node.entries:
            sentence = f"decides nothing for a {parameter.type}; only an int or a float has one"
            findings.warn(node.entries[key].key_at, (*path, key), sentence)


def _check_default(parameter: Parameter, node: MappingNode, path: KeyPath, findings: Findings) -> None:
    """A default that breaks its own type is a fault, but words for "no value" are passed on as before."""
    written = child(node, "default")
    if isinstance(written, SequenceNode) and not parameter.type.startswith("list["):
        what = f"a list is not a {parameter.type}; write type: list[...], or the text in quotes"
        findings.fault(written.at, (*path, "default"), what, is_mild=True)
        return
    if parameter.default is None or (sentence := values.fault(parameter, parameter.default)) is None:
        return
    if parameter.secret:
        sentence = "the default of this secret does not fit its type and constraints"
    where = _place(node, "default"), (*path, "default")
    if parameter.default.lower() in _NO_VALUE:
        findings.warn(*where, f'{sentence}; the command gets the text "{parameter.default}"')
    else:
        findings.fault(*where, sentence)


def _place(node: MappingNode, key: str) -> Position:
    value = child(node, key)
    return value.at if value is not None else START
