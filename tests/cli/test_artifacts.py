"""Files go in and out of runs from the command line, folders too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reprise.schemas.entities import Run
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.cli.conftest import Reprise


@pytest.fixture
def run(store: EmbeddedStore) -> Run:
    return store.create_run("0", start_time=1, user_id="ada")


def test_a_folder_goes_in_and_comes_out(reprise: Reprise, run: Run) -> None:
    Path("data/deep").mkdir(parents=True)
    Path("data/a b.txt").write_text("hello")
    Path("data/deep/w.bin").write_bytes(b"\0\xff")
    Path("data/loop").symlink_to(".")
    put = reprise("artifacts", "put", run.run_id, "data", "model/one")
    assert (put.exit_code, put.err) == (0, f"Stored 2 files (7 bytes) with {run.run_id}\n")
    assert reprise("artifacts", "put", "@last", "data/a b.txt").exit_code == 0
    listed = json.loads(reprise("artifacts", "list", run.run_id[:8], "-r", "--json").out)
    assert [item["path"] for item in listed] == ["a b.txt", "model/one/a b.txt", "model/one/deep/w.bin"]
    assert reprise("artifacts", "list", run.run_id, "model").out.split() == ["PATH", "SIZE", "model/one/"]
    got = reprise("artifacts", "get", run.run_id, "model/one", "-o", "here/it")
    assert (got.exit_code, got.out) == (0, "here/it\n")
    assert Path("here/it/deep/w.bin").read_bytes() == b"\0\xff"
    assert reprise("artifacts", "get", run.run_id, "model/one/a b.txt").exit_code == 0
    assert Path("a b.txt").read_text() == "hello"
    assert reprise("artifacts", "get", run.run_id).out == f"{run.run_id}\n"
    assert Path(run.run_id, "model", "one", "a b.txt").is_file()


def test_a_logged_model_is_named_by_its_id(reprise: Reprise, store: EmbeddedStore) -> None:
    model = store.create_logged_model("0").model_id
    Path("MLmodel").write_text("x")
    assert reprise("artifacts", "put", model, "MLmodel").exit_code == 0
    assert "MLmodel" in reprise("artifacts", "list", model).out


def test_what_cannot_be_done_is_told(reprise: Reprise, run: Run) -> None:
    Path("file").write_text("x")
    assert reprise("artifacts", "put", run.run_id, "file", "a/file").exit_code == 0
    for args, code, said in (
        (["list", run.run_id, "a/file"], 2, "is a file"),
        (["list", run.run_id, "nope"], 2, 'has no folder "nope"'),
        (["list", "m-" + "0" * 32], 6, "Logged model with ID"),
        (["get", run.run_id, "nope"], 6, "there is no artifact 'nope'"),
        (["get", run.run_id, "a/file"], 2, "file exists already"),
        (["get", run.run_id, "../x"], 6, "must stay inside"),
        (["put", run.run_id, "file", "../x"], 6, "must stay inside"),
        (["put", run.run_id, "nowhere"], 2, "nowhere"),
        (["put", "ffff", "file"], 2, 'no run begins with "ffff"'),
    ):
        result = reprise("artifacts", *args)
        assert (result.exit_code, said in result.err) == (code, True), result.err
