"""Checkpoints of PyTorch, without executing them: a pickle, and the storages of its tensors."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.files.arrays import LARGEST, ItemType, TypedArray, gather_items
from reprise.runner.verdict.files.objects import GlobalName, InertObject
from reprise.runner.verdict.files.pickled import known_meaning
from reprise.runner.verdict.files.pickles import UnreadablePickle, read_pickle

PICKLE = "data.pkl"

_TYPES = {
    "DoubleStorage": ItemType("f", 8),
    "FloatStorage": ItemType("f", 4),
    "HalfStorage": ItemType("f", 2),
    "BFloat16Storage": ItemType("B", 2),
    "LongStorage": ItemType("i", 8),
    "IntStorage": ItemType("i", 4),
    "ShortStorage": ItemType("i", 2),
    "CharStorage": ItemType("i", 1),
    "ByteStorage": ItemType("u", 1),
    "UntypedStorage": ItemType("u", 1),
    "BoolStorage": ItemType("b", 1),
    "ComplexFloatStorage": ItemType("c", 8),
    "ComplexDoubleStorage": ItemType("c", 16),
}
_LEGACY = 0x1950A86A20F9469CFC6C
"""The number that the first of the pickles of a checkpoint before PyTorch 1.6 holds."""


class Storage(NamedTuple):
    """The numbers that tensors share; ``read`` gives their bytes."""

    item: ItemType
    read: Callable[[], bytes]


def find_root(names: Mapping[str, object]) -> str | None:
    """The folder of a zip file that is a checkpoint, with its slash; None where it is none."""
    roots = [name.removesuffix(PICKLE) for name in names if name == PICKLE or name.endswith(f"/{PICKLE}")]
    return roots[0] if len(roots) == 1 and f"{roots[0]}version" in names else None


def read_checkpoint(members: Mapping[str, bytes], root: str) -> Any:
    """What a checkpoint holds, by the ``members`` of its zip file.

    Raises:
        UnreadablePickle: its pickle is not followed.
    """
    order = ">" if members.get(f"{root}byteorder", b"").strip() == b"big" else "<"

    def read_storage(key: Any) -> Any:
        item, name = _describe_storage(key)
        return Storage(item._replace(order=order), partial(members.__getitem__, f"{root}data/{name}"))

    return read_pickle(io.BytesIO(members[f"{root}{PICKLE}"]), persistent=read_storage)


def is_legacy(data: bytes) -> bool:
    """Whether it is a checkpoint as PyTorch wrote them before 1.6."""
    return _LEGACY.to_bytes(10, "little") in data[:32]


def read_legacy(data: bytes) -> Any:
    """Return the content of an old checkpoint: five pickles, then the storages in the order of the last
    one.

    Raises:
        UnreadablePickle: it is not followed.
    """
    stream = io.BytesIO(data)
    types: dict[str, ItemType] = {}
    storages: dict[str, bytes] = {}

    def find_storage(key: Any) -> Any:
        types[str(key[2])], _ = _describe_storage(key)
        return Storage(types[str(key[2])], partial(storages.__getitem__, str(key[2])))

    _magic, _protocol, _system = (read_pickle(stream) for _ in range(3))
    value = read_pickle(stream, persistent=find_storage)
    for name in read_pickle(stream):
        size = int.from_bytes(stream.read(8), "little") * types[str(name)].size
        if size > LARGEST:
            raise UnreadablePickle("it claims a storage that is larger than what is looked into")
        storages[str(name)] = stream.read(size)
    return value


def _describe_storage(key: Any) -> tuple[ItemType, str]:
    """The type of the items, and the name, of a storage."""
    word, kind, name, *_ = key
    if word != "storage" or not isinstance(kind, GlobalName) or kind.name not in _TYPES:
        raise UnreadablePickle(f"it holds storages of an unknown kind: {kind}")
    return _TYPES[kind.name], str(name)


def tensor_meaning(made: Any) -> Any:
    """The array that a tensor is, and what :func:`known_meaning` knows."""
    if not isinstance(made, InertObject) or not isinstance(made.maker, GlobalName):
        return made
    if made.maker.module != "torch._utils":
        return known_meaning(made)
    if made.maker.name in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
        return tensor_meaning(made.arguments[0])
    if made.maker.name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
        return _make_tensor(made)
    return made


def _make_tensor(made: InertObject) -> Any:
    storage, offset, shape, steps, *_rest = made.arguments
    if not isinstance(storage, Storage):
        return made
    item = storage.item
    data = gather_items(storage.read(), item.size, offset, shape, steps)
    if len(data) != math.prod(shape) * item.size:
        raise UnreadablePickle("a tensor is larger than its storage")
    return TypedArray(item, tuple(shape), data)
