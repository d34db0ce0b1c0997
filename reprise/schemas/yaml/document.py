"""Parse YAML into nodes with their position and original text.

Nothing is converted here: ``010``, ``yes`` and ``1e-5`` stay the text in the file. Features beyond plain
data (foreign tags, keys that are not text, a second document) and attacks (aliases that multiply, or
contain themselves) are faults. Events are read instead of yaml's own nodes, because composing those
recurses in C and overruns the stack on deep input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from reprise.schemas.faults import START, Findings, KeyPath, Position, shorten_text
from reprise.schemas.yaml.nodes import (
    MAX_BYTES,
    MappingEntry,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
)
from reprise.schemas.yaml.syntax import MAX_DEPTH, Collection, explain_error

MAX_NODES = 20_000

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# As text: few files need them, and each costs more than a launch has to give away.
_TEMPLATE = r"(?m)^[^#\n]*((?<!\$)\{\{ ?[\w.]+ ?\}\}|\{%)"
_PLAIN_TAG = r"!|tag:yaml\.org,2002:(str|int|float|bool|null|seq|map)"


def read_document(content: bytes, findings: Findings) -> Node | None:
    """The root node of ``content``; None when it cannot be read, which is then among the faults."""
    source = _decode_content(content, findings)
    return _Composer(source, findings).compose_document() if source is not None else None


def _decode_content(content: bytes, findings: Findings) -> str | None:
    if len(content) > MAX_BYTES:
        findings.add_fault(START, (), "the file is larger than 1 MiB")
        return None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        findings.add_fault(START, (), "the file is UTF-16; save it as UTF-8")
        return None
    try:
        source = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8-sig")
        byte = error.object[error.start]
        findings.add_fault(
            _position_after(before), (), f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
        )
        return None
    if odd := _UNPRINTABLE.search(source):
        at = _position_after(source[: odd.start()])
        findings.add_fault(at, (), f"the character U+{ord(odd[0]):04X} is not allowed in YAML")
        return None
    return source


def _position_after(before: str) -> Position:
    """Return where a text continues after ``before``."""
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", before)
    return Position(len(lines), len(lines[-1]) + 1)


class _Unreadable(Exception):
    """The rest of the file cannot be parsed; the fault is already reported."""


@dataclass(slots=True)
class _Built:
    """A finished node, with its number of nodes and levels once every alias is written out."""

    node: Node
    weight: int = 1
    depth: int = 1


@dataclass(slots=True)
class _Frame(Collection):
    """A collection that is being read, with what was read of it."""

    anchor: str | None
    children: list[_Built] = field(default_factory=list)


class _Composer:
    """Turns the events of one document into nodes."""

    def __init__(self, source: str, findings: Findings) -> None:
        self.source = source
        self.findings = findings
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Built | None] = {}
        self.root: Node | None = None

    def compose_document(self) -> Node | None:
        try:
            for event in self._iterate_events():
                self._take_event(event)
        except _Unreadable:
            return None
        return self.root or ScalarNode(START, "", plain=True)

    def _iterate_events(self) -> Iterator[yaml.Event]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            yield from yaml.parse(self.source, Loader=loader)
        except yaml.YAMLError as error:
            raise self._explain_syntax(error) from error

    def _take_event(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent() if self.root is not None:
                raise self._make_unreadable(
                    _position_of(event), 'a second document starts here ("---"); one is expected'
                )
            case yaml.AliasEvent():
                self._add_node(self._resolve_alias(event))
            case yaml.ScalarEvent():
                self._add_scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open_collection(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close_collection(event)

    def _resolve_alias(self, event: yaml.AliasEvent) -> _Built:
        if event.anchor not in self.anchors:
            raise self._make_unreadable(
                _position_of(event), f'the alias "*{event.anchor}" has no anchor above it'
            )
        built = self.anchors[event.anchor]
        if built is None:
            raise self._make_unreadable(
                _position_of(event), f'the alias "*{event.anchor}" is inside its own anchor'
            )
        return built

    def _add_scalar(self, event: yaml.ScalarEvent) -> None:
        self._refuse_foreign_tag(event)
        if "\0" in event.value:
            self._fault_of_all(_position_of(event), "a NUL character cannot be passed to a program")
        built = _Built(
            ScalarNode(
                _position_of(event), event.value, plain=event.implicit[0] and event.style in ("", None)
            )
        )
        if event.anchor:
            self.anchors[event.anchor] = built
        self._add_node(built)

    def _open_collection(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self._refuse_foreign_tag(event)
        if len(self.stack) == MAX_DEPTH:
            raise self._make_unreadable(_position_of(event), f"nested more than {MAX_DEPTH} levels deep")
        if event.anchor:
            self.anchors[event.anchor] = None
        mapping = isinstance(event, yaml.MappingStartEvent)
        start = event.start_mark.index if event.start_mark else 0
        self.stack.append(_Frame(_position_of(event), start, mapping, bool(event.flow_style), event.anchor))

    def _close_collection(self, event: yaml.Event) -> None:
        frame = self.stack[-1]
        end = event.end_mark.index if event.end_mark else 0
        node = self._make_mapping(frame) if frame.mapping else self._make_sequence(frame, end)
        self.stack.pop()
        weight = 1 + sum(child.weight for child in frame.children)
        depth = 1 + max((child.depth for child in frame.children), default=0)
        if weight > MAX_NODES:
            raise self._make_unreadable(
                frame.at, f"more than {MAX_NODES} values, with every alias written out"
            )
        if depth > MAX_DEPTH:
            raise self._make_unreadable(frame.at, f"nested more than {MAX_DEPTH} levels deep")
        built = _Built(node, weight, depth)
        if frame.anchor:
            self.anchors[frame.anchor] = built
        self._add_node(built)

    def _add_node(self, built: _Built) -> None:
        if not self.stack:
            self.root = built.node
            return
        children = self.stack[-1].children
        children.append(built)
        if len(children) > MAX_NODES:
            raise self._make_unreadable(built.node.at, f"more than {MAX_NODES} values")

    def _make_sequence(self, frame: _Frame, end: int) -> SequenceNode:
        source = None
        if frame.flow:
            source = self.source[self.source.index("[", frame.start) : end]
        return SequenceNode(frame.at, tuple(child.node for child in frame.children), source)

    def _make_mapping(self, frame: _Frame) -> MappingNode:
        entries: dict[str, MappingEntry] = {}
        merged: list[Node] = []
        path = self._current_path(within=False)
        nodes = [child.node for child in frame.children]
        for key, value in zip(nodes[::2], nodes[1::2], strict=True):
            if not isinstance(key, ScalarNode):
                self._refuse_key(key, path)
            elif key.plain and key.text == "<<":
                merged += value.items if isinstance(value, SequenceNode) else [value]
            elif key.text in entries:
                first = entries[key.text].key_at.line
                shown = shorten_text(key.text)
                self.findings.add_fault(
                    key.at, path, f'the key "{shown}" is there twice; first on line {first}', key=key.text
                )
            else:
                entries[key.text] = MappingEntry(key.at, value)
        for node in merged:
            if isinstance(node, MappingNode):
                entries |= {key: entry for key, entry in node.entries.items() if key not in entries}
            else:
                self.findings.add_fault(node.at, path, '"<<" merges mappings; this is none')
        return MappingNode(frame.at, entries)

    def _refuse_key(self, key: Node, path: KeyPath) -> None:
        if self._line_at(key.at)[key.at.column - 2 :].startswith("{{"):
            sentence = "{{ ... }} is a template (cookiecutter, Jinja) that was not rendered"
            raise self._make_unreadable(key.at, sentence)
        self.findings.add_fault(key.at, path, "a key must be a text")

    def _refuse_foreign_tag(self, event: yaml.NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and not re.fullmatch(_PLAIN_TAG, tag):
            word = tag.replace("tag:yaml.org,2002:", "!!")
            self._fault_of_all(_position_of(event), f'the tag "{shorten_text(word)}" is not allowed')

    def _current_path(self, *, within: bool = True) -> KeyPath:
        """The keys that lead to the value that is read now; without the innermost collection's own."""
        steps: list[str] = []
        for frame in self.stack if within else self.stack[:-1]:
            if not frame.mapping:
                steps.append(f"item {len(frame.children) + 1}")
            elif len(frame.children) % 2:
                key = frame.children[-1].node
                steps.append(key.text if isinstance(key, ScalarNode) else "?")
        return tuple(steps)

    def _explain_syntax(self, error: yaml.YAMLError) -> _Unreadable:
        at, sentence = explain_error(self.source, error, self.stack[-1] if self.stack else None)
        if re.search(_TEMPLATE, self.source):
            sentence += "; this looks like a template (cookiecutter, Jinja) that was not rendered"
        # What is said of a collection as a whole is not said of the item that was read in it.
        self._fault_of_all(at, sentence, within=not self.stack or self.stack[-1].at != at)
        return _Unreadable()

    def _line_at(self, at: Position) -> str:
        lines = self.source.splitlines()
        return lines[at.line - 1] if at.line <= len(lines) else ""

    def _make_unreadable(self, at: Position, sentence: str) -> _Unreadable:
        self._fault_of_all(at, sentence)
        return _Unreadable()

    def _fault_of_all(self, at: Position, sentence: str, *, within: bool = True) -> None:
        """No reader of YAML takes a file with it, whatever is wanted of the file."""
        self.findings.add_fault(at, self._current_path(within=within), sentence, is_of_all=True)


def _position_of(event: yaml.Event) -> Position:
    mark = event.start_mark
    return Position(mark.line + 1, mark.column + 1) if mark else START
