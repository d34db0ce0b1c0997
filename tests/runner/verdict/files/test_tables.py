"""Files that hold tables and arrays by name: databases, HDF5, Parquet, ONNX, skops, JSON, YAML, CSV."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from reprise.runner.verdict.files.compare_files import compare_files
from reprise.runner.verdict.values import SetAside
from reprise.schemas.tolerance import Tolerance
from tests.runner.verdict.files.here import CLOSE, DIVERGED, EXACTLY, IDENTICAL, UNKNOWN, WITHIN, compared

Columns = Mapping[str, Any]


def database(columns: Columns, folder: Path, *, busy: int = 0) -> bytes:
    """A table with these columns; ``busy``: rows that came and went before."""
    file = folder / "made.db"
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as made:
        names = ", ".join(columns)
        made.execute(f"CREATE TABLE t ({names})")
        marks = ", ".join("?" * len(columns))
        for _ in range(busy):
            made.execute(f"INSERT INTO t VALUES ({marks})", [0] * len(columns))
            made.execute("DELETE FROM t")
            made.commit()
        for row in zip(*columns.values(), strict=True):
            made.execute(
                f"INSERT INTO t VALUES ({marks})",
                [item.item() if hasattr(item, "item") else item for item in row],
            )
    made.close()
    return file.read_bytes()


def hdf5(columns: Columns, folder: Path) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        for name, values in columns.items():
            file.create_dataset(
                f"group/{name}", data=np.array(values, dtype=object if isinstance(values[0], str) else None)
            )
        file["group"].attrs["note"] = "n"
    return out.getvalue()


def parquet(columns: Columns, folder: Path) -> bytes:
    import pandas as pd  # type: ignore[import-untyped]

    out = io.BytesIO()
    pd.DataFrame(columns).to_parquet(out)
    return out.getvalue()


def feather(columns: Columns, folder: Path) -> bytes:
    import pandas as pd

    out = io.BytesIO()
    pd.DataFrame(columns).to_feather(out)
    return out.getvalue()


def csv(columns: Columns, folder: Path) -> bytes:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    return "\n".join(lines).encode()


def named_values(columns: Columns, folder: Path) -> bytes:
    rows = [f"{name},{values[0]}" for name, values in columns.items()]
    return "\n".join(["metric,value", *rows]).encode()


def turned(columns: Columns, folder: Path) -> bytes:
    """Each column is a row."""
    rows = [",".join([name, *map(str, values)]) for name, values in columns.items()]
    return "\n".join([",0,1", *rows]).encode()


def records(columns: Columns, folder: Path) -> bytes:
    rows = [
        dict(zip(columns, map(_plain, row), strict=True)) for row in zip(*columns.values(), strict=True)
    ]
    return json.dumps(rows).encode()


def split(columns: Columns, folder: Path) -> bytes:
    rows = [[*map(_plain, row)] for row in zip(*columns.values(), strict=True)]
    return json.dumps({"columns": [*columns], "data": rows}).encode()


def by_column(columns: Columns, folder: Path) -> bytes:
    return json.dumps(
        {
            name: {str(n): _plain(value) for n, value in enumerate(values)}
            for name, values in columns.items()
        }
    ).encode()


def lines(columns: Columns, folder: Path) -> bytes:
    rows = json.loads(records(columns, folder))
    return "\n".join(map(json.dumps, rows)).encode()


def yaml(columns: Columns, folder: Path) -> bytes:
    import yaml as library

    return library.safe_dump(json.loads(records(columns, folder))).encode()


def npz(columns: Columns, folder: Path) -> bytes:
    out = io.BytesIO()
    arrays: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    np.savez(out, **arrays)
    return out.getvalue()


def structured(columns: Columns, folder: Path) -> bytes:
    kinds = [(name, np.array(values).dtype.str) for name, values in columns.items()]
    out = io.BytesIO()
    np.save(out, np.array([*zip(*columns.values(), strict=True)], dtype=kinds))
    return out.getvalue()


def safetensors(columns: Columns, folder: Path) -> bytes:
    head: dict[str, Any] = {"__metadata__": {"format": "np"}}
    data = b""
    for name, values in columns.items():
        array = np.array([float(len(item)) if isinstance(item, str) else item for item in values], "<f8")
        head[name] = {
            "dtype": "F64",
            "shape": [len(array)],
            "data_offsets": [len(data), len(data) + array.nbytes],
        }
        data += array.tobytes()
    written = json.dumps(head).encode()
    return struct.pack("<Q", len(written)) + written + data


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


WRITERS: list[tuple[str, Callable[..., bytes]]] = [
    ("t.db", database),
    ("t.h5", hdf5),
    ("t.parquet", parquet),
    ("t.feather", feather),
    ("t.csv", csv),
    ("t.csv", named_values),
    ("t.csv", turned),
    ("t.json", records),
    ("t.json", split),
    ("t.json", by_column),
    ("t.jsonl", lines),
    ("t.yaml", yaml),
    ("t.npz", npz),
    ("t.npy", structured),
    ("t.safetensors", safetensors),
]
COLUMNS: dict[str, Any] = {
    "model": ["aa", "b"],
    "acc": np.array([0.91, 0.5]),
    "mean_fit_time": np.array([0.1, 0.2]),
}


@pytest.mark.parametrize(("name", "write"), WRITERS, ids=lambda item: getattr(item, "__name__", item))
def test_tables(name: str, write: Callable[..., bytes], tmp_path: Path) -> None:
    """Durations are set aside by the name of the column, numbers are close, other values are found."""
    one = write(COLUMNS, tmp_path)
    timed = write({**COLUMNS, "mean_fit_time": np.array([0.3, 0.4])}, tmp_path)
    found = compare_files(name, one, timed, EXACTLY)
    assert found.agreement is IDENTICAL, found
    assert found.set_aside == (SetAside("duration", "mean_fit_time"),)
    strict = EXACTLY._replace(tolerance=Tolerance(strict=True))
    assert compared(name, one, timed, strict) is DIVERGED
    decides = EXACTLY._replace(tolerance=Tolerance(compare=("mean_fit_time",)))
    assert compared(name, one, timed, decides) is DIVERGED
    near = write({**COLUMNS, "acc": COLUMNS["acc"] * (1 + 1e-9)}, tmp_path)
    assert (compared(name, one, near), compared(name, one, near, CLOSE)) == (DIVERGED, WITHIN)
    assert " by up to 9.1e-10" in compare_files(name, one, near, CLOSE).note
    other = write({**COLUMNS, "acc": COLUMNS["acc"] + 0.1}, tmp_path)
    assert compared(name, one, other, CLOSE) is DIVERGED
    words = write({**COLUMNS, "model": ["aaa", "b"]}, tmp_path)
    assert compared(name, one, words, CLOSE) is DIVERGED
    renamed = {("f1" if column == "acc" else column): values for column, values in COLUMNS.items()}
    assert compared(name, one, write(renamed, tmp_path), CLOSE) is DIVERGED


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("word,count\ntime,123\n", "word,count\ntime,124\n"),
        ("word,count\nmemory,123\n", "word,count\nmemory,124\n"),
        ("name,score\nfit_time,0.5\nacc,1\n", "name,score\nfit_time,0.5\nacc,2\n"),
        ("lag\n12 ms\n", "lag\n13 ms\n"),
        ("anomaly_at\n2024-05-01 10:00:05\n", "anomaly_at\n2024-05-01 10:00:06\n"),
        ("best_time,acc\n1,1\n", "best_time,acc\n2,1\n"),
        ("fit_time,acc\n1,1\n2,1\n", "fit_time,acc\n1,1\n"),
    ],
)
def test_what_only_looks_like_a_duration_counts(a: str, b: str) -> None:
    assert compared("t.csv", a, b, CLOSE) is DIVERGED


def test_a_database_is_its_rows_and_definitions(tmp_path: Path) -> None:
    one = database(COLUMNS, tmp_path)
    assert compared("t.db", one, database(COLUMNS, tmp_path, busy=3)) is IDENTICAL
    assert compared("t.db", one, one[:-4096]) is UNKNOWN
    file = tmp_path / "virtual.db"
    with sqlite3.connect(file) as made:
        made.execute("CREATE VIRTUAL TABLE v USING fts5(a)")
    made.close()
    assert compared("t.db", one, file.read_bytes()) is UNKNOWN


def test_no_view_or_trigger_of_a_database_runs(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with sqlite3.connect(file) as made:
        made.execute("CREATE TABLE t (a)")
        made.execute(
            "CREATE VIEW endless AS "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n"
        )
    made.close()
    one = file.read_bytes()
    with sqlite3.connect(file) as made:
        made.execute("INSERT INTO t VALUES (1)")
    made.close()
    assert compared("x.db", one, file.read_bytes()) is DIVERGED


def test_links_of_hdf5_to_other_files_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = [1]
    files = []
    for value in (1, 2):
        out = io.BytesIO()
        with h5py.File(out, "w") as file:
            file["value"] = value
            file["outside"] = h5py.ExternalLink(str(secret), "x")
            file["inside"] = h5py.SoftLink("/value")
            file["again"] = file["/"]
        files.append(out.getvalue())
    assert compared("x.h5", files[0], files[1]) is DIVERGED


def message(*fields: tuple[int, Any]) -> bytes:
    """A message of protobuf: ints, texts and bytes, floats."""
    out = b""
    for number, value in fields:
        if isinstance(value, float):
            out += _varint(number << 3 | 5) + struct.pack("<f", value)
        elif isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(data)) + data
    return out


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def onnx(weights: Any, graph: str = "g", bias: float = 1.0) -> bytes:
    tensor = message((1, 2), (2, 1), (8, "w"), (9, np.array(weights, "<f4").tobytes()))
    node = message(
        (1, "x"),
        (2, "y"),
        (4, "Linear"),
        (5, message((1, "bias"), (2, bias), (7, struct.pack("<2f", bias, 2)))),
    )
    return message((1, 8), (2, "maker"), (7, message((1, node), (2, graph), (5, tensor))))


def test_models_of_onnx() -> None:
    one = onnx([1, 2])
    assert compared("m.onnx", one, onnx([1, 2.0000002]), CLOSE) is WITHIN
    assert compared("m.onnx", one, onnx([1, 2.0000002])) is DIVERGED
    assert compared("m.onnx", one, onnx([1, 3]), CLOSE) is DIVERGED
    assert compared("m.onnx", one, onnx([1, 2], bias=1.0000001), CLOSE) is WITHIN
    assert compared("m.onnx", one, onnx([1, 2], bias=2.0), CLOSE) is DIVERGED
    drawn = onnx([1, 2], "3f2a91c0" * 4), onnx([1, 2], "81bb0f3d" * 4)
    assert compared("m.onnx", *drawn) is IDENTICAL
    assert compared("m.onnx", one, onnx([1, 2], "h")) is DIVERGED
    found = compare_files("m.onnx", one, onnx([1, 3]), EXACTLY)
    assert (found.where, found.note) == ("graph -> initializer[0] -> raw_data[1]", "3.0, was 2.0")
    assert compared("m.onnx", one, one[:-3]) is UNKNOWN
    assert compared("m.onnx", one, b"\xff" * 40) is UNKNOWN


@pytest.mark.slow
def test_trees_of_skops() -> None:
    import skops.io  # type: ignore[import-untyped]
    from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]

    def saved(slope: float, time: float = 0.1) -> bytes:
        model = LinearRegression().fit([[0.0], [1.0]], [0.0, slope])
        model.refit_time_ = time
        model.shared = [model.coef_, {"again": model.coef_}]
        return skops.io.dumps(model)  # type: ignore[no-any-return]

    one = saved(1.0)
    assert compared("m.skops", one, saved(1.0)) is IDENTICAL
    assert compare_files("m.skops", one, saved(1.0, 0.2), EXACTLY).set_aside == (
        SetAside("duration", "refit_time_"),
    )
    assert compared("m.skops", one, saved(1.0 + 1e-9)) is DIVERGED
    assert compared("m.skops", one, saved(1.0 + 1e-9), CLOSE) is WITHIN
    assert compare_files("m.skops", one, saved(2.0), CLOSE).where == "coef_[0]"


def events(began: float, *losses: float, session: bool = False) -> bytes:
    """An event file of TensorBoard with a loss at each step."""

    def record(data: bytes) -> bytes:
        return struct.pack("<QI", len(data), 0) + data + struct.pack("<I", 0)

    def event(after: int, *fields: tuple[int, Any]) -> bytes:
        return record(b"\x09" + struct.pack("<d", began + after) + message(*fields))

    content = message((1, 0)) + b"\x1a\x09\x29" + struct.pack("<d", began)  # a session's start_time_secs
    plugin = message((1, message((1, "hparams"), (2, content))))
    values = [message((1, message((1, "loss"), (2, loss)))) for loss in losses]
    values += [message((1, message((1, "_hparams_/session_start_info"), (9, plugin))))] if session else []
    steps = (event(step, (2, step), (5, value)) for step, value in enumerate(values))
    return event(0, (3, "brain.Event:2")) + b"".join(steps)


def test_events_are_compared_without_their_times() -> None:
    name = "events.out.tfevents.1714557601.box.123.0"
    assert compared(name, events(1.0, 0.5, 0.25), events(2.0, 0.5, 0.25)) is IDENTICAL
    assert compared(name, events(1.0, 0.5, session=True), events(2.0, 0.5, session=True)) is IDENTICAL
    found = compare_files(name, events(1.0, 0.5, 0.25), events(1.0, 0.5, 0.75), EXACTLY)
    assert (found.agreement, found.where) == (DIVERGED, "loss[1] -> number")
    assert compared(name, events(1.0, 0.5), events(1.0, 0.5)[:-3]) is UNKNOWN


def test_variables_of_matlab_are_compared_without_the_head() -> None:
    def saved(**variables: Any) -> bytes:
        out = io.BytesIO()
        savemat(out, variables)
        head = f"MATLAB 5.0 MAT-file Platform: posix, Created on: {next(times)}".ljust(116).encode()
        return head + out.getvalue()[116:]

    times = iter(f"Mon Nov 30 10:00:0{second} 2026" for second in range(9))
    same = {"x": np.arange(3.0), "cell": np.array(["a", {"b": 1}], dtype=object)}
    assert compared("r.mat", saved(**same), saved(**same)) is IDENTICAL
    assert compared("r.mat", saved(x=np.arange(3.0)), saved(x=np.arange(3.0) + 1)) is DIVERGED
