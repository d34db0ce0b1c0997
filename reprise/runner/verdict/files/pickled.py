"""What well-known objects of a pickle are: arrays of NumPy and joblib, sets, bytes, dates."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import zlib
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, BinaryIO

from reprise.runner.verdict.files.arrays import (
    LARGEST,
    ItemField,
    ItemType,
    TypedArray,
    make_array,
    read_item_type,
)
from reprise.runner.verdict.files.objects import Entries, GlobalName, InertObject, Unordered
from reprise.runner.verdict.files.pickles import UnreadablePickle, read_pickle

_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"


def read_pickled(data: bytes) -> Any:
    """The values of a file of pickle, of joblib or of cloudpickle, compressed or not.

    Raises:
        UnreadablePickle: it is none, or is not followed.
    """
    stream = io.BytesIO(_unpack_data(data))
    value = read_pickle(stream, continued=_continue_array)
    if stream.tell() != len(stream.getbuffer()):
        raise UnreadablePickle("there is data after its end")
    return value


def _unpack_data(data: bytes) -> bytes:
    """Decompress joblib's formats, recognised by the first bytes."""
    openers: dict[bytes, Callable[[BinaryIO], BinaryIO]] = {
        b"\x1f\x8b": gzip.open,  # type: ignore[dict-item]
        b"BZh": bz2.open,  # type: ignore[dict-item]
        b"\xfd7zXZ": lzma.open,  # type: ignore[dict-item]
        b"\x5d\x00": lzma.open,  # type: ignore[dict-item]
    }
    if data[:1] == b"\x78" and int.from_bytes(data[:2]) % 31 == 0:  # the header of zlib
        unpacker = zlib.decompressobj()
        found = unpacker.decompress(data, LARGEST)
        return _join_data(found, unpacker.unconsumed_tail)
    for magic, opener in openers.items():
        if data.startswith(magic):
            with opener(io.BytesIO(data)) as stream:
                return _join_data(stream.read(LARGEST), stream.read(1))
    return data


def _join_data(data: bytes, rest: bytes) -> bytes:
    if rest:
        raise UnreadablePickle(f"it holds more than {LARGEST >> 20} MiB")
    return data


def _continue_array(made: InertObject, stream: BinaryIO) -> Any:
    """The array that joblib writes behind its wrapper, where ``made`` is one."""
    if made.describe != _WRAPPER:
        return made
    state = {str(name): value for name, value in made.state.pairs}
    item = known_meaning(state["dtype"])
    if not isinstance(item, ItemType):  # objects: a pickle of its own follows
        return read_pickle(stream, continued=_continue_array)
    if state.get("numpy_array_alignment_bytes") is not None:
        stream.read(stream.read(1)[0])
    shape = tuple(map(int, state["shape"]))
    size = math.prod(shape) * item.size
    if not 0 <= size <= LARGEST:
        raise UnreadablePickle("it claims an array that is larger than what is looked into")
    data = stream.read(size)
    return make_array(item, shape, data, is_fortran=state.get("order") == "F")


def known_meaning(made: Any) -> Any:
    """The plain value that unpickling would make, or ``made`` itself where it is not known."""
    if not isinstance(made, InertObject) or not isinstance(made.maker, GlobalName):
        return made
    read = _MEANINGS.get((made.maker.module.replace("numpy._core", "numpy.core"), made.maker.name))
    if read is None:
        return made
    try:
        return read(made)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError):
        return made  # it is compared as what it was made of


def _make_array(made: InertObject) -> Any:
    """An array; of a class of its own with the name of that."""
    _version, shape, item_type, is_fortran, items = made.state
    found: Any = [tuple(shape), items]
    if not isinstance(items, list):
        found = make_array(known_meaning(item_type), shape, _bytes_of(items), is_fortran=bool(is_fortran))
    kind = made.arguments[0]
    return found if kind == GlobalName("numpy", "ndarray") else (kind, found)


def _array_of_buffer(made: InertObject) -> TypedArray:
    buffer, item_type, shape, order = made.arguments
    return make_array(known_meaning(item_type), shape, _bytes_of(buffer), is_fortran=order == "F")


def _make_scalar(made: InertObject) -> TypedArray:
    item_type, data = made.arguments
    return make_array(known_meaning(item_type), (), _bytes_of(data))


def _item_type(made: InertObject) -> Any:
    text = str(made.arguments[0])
    if text.startswith("O"):
        return made
    _version, order, part, names, fields, size, *_rest = made.state or (3, "|", None, None, None, -1)
    if part is not None:
        inner, shape = part
        return known_meaning(inner)._replace(shape=tuple(shape))
    if names is None:
        item = read_item_type(text)
        return item if order == "|" else read_item_type(f"{order}{text.lstrip('<>|=')}")
    places = dict(fields.pairs if isinstance(fields, Entries) else ())
    members = [ItemField(str(name), known_meaning(places[name][0]), int(places[name][1])) for name in names]
    return ItemType("V", int(size), fields=tuple(members))


def _bytes_of(value: Any) -> bytes:
    found = known_meaning(value)
    if not isinstance(found, bytes):
        raise TypeError("these are not bytes")
    return found


def _encode_text(made: InertObject) -> bytes:
    """As protocol 2 writes bytes: a text, and its encoding."""
    return made.arguments[0].encode("latin-1") if made.arguments else b""


def _make_bytearray(made: InertObject) -> bytes:
    if not made.arguments:
        return b""
    first = known_meaning(made.arguments[0])
    return first if isinstance(first, bytes) else str(first).encode("latin-1")


def _make_unordered(made: InertObject) -> Unordered:
    return Unordered(list(made.arguments[0]) if made.arguments else [])


def _make_moment(made: InertObject) -> Any:
    """A date or time as its text; a time zone stays beside it."""
    state = _bytes_of(made.arguments[0])
    kinds: dict[str, Callable[[bytes], date | time]] = {
        "datetime": datetime,  # type: ignore[dict-item]
        "date": date,  # type: ignore[dict-item]
        "time": time,  # type: ignore[dict-item]
    }
    assert isinstance(made.maker, GlobalName)
    return (kinds[made.maker.name](state).isoformat(), *made.arguments[1:])


def _make_path(made: InertObject) -> str:
    first, *rest = map(str, made.arguments)
    return first + "/".join(rest) if first == "/" else "/".join([first, *rest])


_MEANINGS: dict[tuple[str, str], Callable[[InertObject], Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _make_array,
    ("numpy.core.numeric", "_frombuffer"): _array_of_buffer,
    ("numpy.core.multiarray", "scalar"): _make_scalar,
    ("numpy", "dtype"): _item_type,
    ("_codecs", "encode"): _encode_text,
    ("builtins", "bytes"): _encode_text,
    ("__builtin__", "bytes"): _encode_text,
    ("builtins", "bytearray"): _make_bytearray,
    ("__builtin__", "bytearray"): _make_bytearray,
    ("builtins", "set"): _make_unordered,
    ("__builtin__", "set"): _make_unordered,
    ("builtins", "frozenset"): _make_unordered,
    ("__builtin__", "frozenset"): _make_unordered,
    ("datetime", "datetime"): _make_moment,
    ("datetime", "date"): _make_moment,
    ("datetime", "time"): _make_moment,
    ("decimal", "Decimal"): lambda made: Decimal(made.arguments[0]),
    ("pathlib", "PosixPath"): _make_path,
    ("pathlib._local", "PosixPath"): _make_path,
}
