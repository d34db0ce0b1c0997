"""Models of ONNX: messages of protobuf, read by the fields that hold names and numbers."""

from __future__ import annotations

import re
from typing import Any

from reprise.runner.verdict.files.arrays import ItemType, TypedArray, make_array
from reprise.runner.verdict.files.protobuf import MessageField, MessageReader, Messages

_DRAWN = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")

_TYPES = {
    1: ItemType("f", 4),
    2: ItemType("u", 1),
    3: ItemType("i", 1),
    4: ItemType("u", 2),
    5: ItemType("i", 2),
    6: ItemType("i", 4),
    7: ItemType("i", 8),
    9: ItemType("b", 1),
    10: ItemType("f", 2),
    11: ItemType("f", 8),
    12: ItemType("u", 4),
    13: ItemType("u", 8),
    14: ItemType("c", 8),
    15: ItemType("c", 16),
    16: ItemType("B", 2),
}


_MESSAGES: Messages = {
    "model": {
        1: MessageField("ir_version", "int"),
        2: MessageField("producer_name", "text"),
        3: MessageField("producer_version", "text"),
        4: MessageField("domain", "text"),
        5: MessageField("model_version", "int"),
        6: MessageField("doc_string", "text"),
        7: MessageField("graph", "graph"),
        8: MessageField("opset_import", "opset", True),
        14: MessageField("metadata_props", "entry", True),
        25: MessageField("functions", "function", True),
    },
    "opset": {1: MessageField("domain", "text"), 2: MessageField("version", "int")},
    "entry": {1: MessageField("key", "text"), 2: MessageField("value", "text")},
    "function": {
        1: MessageField("name", "text"),
        4: MessageField("input", "text", True),
        5: MessageField("output", "text", True),
        6: MessageField("attribute", "text", True),
        7: MessageField("node", "node", True),
        10: MessageField("domain", "text"),
        11: MessageField("attribute_proto", "attribute", True),
    },
    "graph": {
        1: MessageField("node", "node", True),
        2: MessageField("name", "text"),
        5: MessageField("initializer", "tensor", True),
        10: MessageField("doc_string", "text"),
    },
    "node": {
        1: MessageField("input", "text", True),
        2: MessageField("output", "text", True),
        3: MessageField("name", "text"),
        4: MessageField("op_type", "text"),
        5: MessageField("attribute", "attribute", True),
        6: MessageField("doc_string", "text"),
        7: MessageField("domain", "text"),
    },
    "attribute": {
        1: MessageField("name", "text"),
        2: MessageField("f", "float"),
        3: MessageField("i", "int"),
        4: MessageField("s", "text"),
        5: MessageField("t", "tensor"),
        6: MessageField("g", "graph"),
        7: MessageField("floats", "float", True),
        8: MessageField("ints", "int", True),
        9: MessageField("strings", "text", True),
        10: MessageField("tensors", "tensor", True),
        11: MessageField("graphs", "graph", True),
        20: MessageField("type", "int"),
    },
    "tensor": {
        1: MessageField("dims", "int", True),
        2: MessageField("data_type", "int"),
        4: MessageField("float_data", "float", True),
        5: MessageField("int32_data", "int", True),
        6: MessageField("string_data", "text", True),
        7: MessageField("int64_data", "int", True),
        8: MessageField("name", "text"),
        9: MessageField("raw_data", "bytes"),
        10: MessageField("double_data", "double", True),
        11: MessageField("uint64_data", "int", True),
        12: MessageField("doc_string", "text"),
        13: MessageField("external_data", "entry", True),
        14: MessageField("data_location", "int"),
    },
}


def read_onnx(data: bytes) -> Any:
    """The model as plain values, its tensors as arrays; fields that are not known stay bytes.

    Raises:
        ValueError: it is none.
    """
    found = MessageReader(_MESSAGES, _with_array).read_message(data, "model")
    graph = found.get("graph")
    if not isinstance(graph, dict):
        raise ValueError("it is not an ONNX model")
    if _DRAWN.fullmatch(graph.get("name", "")):
        del graph["name"]  # drawn at random by the converter
    return found


def _with_array(message: str, tensor: dict[str, Any]) -> dict[str, Any]:
    """A tensor whose raw bytes are an array; another message as it is."""
    if message != "tensor":
        return tensor
    item = _TYPES.get(tensor.get("data_type", 0))
    raw = tensor.get("raw_data")
    if item is None or not raw:
        return tensor
    array: TypedArray = make_array(item, tensor.get("dims", []), raw)
    return {**tensor, "raw_data": array}
