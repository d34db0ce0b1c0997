"""Libraries read files in a process of their own: here, or where the run was."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from reprise import process
from reprise.errors import EnvError
from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.files.compare_files import compare_files
from reprise.runner.verdict.files.readings import (
    OWN,
    NotRead,
    ReadingPlace,
    ReadingsByProcess,
    settle_comparisons,
)
from reprise.runner.verdict.values import Agreement, Finding


def hdf5(value: float) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file["w"] = [value, 2.0]
        file["names"] = ["é", "b"]
        file["raw"] = np.void(b"\0\1")
        file["none"] = h5py.Empty("f8")
    return out.getvalue()


def png(value: int, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 3), (value, 0, 0)).save(out, "PNG", **options)
    return out.getvalue()


class Counted:
    """A place that performs as our own does, or says what it is told to."""

    def __init__(self, prelude: str = "") -> None:
        self.starts = 0
        self.prelude = prelude

    def __call__(self, folder: Path, arguments: tuple[str, ...]) -> process.Completed:
        self.starts += 1
        script = folder / arguments[1]
        script.write_text(script.read_text().replace("import io\n", f"import io\n{self.prelude}\n", 1))
        return process.run((sys.executable, *arguments), cwd=folder, check=False, timeout=60)


LACKING = "import sys\nsys.modules['h5py'] = None"
CRASHING = """
import os, json, sys
from pathlib import Path
if b'CRASH' in Path(json.loads(Path(sys.argv[1]).read_text())[0]['file']).read_bytes():
    os._exit(11)
"""


def found_by(
    places: list[ReadingPlace], folder: Path, files: list[tuple[str, bytes, bytes]]
) -> list[Finding]:
    readings = ReadingsByProcess(folder, places)
    looking = Looking(readings=readings)
    compare: list[Callable[[], Finding]] = [partial(compare_files, *file, looking) for file in files]
    return [*settle_comparisons(compare, readings)]


def test_one_process_reads_all_files(tmp_path: Path) -> None:
    place = Counted()
    files = [
        ("w.h5", hdf5(1.0), hdf5(1.5)),
        ("a.png", png(1), png(1, compress_level=1)),
        ("b.png", png(1), png(9)),
        ("c.txt", b"a", b"b"),
        ("d.h5", hdf5(1.0), hdf5(1.0) + b"\0"),
    ]
    found = found_by([ReadingPlace("", place)], tmp_path, files)
    assert [item.agreement for item in found] == [
        Agreement.DIVERGED,
        Agreement.IDENTICAL,
        Agreement.DIVERGED,
        Agreement.DIVERGED,
        Agreement.IDENTICAL,
    ]
    assert (found[0].where, found[0].note) == ("w[0]", "1.5, was 1.0")
    assert found[2].note == "channels differ by up to 8 of 255"
    assert place.starts == 1


def test_nothing_is_started_for_files_that_need_no_library(tmp_path: Path) -> None:
    place = Counted()
    found_by([ReadingPlace("", place)], tmp_path, [("a.txt", b"a", b"b"), ("w.h5", hdf5(1.0), hdf5(1.0))])
    assert place.starts == 0


def test_where_the_library_is_not_the_next_place_reads(tmp_path: Path) -> None:
    here, there = Counted(LACKING), Counted()
    places = [ReadingPlace("", here), ReadingPlace("the environment of run 1234abcd", there)]
    found = found_by(places, tmp_path, [("w.h5", hdf5(1.0), hdf5(1.5)), ("a.png", png(1), png(2))])
    assert found[0].note == "1.5, was 1.0; read in the environment of run 1234abcd"
    assert "read in" not in found[1].note
    assert (here.starts, there.starts) == (1, 1)


def test_without_the_library_anywhere_the_reason_is_said(tmp_path: Path) -> None:
    place = ReadingPlace("the environment of run 1234abcd", Counted(LACKING))
    (found,) = found_by(
        [ReadingPlace("", Counted(LACKING)), place], tmp_path, [("w.h5", hdf5(1.0), hdf5(1.5))]
    )
    assert found.agreement is Agreement.NOT_COMPARABLE
    assert found.note == "the bytes differ, and it is read with h5py, which is not installed"


def test_an_environment_that_cannot_be_entered_is_said(tmp_path: Path) -> None:
    def refuse(folder: Path, arguments: tuple[str, ...]) -> process.Completed:
        raise EnvError("the image is gone")

    places = [ReadingPlace("", Counted(LACKING)), ReadingPlace("the environment of run 1234abcd", refuse)]
    (found,) = found_by(places, tmp_path, [("w.h5", hdf5(1.0), hdf5(1.5))])
    assert "the environment of run 1234abcd cannot be entered to read it: the image is gone" in found.note


def test_a_process_that_dies_takes_one_file_with_it(tmp_path: Path) -> None:
    bad = hdf5(1.0) + b"CRASH"
    files = [("bad.h5", bad, hdf5(1.5)), ("w.h5", hdf5(1.0), hdf5(1.5))]
    found = found_by([ReadingPlace("", Counted(CRASHING))], tmp_path, files)
    assert found[0].agreement is Agreement.NOT_COMPARABLE
    assert "ended with exit code 11" in found[0].note
    assert found[1].agreement is Agreement.DIVERGED


def test_damaged_and_hostile_files_are_said(tmp_path: Path) -> None:
    files = [
        ("w.h5", hdf5(1.0), hdf5(1.0)[:100]),
        ("a.png", png(1), png(1)[:40]),
        ("t.parquet", b"PAR1 nothing", b"PAR1 nothing at all"),
    ]
    found = found_by([OWN], tmp_path, files)
    assert {item.agreement for item in found} == {Agreement.NOT_COMPARABLE}
    assert all("cannot be read" in item.note for item in found)


def test_what_was_not_asked_for_in_time_is_not_known(tmp_path: Path) -> None:
    readings = ReadingsByProcess(tmp_path, [OWN])
    with pytest.raises(NotRead, match="not read yet"):
        readings.read_file("hdf5", hdf5(1.0))
    assert compare_files("w.h5", hdf5(1.0), hdf5(2.0), Looking()).agreement is Agreement.NOT_COMPARABLE
