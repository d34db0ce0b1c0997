"""Checkpoints of PyTorch, written as it writes them: tensors are compared, nothing is loaded."""

from __future__ import annotations

import io
import pickle
import sys
import types
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from reprise.runner.verdict.files.compare_files import compare_files
from tests.runner.verdict.files.here import CLOSE, DIVERGED, EXACTLY, IDENTICAL, UNKNOWN, WITHIN, compared

WEIGHTS = np.arange(12, dtype="<f4").reshape(3, 4) / 7


class Stored:
    """A storage, by its key; ``kind`` is a class of the module torch."""

    def __init__(self, kind: type, key: str, data: bytes) -> None:
        self.kind, self.key, self.data = kind, key, data


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a pickle of PyTorch names: classes of storages, and the function that makes a tensor."""
    module, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def rebuild(*_: Any) -> None: ...

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild  # type: ignore[attr-defined]
    for name in ("FloatStorage", "HalfStorage", "BFloat16Storage", "LongStorage", "BoolStorage"):
        setattr(module, name, type(name, (), {"__module__": "torch"}))
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return module


class Tensor:
    """As much of one as is pickled; ``step`` are its strides."""

    def __init__(self, stored: Stored, shape: Sequence[int], step: Sequence[int], offset: int = 0) -> None:
        self.arguments: tuple[Any, ...] = (stored, offset, tuple(shape), tuple(step), False, {})

    def __reduce__(self) -> Any:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


def tensor(torch: Any, key: str, array: Any, kind: str = "FloatStorage") -> Tensor:
    step = [stride // array.itemsize for stride in array.strides]
    base = array if array.base is None else array.base
    return Tensor(Stored(getattr(torch, kind), key, base.tobytes()), array.shape, step)


def pickled(value: Any, protocol: int = 2) -> tuple[bytes, dict[str, bytes]]:
    out, storages = io.BytesIO(), {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, item: Any) -> Any:
            if not isinstance(item, Stored):
                return None
            storages[item.key] = item.data
            return ("storage", item.kind, item.key, "cpu", 1)

    Pickler(out, protocol).dump(value)
    return out.getvalue(), storages


def checkpoint(value: Any, root: str = "archive", year: int = 2024) -> bytes:
    data, storages = pickled(value)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        members = {"data.pkl": data, "byteorder": b"little", "version": b"3\n"}
        members |= {f"data/{key}": item for key, item in storages.items()}
        for name, item in {**members, ".data/serialization_id": str(year).encode()}.items():
            archive.writestr(zipfile.ZipInfo(f"{root}/{name}", (year, 1, 1, 0, 0, 0)), item)
    return out.getvalue()


def legacy(value: Any) -> bytes:
    """As PyTorch wrote them before 1.6."""
    data, storages = pickled(value)
    head = (pickle.dumps(item, 2) for item in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    sizes = {key: len(item) // 4 for key, item in storages.items()}
    tail = b"".join(sizes[key].to_bytes(8, "little") + storages[key] for key in sorted(storages))
    return b"".join([*head, data, pickle.dumps(sorted(storages), 2), tail])


@pytest.mark.parametrize("write", [checkpoint, legacy])
def test_weights(torch: Any, write: Any) -> None:
    state = {"epoch": 3, "w": tensor(torch, "0", WEIGHTS)}
    one = write(state)
    near = write({**state, "w": tensor(torch, "0", WEIGHTS * np.float32(1 + 1e-6))})
    other = write({**state, "w": tensor(torch, "0", WEIGHTS + np.float32(1))})
    assert compared("m.pt", one, near) is DIVERGED
    assert compared("m.pt", one, near, CLOSE) is WITHIN
    assert compared("m.pt", one, other, CLOSE) is DIVERGED
    assert compared("m.pt", one, write({**state, "epoch": 4}), CLOSE) is DIVERGED
    assert compared("m.pt", one, write({**state, "train_time": 0.1})) is DIVERGED
    timed = [write({**state, "train_time": time}) for time in (0.1, 0.2)]
    assert compared("m.pt", *timed) is IDENTICAL
    found = compare_files("m.pt", one, other, CLOSE)
    assert (found.where, found.note) == ("w[0, 0]", "1.0, was 0.0; 12 numbers differ by up to 1")


def test_names_of_folders_and_order_in_storage_do_not_count(torch: Any) -> None:
    value = {"w": tensor(torch, "0", WEIGHTS)}
    assert compared("m.pt", checkpoint(value), checkpoint(value, "model_2", 2025)) is IDENTICAL
    assert compared("m.bin", checkpoint(value), checkpoint(value, year=2025)) is IDENTICAL
    turned = {"w": tensor(torch, "0", np.ascontiguousarray(WEIGHTS.T).T)}
    assert compared("m.pt", checkpoint(value), checkpoint(turned)) is IDENTICAL
    part = {"w": Tensor(Stored(torch.FloatStorage, "0", b"\0" * 8 + WEIGHTS.tobytes()), (3, 4), (4, 1), 2)}
    assert compared("m.pt", checkpoint(value), checkpoint(part)) is IDENTICAL


@pytest.mark.parametrize(
    ("kind", "one", "near"),
    [
        ("HalfStorage", np.array([1.0], "<f2"), np.array([1.0 + 2**-10], "<f2")),
        ("BFloat16Storage", np.array([0x3F80], "<u2"), np.array([0x3F81], "<u2")),
    ],
)
def test_short_floats(torch: Any, kind: str, one: Any, near: Any) -> None:
    a, b = (checkpoint({"w": tensor(torch, "0", array, kind)}) for array in (one, near))
    loose = EXACTLY._replace(closeness=CLOSE.closeness._replace(rel=0.01))
    assert (compared("m.pt", a, b), compared("m.pt", a, b, loose)) == (DIVERGED, WITHIN)


def test_hostile_ones_are_not_comparable(torch: Any) -> None:
    value = {"w": tensor(torch, "0", WEIGHTS)}
    for shape, step, offset in (((10**9, 10**9), (0, 0), 0), ((3, 4), (40, 1), 0), ((3, 4), (4, 1), 10**9)):
        hostile = Tensor(Stored(torch.FloatStorage, "0", WEIGHTS.tobytes()), shape, step, offset)
        assert compared("m.pt", checkpoint(value), checkpoint({"w": hostile})) is UNKNOWN
    assert compared("m.pt", legacy(value), legacy(value)[:-5]) is UNKNOWN
