"""Stores that MLflow wrote come back value for value, bit for bit: MLflow's own client reads both sides."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reprise.tracking.copy.census import Census
from reprise.tracking.copy.server.destination import RestDestination
from reprise.tracking.copy.sources import open_source
from reprise.tracking.copy.tracking import TrackingSource
from reprise.tracking.copy.transfer import Transfer
from reprise.tracking.sqlite.copied.destination import EmbeddedDestination
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.fakes import databases, mlflow_server, mlflow_store

pytestmark = pytest.mark.mlflow


def bring(source: str, store: Path, artifacts: Path | None = None) -> Census:
    opened = open_source(source, Path.cwd(), artifacts)
    with EmbeddedDestination(store) as destination:
        census = Transfer(opened, destination).transfer_all()
    opened.close()
    return census


@contextmanager
def served(store: Path) -> Iterator[str]:
    """Our server over ``store``, for MLflow's client."""
    argv = [sys.executable, "-m", "reprise", "server", "-p", "0", "--store", str(store)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield next(
                word for line in process.stderr for word in line.split() if word.startswith("http://")
            )
        finally:
            process.terminate()
            process.stderr.read()


def seen(store: Path, home: Path) -> Any:
    with served(store) as uri:
        return mlflow_store.call("read", uri, home)


class Written(NamedTuple):
    """A store that MLflow's client wrote: what it reads there, and how we name it."""

    source: str
    home: Path
    seen: Any


@cache
def written(kind: str) -> Written:
    home = Path(tempfile.mkdtemp(prefix="mlflow-store-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    uri, source = {
        "file store": lambda: (str(home / "mlruns"), str(home / "mlruns")),
        "sqlite": lambda: (f"sqlite:///{home}/mlflow.db", str(home / "mlflow.db")),
        "server": lambda: (mlflow_server.tracking_uri("copies"), mlflow_server.tracking_uri("copies")),
        "postgresql": lambda: _with_driver(databases.postgresql(), "psycopg"),
        "mariadb": lambda: _with_driver(databases.mariadb(), "pymysql"),
    }[kind]()
    return Written(source, home, mlflow_store.call("write", uri, home))


def _with_driver(url: str, driver: str) -> tuple[str, str]:
    """The URL as MLflow needs it, which looks for other drivers, and as a user writes it."""
    return url.replace("://", f"+{driver}://", 1), url


def rows(store: Path) -> list[str]:
    with closing(sqlite3.connect(store / "reprise.db")) as connection:
        return list(connection.iterdump())


def assert_seen(found: Any, expected: Any) -> None:
    for kind, items in expected.items():
        for key, item in items.items():
            assert found[kind].get(key) == item, f"{kind} {key}"


@pytest.mark.parametrize(
    "kind",
    [
        "file store",
        "sqlite",
        "server",
        pytest.param("postgresql", marks=pytest.mark.databases),
        pytest.param("mariadb", marks=pytest.mark.databases),
    ],
)
def test_everything_comes_back_and_again_changes_nothing(house: Path, kind: str, tmp_path: Path) -> None:
    source, home, expected = written(kind)
    store = tmp_path / "store"
    # A database server says where files were, and is followed there only when the user names the folder.
    files = home / "mlruns" if kind in ("postgresql", "mariadb") else None
    census = bring(source, store, files)
    assert census.differences == ()
    assert census.new == len(expected["runs"]) == 6
    assert_seen(seen(store, home), expected)
    before = rows(store)
    again = bring(source, store, files)
    assert (again.new, again.there, again.lines) == (0, census.new, census.lines)
    assert rows(store) == before


def test_a_killed_import_goes_on_where_it_stopped(house: Path, tmp_path: Path) -> None:
    source, home, expected = written("sqlite")
    argv = [sys.executable, "-m", "reprise", "import", source, "--tracking-uri", str(tmp_path / "store")]
    for pause in (0.1, 0.2, 0.25, 0.3, 0.35, 0.4):
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
            time.sleep(pause)
            os.kill(process.pid, signal.SIGKILL)
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_seen(seen(tmp_path / "store", home), expected)


def test_a_push_names_the_infinities_that_a_database_of_mlflow_does_not_keep(
    house: Path, tmp_path: Path
) -> None:
    source, _, _ = written("file store")
    bring(source, tmp_path / "first")
    uri = mlflow_server.tracking_uri("infinities of a file store")
    with EmbeddedStore(tmp_path / "first") as store:
        destination = RestDestination.at(uri)
        census = Transfer(TrackingSource(store), destination, with_deleted=False).transfer_all()
        destination.close()
    assert [(fault.kind, fault.name, fault.pieces) for fault in census.differences] == [
        ("points", "metrics/loss/train", 2)
    ]


@pytest.mark.parametrize("kind", ["sqlite", "server"])
def test_a_round_trip_by_a_server_of_mlflow_changes_nothing(house: Path, kind: str, tmp_path: Path) -> None:
    source, _, _ = written(kind)
    bring(source, tmp_path / "first")
    uri = mlflow_server.tracking_uri(f"a round trip of a {kind}")
    with EmbeddedStore(tmp_path / "first") as store:
        destination = RestDestination.at(uri)
        census = Transfer(TrackingSource(store), destination, with_deleted=False).transfer_all()
        destination.close()
    assert census.differences == ()
    again = bring(uri, tmp_path / "first")
    assert (again.new, again.differences) == (0, ())
    assert bring(uri, tmp_path / "second").differences == ()
    with EmbeddedStore(tmp_path / "first") as first, EmbeddedStore(tmp_path / "second") as second:
        for run in second.search_runs(
            [one.experiment_id for one in second.search_experiments().items]
        ).items:
            was, is_now = first.get_run(run.run_id), second.get_run(run.run_id)
            assert is_now._replace(artifact_uri="", experiment_id="") == was._replace(
                artifact_uri="", experiment_id=""
            )


def test_pushed_runs_are_what_they_were_and_are_pushed_once(house: Path, tmp_path: Path) -> None:
    source, _, before = written("sqlite")
    bring(f"sqlite:///{source}", tmp_path / "store")
    name = f"pushed {os.getpid()}"
    uri = mlflow_server.tracking_uri("copies")

    def push() -> Census:
        with EmbeddedStore(tmp_path / "store") as store:
            (experiment,) = [
                found for found in store.search_experiments().items if found.name.startswith("first")
            ]
            source = TrackingSource(store, experiments=[experiment._replace(name=name)])
            destination = RestDestination.at(uri)
            census = Transfer(source, destination, with_deleted=False).transfer_all()
            destination.close()
            return census

    census = push()
    assert (census.differences, census.new, census.there) == ((), 2, 0)
    census = push()
    assert (census.differences, census.new, census.there) == ((), 0, 2)
    after = mlflow_store.call("read", uri, tmp_path)
    runs = {
        run["tags"]["reprise.copied_from"]: (run_id, run)
        for run_id, run in after["runs"].items()
        if run["info"][1] == name
    }
    assert len(runs) == 2
    for origin, (_, run) in runs.items():
        was = before["runs"][origin]
        for same in ("params", "history", "last", "datasets", "files"):
            assert run[same] == was[same], same
        assert run["info"][2:] == was["info"][2:]
    parent, child = (
        next(key for key in runs if bool(before["runs"][key]["files"]) == has) for has in (True, False)
    )
    assert runs[child][1]["tags"]["mlflow.parentRunId"] == runs[parent][0]
    ((model_id, step),) = runs[parent][1]["model outputs"]
    assert step == 7
    model = after["models"][model_id]
    was = before["models"][before["runs"][parent]["model outputs"][0][0]]
    assert (model["params"], model["files"]) == (was["params"], was["files"])
    assert [point[:4] for point in model["metrics"]] == [point[:4] for point in was["metrics"]]
