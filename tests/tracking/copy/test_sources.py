"""What an import may name, and what is said of the rest."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from reprise.errors import TrackingError, UsageError
from reprise.tracking.copy.sources import open_source
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.tracking.copy.stores import RUN, make_database, make_experiment, make_run

A = "a" * 32


@pytest.mark.parametrize(
    "text",
    [
        "mlflow.db",
        "./mlflow.db",
        "sqlite:///mlflow.db",
        "sqlite+pysqlite:///mlflow.db",
        "sqlite:///mlflow.db?timeout=30",
        "sqlite+pysqlite:///mlflow.db?timeout=30&check_same_thread=false",
        "sqlite:///{0}/mlflow.db",
        "file:{0}/mlflow.db",
    ],
)
def test_a_database_is_named_in_many_ways(tmp_path: Path, text: str) -> None:
    make_database(tmp_path / "mlflow.db", {A: f"/x/1/{A}/artifacts"}).close()
    source = open_source(text.format(tmp_path), tmp_path)
    assert source.uri == f"sqlite:///{tmp_path}/mlflow.db"
    source.close()


@pytest.mark.parametrize(
    "text", ["mlruns", "{0}/mlruns", "file:{0}/mlruns", "file://{0}/mlruns", "file:mlruns"]
)
def test_a_folder_is_named_in_many_ways(tmp_path: Path, text: str) -> None:
    make_run(make_experiment(tmp_path / "mlruns", "1", "x"), RUN)
    assert open_source(text.format(tmp_path), tmp_path).uri == str(tmp_path / "mlruns")


def test_a_store_that_lost_the_files_of_its_experiments_is_one(tmp_path: Path) -> None:
    home = make_experiment(tmp_path / "mlruns", "1", "x")
    make_run(home, RUN)
    (home / "meta.yaml").unlink()
    assert open_source("mlruns", tmp_path).uri == str(tmp_path / "mlruns")


def test_what_is_no_store_is_refused_with_what_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database")
    (tmp_path / "empty").mkdir()
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    (tmp_path / "half.db").write_bytes(b"SQLite format 3\0" + os.urandom(100))
    for name in ("text", "empty", "nowhere"):
        with pytest.raises(UsageError) as refused:
            open_source(name, tmp_path)
        assert refused.value.hint is not None
    for name in ("other.db", "half.db"):
        with pytest.raises(TrackingError):
            open_source(name, tmp_path)


@pytest.mark.parametrize(
    ("text", "proposed"),
    [
        (".", "mlruns"),
        ("mlruns/1", "mlruns"),
        (f"mlruns/1/{RUN}", "mlruns"),
        ("mlruns/.trash", "mlruns"),
        ("mlruns/models", "mlruns"),
        ("server", "server/mlflow.db"),
    ],
)
def test_the_store_that_was_meant_is_proposed(tmp_path: Path, text: str, proposed: str) -> None:
    make_run(make_experiment(tmp_path / "mlruns", "1", "x"), RUN)
    make_run(make_experiment(tmp_path / "mlruns", "2", "y", trash=True), A)
    (tmp_path / "mlruns" / "models").mkdir()
    make_database(tmp_path / "server" / "mlflow.db", {}).close()
    with pytest.raises(UsageError) as refused:
        open_source(text, tmp_path)
    assert f"reprise import {tmp_path / proposed}" in (refused.value.hint or "")


def test_a_store_of_ours_is_opened_by_its_folder_and_by_its_database(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "ours") as store:
        store.create_experiment("x")
    for text in ("ours", "ours/reprise.db"):
        source = open_source(text, tmp_path)
        assert source.uri == str(tmp_path / "ours")
        source.close()


def test_a_folder_that_is_mlflows_and_ours_is_read_as_mlflows(tmp_path: Path) -> None:
    make_run(make_experiment(tmp_path / "mlruns", "1", "x"), RUN)
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.create_experiment("ours")
    source = open_source("mlruns", tmp_path)
    assert [getattr(found, "name", found) for found in source.read_experiments()] == ["x"]
