"""Files by kind: what they are about is compared, any change of it is found, and nothing is guessed."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.files.compare_files import compare_files
from reprise.runner.verdict.values import Agreement
from reprise.schemas.tolerance import Closeness
from tests.runner.verdict.files.here import (
    CLOSE,
    DIVERGED,
    IDENTICAL,
    UNKNOWN,
    WITHIN,
    compared,
)

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [found for name, inner in value.items() for found in leaves(inner, (*path, name))]
    if isinstance(value, list):
        return [found for number, inner in enumerate(value) for found in leaves(inner, (*path, number))]
    return [path]


def with_leaf(value: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    if not path:
        return leaf
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_leaf(value[path[0]], path[1:], leaf)
    return copy


@given(VALUES)
def test_json_written_otherwise_is_the_same(value: Any) -> None:
    one, other = json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    assert compared("x.json", one, other) is IDENTICAL


@given(VALUES.filter(lambda value: leaves(value) != []), st.data())
def test_any_other_value_in_json_is_found(value: Any, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(leaves(value)))
    leaf = data.draw(LEAVES)
    other = with_leaf(value, path, leaf)
    one, two = json.dumps(value), json.dumps(other)
    assert (compared("x.json", one, two) is IDENTICAL) == (one == two)


@pytest.mark.parametrize(
    ("a", "b", "exactly", "closely"),
    [
        ('{"a": 1.0}', '{"a": 1.00}', IDENTICAL, IDENTICAL),
        ('{"a": 1}', '{"a": 1.0}', WITHIN, WITHIN),
        ('{"a": 1}', '{"a": true}', DIVERGED, DIVERGED),
        ('{"a": 0.1}', '{"a": 0.1000000000000000055511}', DIVERGED, WITHIN),
        ('{"a": 9007199254740993}', '{"a": 9007199254740992}', DIVERGED, WITHIN),
        ('{"a": 1.0}', '{"a": 1.1}', DIVERGED, DIVERGED),
        ('{"a": NaN}', '{"a":  NaN}', IDENTICAL, IDENTICAL),
        ('{"a": 1, "a": 2}', '{"a": 3, "a": 2}', DIVERGED, DIVERGED),
        ('{"a": [1, 2]}', '{"a": [2, 1]}', DIVERGED, DIVERGED),
        ('{"a": null}', "{}", DIVERGED, DIVERGED),
        ("{broken", "{brok en", DIVERGED, DIVERGED),
    ],
)
def test_json(a: str, b: str, exactly: Agreement, closely: Agreement) -> None:
    assert compared("x.json", a, b) is exactly
    assert compared("x.json", a, b, CLOSE) is closely


def test_json_says_where() -> None:
    found = compare_files("x.json", b'{"a": [{"b": 1}]}', b'{"a": [{"b": 2}]}', Looking())
    assert (found.where, found.note) == ("a[0] -> b", "2, was 1")


@given(st.lists(st.lists(st.text(max_size=4), min_size=2, max_size=3), min_size=1, max_size=4), st.data())
def test_any_other_cell_is_found(rows: list[list[str]], data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(rows[row]) - 1))
    other = [list(cells) for cells in rows]
    other[row][column] = data.draw(st.text(max_size=4))
    one, two = (written(table) for table in (rows, other))
    assert (compared("x.csv", one, two) is IDENTICAL) == (one == two)


def written(rows: list[list[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize(
    ("a", "b", "exactly", "closely"),
    [
        ("x,y\n1,0.5\n", "x,y\n1,0.5000001\n", DIVERGED, WITHIN),
        ("x,y\n1,0.5\n", "x,y\n1,0.50\n", WITHIN, WITHIN),
        ("x\n007\n", "x\n7\n", WITHIN, WITHIN),
        ('x\n"a"\n', "x\na\n", WITHIN, WITHIN),
        ("x\n1\n", "x\n1\n2\n", DIVERGED, DIVERGED),
        ("x\n2024-05-01\n", "x\n2024-05-02\n", DIVERGED, DIVERGED),
        ("x\n2024-05-01 10:00:00\n", "x\n2024-05-02 11:00:00\n", DIVERGED, DIVERGED),
    ],
)
def test_csv(a: str, b: str, exactly: Agreement, closely: Agreement) -> None:
    assert compared("x.csv", a, b) is exactly
    assert compared("x.csv", a, b, CLOSE) is closely


def png(pixels: Any, mode: str | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(np.asarray(pixels, "uint8"))
    (image.convert(mode) if mode else image).save(out, "PNG", **options)
    return out.getvalue()


PIXELS = np.random.default_rng(1).integers(0, 255, (4, 5, 3), dtype="uint8")


def test_images_are_their_pixels() -> None:
    facts = PngImagePlugin.PngInfo()
    facts.add_text("Software", "another one")
    assert compared("x.png", png(PIXELS), png(PIXELS, pnginfo=facts, compress_level=1)) is IDENTICAL
    assert compared("x.png", png(PIXELS), png(PIXELS[:, :4])) is DIVERGED
    assert compared("x.png", png(PIXELS), png(PIXELS)[:-30]) is UNKNOWN
    assert compared("x.png", png(PIXELS), "no image") is DIVERGED


@given(st.integers(0, 3), st.integers(0, 4), st.integers(0, 2), st.integers(1, 255))
def test_any_other_pixel_is_found(row: int, column: int, channel: int, amount: int) -> None:
    other = PIXELS.copy()
    other[row, column, channel] = (int(other[row, column, channel]) + amount) % 256
    distance = abs(int(other[row, column, channel]) - int(PIXELS[row, column, channel]))
    assert compared("x.png", png(PIXELS), png(other)) is DIVERGED
    assert (
        compared("x.png", png(PIXELS), png(other), CLOSE._replace(closeness=Closeness(0, distance)))
        is WITHIN
    )


def test_bits_that_are_not_read_are_not_called_the_same() -> None:
    """A PNG with 16 bits for each colour, whose low bits differ: readers make 8 bits of it."""
    import struct
    import zlib

    def deep(low: int) -> bytes:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        head = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
        pixel = zlib.compress(b"\0" + bytes([10, low, 20, low, 30, low]))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")

    assert compared("x.png", deep(1), deep(2)) is UNKNOWN


def npy(array: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


@given(st.integers(0, 5), st.floats(width=64))
def test_any_other_value_in_an_array_is_found(index: int, value: float) -> None:
    array = np.arange(6.0)
    other = array.copy()
    other[index] = value
    same = np.array_equal(array, other, equal_nan=True)
    assert (compared("x.npy", npy(array), npy(other)) is IDENTICAL) == same


def test_arrays() -> None:
    array = np.array([[1.0, np.nan], [np.inf, 4.0]])
    assert compared("x.npy", npy(array), npy(np.asfortranarray(array))) is IDENTICAL
    assert compared("x.npy", npy(array), npy(array * (1 + 1e-9)), CLOSE) is WITHIN
    assert compared("x.npy", npy(array), npy(array * (1 + 1e-9))) is DIVERGED
    assert compared("x.npy", npy(array), npy(array.astype("float32"))) is DIVERGED
    assert compared("x.npy", npy(np.array([1, 2**62])), npy(np.array([1, 2**62 + 1]))) is DIVERGED
    assert compared("x.npy", npy(np.array([0.0])), npy(np.array([-0.0]))) is IDENTICAL
    assert compared("x.npy", npy(np.array(["a"])), npy(np.array(["b"])), CLOSE) is DIVERGED
    found = compare_files("x.npy", npy(array), npy(array + np.array([[0, 0], [0, 1]])), CLOSE)
    assert (found.where, found.note) == ("[1, 1]", "5.0, was 4.0")


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["x.pkl", "x.npy", "x.joblib", "x.pt"])
def test_nothing_is_unpickled(name: str, tmp_path: Path) -> None:
    trap = Trap(tmp_path / "sprung")
    data = npy(np.array([trap], dtype=object)) if name == "x.npy" else pickle.dumps(trap)
    assert compared(name, data, data[:-1] + b" ") is UNKNOWN
    assert not (tmp_path / "sprung").exists()


def zipped(members: dict[str, bytes], year: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


def tarred(members: dict[str, bytes], mtime: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), mtime
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def test_archives_are_what_is_in_them() -> None:
    files = {"a.csv": b"x\n1\n", "b.bin": b"\0\1"}
    other = {**files, "a.csv": b"x\n1.0000001\n"}
    for make, ending in ((zipped, "zip"), (tarred, "tar")):
        one, same, near = make(files, 2020), make(files, 2021), make(other, 2020)
        assert one != same
        assert compared(f"x.{ending}", one, same) is IDENTICAL
        assert compared(f"x.{ending}", one, near) is DIVERGED
        assert compared(f"x.{ending}", one, near, CLOSE) is WITHIN
        assert compared(f"x.{ending}", one, make({**files, "b.bin": b"\0\2"}, 2020)) is UNKNOWN
        assert compared(f"x.{ending}", one, make({"a.csv": files["a.csv"]}, 2020)) is DIVERGED
        packed, again = gzip.compress(one, mtime=1), gzip.compress(same, mtime=2)
        assert compared(f"x.{ending}.gz", packed, again) is IDENTICAL
    found = compare_files("x.zip", zipped(files, 2020), zipped(other, 2020), Looking())
    assert (found.where, found.note) == ("a.csv, row 2, column x", "1.0000001, was 1")
    array, near = (zipped({"w.npy": npy(np.array([value]))}, 2020) for value in (1.0, 1.0 + 1e-9))
    assert compared("x.npz", array, near) is DIVERGED
    assert compared("x.npz", array, near, CLOSE) is WITHIN


def test_damaged_and_hostile_files_are_not_comparable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compared("x.zip", zipped({"a": b"1"}, 2020)[:-5], zipped({"a": b"1"}, 2021)) is UNKNOWN
    assert compared("x.gz", gzip.compress(b"a"), b"\x1f\x8b rest") is UNKNOWN
    assert compared("x.json", "[" * 10**5 + "1", "[" * 10**5 + "2") in (UNKNOWN, DIVERGED)
    assert compared("x.bin", b"\0\1", b"\0\2") is UNKNOWN
    monkeypatch.setattr("reprise.runner.verdict.files.compare_files.LARGEST", 10**6)
    assert compared("x.txt", "a" * 10**6, "a" * 10**6 + "b") is UNKNOWN
    monkeypatch.setattr("reprise.runner.verdict.files.archives.LARGEST", 10**6)
    bomb, other = (gzip.compress(bytes(2 * 10**6), mtime=time) for time in (1, 2))
    assert compared("x.gz", bomb, other) is UNKNOWN


@given(st.binary(max_size=60), st.binary(max_size=60))
@pytest.mark.parametrize("ending", ["txt", "json", "csv", "png", "npy", "zip", "gz", "tar", "pkl", "log"])
def test_whatever_files_hold_there_is_an_answer(ending: str, a: bytes, b: bytes) -> None:
    assert (compared(f"x.{ending}", a, b, CLOSE) is IDENTICAL) == (a == b) or ending == "json"
