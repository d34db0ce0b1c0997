"""Models of ONNX: messages of protobuf, read by the fields that hold names and numbers."""

from __future__ import annotations

import re
from typing import Any

from reprise.runner.verdict.files.arrays import ItemType, TypedArray, make_array
from reprise.runner.verdict.files.protobuf import Field, MessageReader, Messages

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
        1: Field("ir_version", "int"),
        2: Field("producer_name", "text"),
        3: Field("producer_version", "text"),
        4: Field("domain", "text"),
        5: Field("model_version", "int"),
        6: Field("doc_string", "text"),
        7: Field("graph", "graph"),
        8: Field("opset_import", "opset", True),
        14: Field("metadata_props", "entry", True),
        25: Field("functions", "function", True),
    },
    "opset": {1: Field("domain", "text"), 2: Field("version", "int")},
    "entry": {1: Field("key", "text"), 2: Field("value", "text")},
    "function": {
        1: Field("name", "text"),
        4: Field("input", "text", True),
        5: Field("output", "text", True),
        6: Field("attribute", "text", True),
        7: Field("node", "node", True),
        10: Field("domain", "text"),
        11: Field("attribute_proto", "attribute", True),
    },
    "graph": {
        1: Field("node", "node", True),
        2: Field("name", "text"),
        5: Field("initializer", "tensor", True),
        10: Field("doc_string", "text"),
    },
    "node": {
        1: Field("input", "text", True),
        2: Field("output", "text", True),
        3: Field("name", "text"),
        4: Field("op_type", "text"),
        5: Field("attribute", "attribute", True),
        6: Field("doc_string", "text"),
        7: Field("domain", "text"),
    },
    "attribute": {
        1: Field("name", "text"),
        2: Field("f", "float"),
        3: Field("i", "int"),
        4: Field("s", "text"),
        5: Field("t", "tensor"),
        6: Field("g", "graph"),
        7: Field("floats", "float", True),
        8: Field("ints", "int", True),
        9: Field("strings", "text", True),
        10: Field("tensors", "tensor", True),
        11: Field("graphs", "graph", True),
        20: Field("type", "int"),
    },
    "tensor": {
        1: Field("dims", "int", True),
        2: Field("data_type", "int"),
        4: Field("float_data", "float", True),
        5: Field("int32_data", "int", True),
        6: Field("string_data", "text", True),
        7: Field("int64_data", "int", True),
        8: Field("name", "text"),
        9: Field("raw_data", "bytes"),
        10: Field("double_data", "double", True),
        11: Field("uint64_data", "int", True),
        12: Field("doc_string", "text"),
        13: Field("external_data", "entry", True),
        14: Field("data_location", "int"),
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
        raise ValueError("it is no model of ONNX")
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
