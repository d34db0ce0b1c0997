"""What is shown of a file: by what its bytes are, and never more than a page can hold."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy
import pytest

from reprise.tracking.artifacts import ArtifactFolder
from reprise.ui.preview_tables import COLUMNS, ROWS
from reprise.ui.preview_trees import NODES, Node
from reprise.ui.previews import TEXT_LIMIT, Preview, preview
from reprise.ui.stored_file import StoredFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def _shown(folder: Path, name: str, content: bytes) -> Preview:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return preview(StoredFile.at(ArtifactFolder(folder), name))


def test_separated_values_are_parsed_and_not_just_split(folder: Path) -> None:
    content = b'name,said\nada,"one, two\nand ""three"""\n'
    table = _shown(folder, "a.csv", content).table
    assert table is not None
    assert table.columns == ["name", "said"]
    assert table.rows == [["ada", 'one, two\nand "three"']]


@pytest.mark.parametrize(("name", "separator"), (("a.csv", ";"), ("a.csv", "|"), ("a.tsv", "\t")))
def test_other_separators_are_recognised(folder: Path, name: str, separator: str) -> None:
    table = _shown(folder, name, f"a{separator}b\n1{separator}2\n".encode()).table
    assert table is not None and table.rows == [["1", "2"]]


def test_of_a_large_table_the_first_rows_and_columns_are_shown(folder: Path) -> None:
    wide = ",".join(map(str, range(COLUMNS + 50)))
    table = _shown(folder, "a.csv", f"{wide}\n".encode() + b"1,2,3\n" * 900_000).table
    assert table is not None
    assert (len(table.columns), len(table.rows)) == (COLUMNS, ROWS)
    assert "first 1,000 rows" in table.said and "of 250 columns" in table.said


def test_a_logged_table_of_mlflow_is_a_table(folder: Path) -> None:
    logged = {"columns": ["question", "answer"], "data": [["why?", None], ["how?", {"a": 1}]]}
    table = _shown(folder, "eval.json", json.dumps(logged).encode()).table
    assert table is not None
    assert table.rows == [["why?", ""], ["how?", "{'a': 1}"]]


def test_parquet_shows_its_rows(folder: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"a": list(range(5000)), "b": ["x"] * 5000}), folder / "t.parquet")
    table = preview(StoredFile.at(ArtifactFolder(folder), "t.parquet")).table
    assert table is not None
    assert (table.rows[999], table.said) == (["999", "x"], "The first 1,000 of 5,000 rows")


def test_parquet_without_pyarrow_is_not_read_and_says_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reprise.ui.preview_tables.can_read_parquet", lambda: False)
    shown = _shown(folder, "t.parquet", b"PAR1\0\0")
    assert shown.kind == "bytes" and "pyarrow" in shown.notes[0]


def _count(node: Node) -> int:
    return 1 + sum(map(_count, node.children))


def test_json_is_a_tree_with_bounds(folder: Path) -> None:
    shown = _shown(folder, "a.json", json.dumps({"a": [1, "two", None], "b": {}}).encode())
    assert shown.tree is not None
    assert [child.key for child in shown.tree.children] == ["a", "b"]
    assert [child.text for child in shown.tree.children[0].children] == ["1", '"two"', "null"]
    many = _shown(folder, "b.json", json.dumps([[1, 2]] * 50_000).encode())
    assert many.tree is not None and _count(many.tree) < NODES + 100


@pytest.mark.parametrize(
    "content", (b"[" * 100_000, b'{"a": ' * 500 + b"1" + b"}" * 500, b'{"half": "\\ud800"}')
)
def test_strange_json_breaks_nothing(folder: Path, content: bytes) -> None:
    assert _shown(folder, "a.json", content).kind in ("tree", "text")


def test_json_that_is_none_is_shown_as_text(folder: Path) -> None:
    assert _shown(folder, "a.json", b"{not json") == Preview("text", text="{not json")


def test_of_a_large_text_the_beginning_is_shown(folder: Path) -> None:
    shown = _shown(folder, "a.txt", b"x" * (TEXT_LIMIT + 2000))
    assert len(shown.text) == TEXT_LIMIT
    assert "2.0 kB follow" in shown.notes[0]


@pytest.mark.parametrize("name", ("a.txt", "a.csv", "a.json", "MLmodel", "a.npy", "a.png", "a.svg"))
def test_bytes_that_call_themselves_something_else_are_shown_as_bytes(folder: Path, name: str) -> None:
    shown = _shown(folder, name, bytes(range(256)) * 40)
    assert shown.kind in ("bytes", "image")
    if shown.kind == "bytes":
        assert shown.text.startswith("00000000  00 01 02")


def test_text_that_calls_itself_an_image_is_not_one(folder: Path) -> None:
    shown = _shown(folder, "a.png", b"<script>alert(1)</script>")
    assert shown.kind == "text" and "no such image" in shown.notes[0]


def test_utf16_text_is_text(folder: Path) -> None:
    assert _shown(folder, "a.txt", "naïve".encode("utf-16")).text == "naïve"


def test_an_array_of_numpy_tells_its_shape_and_first_values(folder: Path) -> None:
    numpy.save(folder / "a.npy", numpy.arange(600, dtype="<f4").reshape(20, 30))
    shown = preview(StoredFile.at(ArtifactFolder(folder), "a.npy"))
    assert ("shape", "20 x 30") in shown.facts and ("type", "<f4") in shown.facts
    assert shown.text.split()[:3] == ["0", "1", "2"]
    assert shown.notes == ("The first 200 of 600 values.",)


@pytest.mark.parametrize("dtype", ("<i8", ">i4", "|u1", "|b1", "<f2", "<f8"))
def test_values_of_all_plain_types_are_numpys(folder: Path, dtype: str) -> None:
    array = numpy.array([0, 1, 1], dtype=dtype)
    numpy.save(folder / "a.npy", array)
    shown = preview(StoredFile.at(ArtifactFolder(folder), "a.npy")).text.split()
    assert [float({"True": 1, "False": 0}.get(value, value)) for value in shown] == [0, 1, 1]


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, ("/nowhere/at/all", "w"))


def test_a_pickle_is_never_opened(folder: Path) -> None:
    assert _shown(folder, "a.pkl", pickle.dumps(_Trap())).kind == "bytes"
    numpy.save(folder / "o.npy", numpy.array([_Trap()], dtype=object))
    shown = preview(StoredFile.at(ArtifactFolder(folder), "o.npy"))
    assert shown.text == "" and shown.notes == ("Values of this type are not shown.",)


def test_an_array_whose_header_lies_breaks_nothing(folder: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,)}"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(16)
    assert _shown(folder, "a.npy", content).text == "0  0"


MODEL = """
flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.11.4}
  sklearn: {sklearn_version: 1.5.0, code: null}
mlflow_version: 3.1.0
signature:
  inputs: '[{"type": "double", "name": "petal", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
saved_input_example_info: {artifact_path: input_example.json}
"""


def test_a_model_is_shown_as_a_card(folder: Path) -> None:
    _shown(folder, "m/requirements.txt", b"scikit-learn==1.5.0\n")
    _shown(folder, "m/input_example.json", b"[]")
    shown = _shown(folder, "m/MLmodel", MODEL.encode())
    card = shown.model
    assert card is not None
    assert ("flavor", "sklearn 1.5.0") in card.facts
    assert [tuple(field) for field in card.signature] == [
        ("input", "petal", "double", False),
        ("output", "", "int64 [-1]", True),
    ]
    assert card.requirements == "scikit-learn==1.5.0\n"
    assert card.example == "m/input_example.json"
    assert card.serve("abc") == "reprise models serve -m runs:/abc/m"
    assert card.load("m-1") == 'mlflow.pyfunc.load_model("models:/m-1")'


@pytest.mark.parametrize(
    "text",
    (
        "flavors: {a: &x [1, 1], b: {c_version: *x}}\nsignature: {inputs: [*x, *x]}",
        "flavors: {}\nsaved_input_example_info: {artifact_path: ../../../etc/passwd}",
        "flavors: {a: 1}\nsignature: {inputs: 'no json', outputs: '3'}",
    ),
)
def test_a_hostile_model_is_a_card_without_what_it_lies_about(folder: Path, text: str) -> None:
    card = _shown(folder, "MLmodel", text.encode()).model
    assert card is not None
    assert (card.signature, card.example) == ([], None)
