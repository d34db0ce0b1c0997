"""What is shown of a file: by what its bytes are, and never more than a page can hold."""

from __future__ import annotations

import io
import json
import pickle
import struct
from pathlib import Path

import numpy
import pytest

from reprise.tracking.artifacts.files import ArtifactFolder
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.files.parquet_reading import COLUMNS, ROWS
from reprise.ui.files.preview_trees import NODES, Node
from reprise.ui.files.previews import TEXT_LIMIT, Preview, preview
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


def test_a_date_beyond_those_of_python_hides_no_table(folder: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    dates = arrow.array([0, 2**31 - 1], arrow.date32())
    parquet.write_table(arrow.table({"a": ["x", "y"], "on": dates}), folder / "t.parquet")
    table = preview(StoredFile.at(ArtifactFolder(folder), "t.parquet")).table
    assert table is not None
    assert table.rows[0] == ["x", "1970-01-01"]
    assert table.rows[1][0] == "y"


@pytest.mark.slow
def test_parquet_that_unpacks_to_more_than_there_is_memory_is_not_shown(folder: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    repeated = arrow.array(["x" * 60_000_000]).dictionary_encode()
    rows = arrow.DictionaryArray.from_arrays([0] * 1000, repeated.dictionary)
    parquet.write_table(arrow.table({"a": rows}), folder / "t.parquet", compression="zstd")
    assert preview(StoredFile.at(ArtifactFolder(folder), "t.parquet")).kind == "bytes"


def test_parquet_is_read_where_it_is_stored_elsewhere(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    with EmbeddedStore(tmp_path / "mlruns", f"memory://{tmp_path.name}") as store:
        with store.artifacts.writing("t.parquet") as file:
            parquet.write_table(arrow.table({"a": [7]}), arrow.output_stream(made := io.BytesIO()))
            file.write(made.getvalue())
        table = preview(StoredFile.at(store.artifacts, "t.parquet")).table
    assert table is not None and table.rows == [["7"]]


def test_parquet_without_pyarrow_is_not_read_and_says_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reprise.ui.files.preview_tables.can_read_parquet", lambda: False)
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
    assert shown.kind == "text" and "not an image of that type" in shown.notes[0]


def test_a_first_line_that_tells_the_separator_is_none_of_the_table(folder: Path) -> None:
    table = _shown(folder, "a.csv", b"sep=;\r\na;b\r\n1;2,5\r\n").table
    assert table is not None
    assert (table.columns, table.rows) == (["a", "b"], [["1", "2,5"]])


def test_a_table_of_a_western_spreadsheet_is_read(folder: Path) -> None:
    table = _shown(folder, "a.csv", "name;preis\nMüller;5 €\n".encode("cp1252")).table
    assert table is not None and table.rows == [["Müller", "5 €"]]
    text = "naïve " * 9
    assert (
        _shown(folder, "a.txt", text.encode() + b"\xff").text == f"{text}\ufffd"
    )  # UTF-8 but for one byte


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
    assert shown.text == "" and shown.notes == ("There is no preview for values of this type.",)


def test_an_array_whose_header_lies_breaks_nothing(folder: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,)}"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(16)
    assert _shown(folder, "a.npy", content).text == "0  0"


@pytest.mark.parametrize(
    "shape", ("(1e999,)", f"(0x{'f' * 7000},)", f"({'9' * 3900}, {'9' * 3900})", "'12'")
)
def test_an_array_of_no_size_that_there_is_is_shown_as_bytes(folder: Path, shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".encode()
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(16)
    assert _shown(folder, "a.npy", content).kind in ("bytes", "text")


_HUGE = struct.pack(">II", 60_000, 60_000)


@pytest.mark.parametrize(
    ("name", "content"),
    (
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + _HUGE),
        ("a.gif", b"GIF89a" + b"\xff" * 4),
        ("a.jpg", b"\xff\xd8\xff\xe0\0\x04JF\xff\xc2\0\x0b\x08" + b"\xff" * 4),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0/\xff\xff\xff\x0f"),
    ),
)
def test_an_image_that_takes_gigabytes_to_draw_is_not_shown(
    folder: Path, name: str, content: bytes
) -> None:
    shown = _shown(folder, name, content + bytes(50))
    assert shown.kind == "bytes" and "too large to show" in shown.notes[0]


def test_an_image_of_usual_size_is_shown(folder: Path) -> None:
    usual = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 4000, 3000)
    assert _shown(folder, "a.png", usual) == Preview("image")
    assert _shown(folder, "drawing.svg", b"<svg><script>alert(1)</script></svg>") == Preview("image")


@pytest.mark.parametrize("between", [b"", b"\xff\xfe\xff\xff" + b"x" * 65_533])
def test_an_image_whose_size_is_not_known_is_not_shown(folder: Path, between: bytes) -> None:
    """A header that comes late, or never, may be that of an image which takes gigabytes to draw."""
    content = b"\xff\xd8" + between * 5 + b"\xff\xc2\0\x0b\x08" + b"\xff" * 4 * bool(between)
    shown = _shown(folder, "a.jpg", content)
    assert shown.kind == "bytes" and "how large the image is" in shown.notes[0]


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


_MERGES = "a: &a0 {x: 1, y: 2, z: 3}\n" + "".join(
    f"a{deep}: &a{deep} {{<<: [{', '.join([f'*a{deep - 1}'] * 9)}]}}\n" for deep in range(1, 12)
)


@pytest.mark.parametrize(
    "text",
    (
        f"{_MERGES}flavors: {{}}\n",
        f"flavors: {{a: {{x_version: 0x{'f' * 8000}}}}}",
        "flavors: {}\nmodel_size_bytes: 1" + ":1" * 100_000,
        "flavors: {}\nmodel_size_bytes: 1" + ":1" * 100_000 + ".5",
        "flavors: {}\nx: " + "[" * 100_000,
        "flavors: {}\n" + "? " * 50_000,
    ),
    ids=("merges", "digits", "sixties", "sixtieths", "deep", "deep keys"),
)
def test_yaml_that_explodes_does_not(folder: Path, text: str) -> None:
    assert _shown(folder, "MLmodel", text.encode()).kind in ("model", "text")
