"""Runs beside the run's libraries, which we may lack: reads files of their kinds and writes down what they
hold.

    python reading.py REQUESTS

REQUESTS is a file of JSON: a list of {"kind": ..., "file": ..., "result": ...}. What a file holds becomes
the files RESULT.bin (the bytes of all arrays) and then RESULT.json, or RESULT.json says in "error" why not,
and in
"missing" which library is not there. Nothing of the files is executed: no object is unpickled, no plugin is
loaded. It imports nothing of reprise, for the environment need not have it.
"""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any, BinaryIO

LARGEST = 1 << 28  # bytes of one file's content

_LONGEST = 300  # characters of what went wrong
_EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}  # modes that are the same image as RGBA
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")  # no others: those of PostScript start programs
_PNG_DEPTH = 24  # where its first chunk, of a fixed form, has the bits of a channel
_TIFF_DEPTH = 258


class Blob:
    """The bytes of all arrays of one file, one behind the other."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.size = 0

    def keep_array(self, type_: str, shape: Any, data: bytes) -> dict[str, Any]:
        """The place of an array; ``type_`` is in NumPy's letters."""
        begin, self.size = self.size, self.size + len(data)
        if self.size > LARGEST:
            raise ValueError("it holds more than is looked into")
        self.stream.write(data)
        return {"$array": [type_, [int(size) for size in shape], begin, self.size]}


def read_image(data: bytes, blob: Blob) -> Any:
    """All frames: their pixels, and what else decides how they are seen."""
    from PIL import Image, ImageSequence

    warnings.simplefilter("error")  # a decompression bomb, a truncated file
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        frames = []
        for frame in ImageSequence.Iterator(image):
            mode = "RGBA" if frame.mode in _EIGHT_BITS else frame.mode
            pixels = (frame.convert("RGBA") if mode == "RGBA" else frame).tobytes()
            shape = (frame.height, frame.width, 4) if mode == "RGBA" else (frame.height, frame.width, -1)
            width = len(pixels) // max(1, frame.height * frame.width)
            seen = frame.info.get("transparency") if mode != "RGBA" else None
            frames.append(
                {
                    "mode": mode,
                    "duration": frame.info.get("duration"),
                    "transparency": to_plain(seen, blob),
                    "pixels": blob.keep_array("|u1", (*shape[:2], width), pixels),
                }
            )
        return {"has_more_bits": _has_more_bits(image, data), "frames": frames}


def _has_more_bits(image: Any, data: bytes) -> bool:
    """Colours of 16 bits are cut to 8 when they are read, and what was cut could differ."""
    if image.mode not in _EIGHT_BITS:
        return False
    if image.format == "PNG":
        return data[_PNG_DEPTH] == 16
    bits = getattr(image, "tag_v2", {}).get(_TIFF_DEPTH, (8,))
    return bool(max(bits if isinstance(bits, tuple) else (bits,)) > 8)


def read_hdf5(data: bytes, blob: Blob) -> Any:
    """Groups and datasets by their names, with their attributes. Links to other files are not followed."""
    import h5py

    with h5py.File(io.BytesIO(data), "r") as file:
        return _read_group(file["/"], [file["/"]], blob)


def _read_group(group: Any, above: list[Any], blob: Blob) -> dict[str, Any]:
    """What is in a group; ``above`` are those that it is in, and itself."""
    import h5py

    found = _read_attributes(group, blob)
    for name in sorted(group):
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            found[name] = f"{type(link).__name__} to {link.path} {getattr(link, 'filename', '')}".strip()
            continue
        item = group[name]
        if isinstance(item, h5py.Dataset):
            attributes = _read_attributes(item, blob)
            values = _read_dataset(item, blob)
            found[name] = {**attributes, "values": values} if attributes else values
        elif any(item == known for known in above):
            found[name] = "a group that it is in"
        elif isinstance(item, h5py.Group):
            found[name] = _read_group(item, [*above, item], blob)
    return found


def _read_attributes(item: Any, blob: Blob) -> dict[str, Any]:
    found = {str(name): to_plain(item.attrs[name], blob) for name in sorted(item.attrs)}
    return {"(attributes)": found} if found else {}


def _read_dataset(item: Any, blob: Blob) -> Any:
    if item.is_virtual or item.external:
        raise ValueError("it holds data of other files")
    if item.shape is not None and item.size * item.dtype.itemsize > LARGEST:
        raise ValueError("it holds more than is looked into")
    return to_plain(item[()] if item.shape is not None else None, blob)


def read_arrow(data: bytes, blob: Blob) -> Any:
    """The columns of a file of Parquet, Arrow, Feather or ORC, and what its schema says beside them."""
    import pyarrow as arrow

    source = arrow.BufferReader(data)
    if data[:4] == b"PAR1":
        import pyarrow.parquet as parquet

        file = parquet.ParquetFile(source)
        facts = file.metadata
        sizes = (facts.row_group(number).total_byte_size for number in range(facts.num_row_groups))
        if sum(sizes) > LARGEST or facts.num_rows > LARGEST:
            raise ValueError("it holds more than is looked into")
        table = file.read()
    elif data[:3] == b"ORC":
        from pyarrow import orc

        table = orc.ORCFile(source).read()
    elif data[:4] == b"FEA1":
        from pyarrow import feather

        table = feather.read_table(source)
    elif data[:6] == b"ARROW1":
        table = arrow.ipc.open_file(source).read_all()
    else:
        table = arrow.ipc.open_stream(source).read_all()
    if table.nbytes > LARGEST:
        raise ValueError("it holds more than is looked into")
    return {
        "columns": {f"{name}": _read_column(table.column(name), blob) for name in table.column_names},
        "types": {field.name: str(field.type) for field in table.schema},
        "metadata": _read_metadata(table.schema.metadata or {}),
    }


def _read_column(column: Any, blob: Blob) -> Any:
    import pyarrow as arrow

    kind = column.type
    is_number = arrow.types.is_integer(kind) or arrow.types.is_floating(kind)
    if is_number and column.null_count == 0:
        return to_plain(column.combine_chunks().to_numpy(zero_copy_only=False), blob)
    return [to_plain(item, blob) for item in column.to_pylist()]


def _read_metadata(found: dict[bytes, bytes]) -> dict[str, Any]:
    """What a writer keeps beside the columns; of pandas without its version."""
    texts = {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in found.items()
    }
    if "pandas" in texts:
        facts = json.loads(texts["pandas"])
        kept = {key: facts[key] for key in facts if key not in ("pandas_version", "creator")}
        texts["pandas"] = json.dumps(kept, sort_keys=True)
    return {name: value for name, value in texts.items() if name != "ARROW:schema"}


def to_plain(value: Any, blob: Blob) -> Any:
    """Return a value for JSON; arrays and bytes are in ``blob``."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": blob.keep_array("|u1", (len(value),), bytes(value))["$array"][2:]}
    if isinstance(value, (list, tuple)):
        return [to_plain(item, blob) for item in value]
    if isinstance(value, dict):
        return {"$pairs": [[to_plain(key, blob), to_plain(inner, blob)] for key, inner in value.items()]}
    if getattr(value, "shape", ()) is None:  # HDF5's way to say that there is nothing
        return None
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind and kind in "biufcSUMm":
        return blob.keep_array(value.dtype.str, value.shape, value.tobytes())
    if kind == "V" and value.dtype.names and not value.dtype.hasobject:
        return {"$pairs": [[name, to_plain(value[name], blob)] for name in value.dtype.names]}
    if kind == "O" and hasattr(value, "tolist"):
        return to_plain(value.tolist(), blob)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


def read_matlab(data: bytes, blob: Blob) -> Any:
    """The variables by their names, without the head, which says when it was written."""
    from scipy.io import loadmat

    found = loadmat(io.BytesIO(data), squeeze_me=False, struct_as_record=False)
    return {name: _read_variable(value, blob) for name, value in found.items() if not name.startswith("__")}


def _read_variable(value: Any, blob: Blob) -> Any:
    """An array; of structs and cells what is in them."""
    if hasattr(value, "_fieldnames"):
        return {name: _read_variable(getattr(value, name), blob) for name in value._fieldnames}
    if getattr(getattr(value, "dtype", None), "kind", "") == "O":
        return {"shape": list(value.shape), "items": [_read_variable(item, blob) for item in value.flat]}
    return to_plain(value, blob)


READERS = {"image": read_image, "hdf5": read_hdf5, "arrow": read_arrow, "matlab": read_matlab}


def perform_request(request: dict[str, str]) -> None:
    """Read a file; errors are in its result."""
    result = Path(request["result"])
    try:
        with result.with_suffix(".bin").open("wb") as stream:
            found = {"value": READERS[request["kind"]](Path(request["file"]).read_bytes(), Blob(stream))}
    except ImportError as error:
        found = {"missing": str(error.name or error)}
    except Exception as error:  # of whatever a library makes of a damaged file
        found = {"error": " ".join((str(error) or type(error).__name__).split())[:_LONGEST]}
    waiting = result.with_suffix(".part")
    waiting.write_text(json.dumps(found), encoding="utf-8")
    os.replace(waiting, result.with_suffix(".json"))  # noqa: PTH105 -- it says that both files are whole


if __name__ == "__main__":
    for asked in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        perform_request(asked)
