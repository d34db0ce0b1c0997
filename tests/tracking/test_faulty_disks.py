"""Stores on disks that are full or read-only: they are read, what frees room is done, others refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.schemas.entities import Metric
from reprise.tracking.sqlite.faults import explain
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.fakes import disks

pytestmark = pytest.mark.mounts


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with disks.mounted(tmp_path / "disk", "8m") as folder:
        yield folder


def record_runs(folder: Path, count: int = 3) -> list[str]:
    with EmbeddedStore(folder) as store:
        made = [store.create_run("0", start_time=number, user_id="ada") for number in range(count)]
        for run in made:
            store.log_batch(run.run_id, metrics=[Metric("loss", 0.5, 1, 1)], params={"a": "1"}, tags={})
            file = folder.parent / "note"
            file.write_bytes(b"x" * 20_000)
            store.upload_artifact(run.run_id, file, "note.txt")
    return [run.run_id for run in made]


def leave_log_behind(folder: Path) -> str:
    """Write to the store as a process does that is killed: what it wrote stands in the log only."""
    aside = folder.parent / "aside"
    with EmbeddedStore(folder) as store:
        run_id = store.create_run("0", start_time=9, user_id="ada").run_id
        shutil.copytree(folder, aside)
    shutil.rmtree(folder)
    aside.rename(folder)
    assert (folder / "reprise.db-wal").stat().st_size
    return run_id


def test_a_store_on_a_full_disk_is_read_and_what_frees_room_is_done(disk: Path) -> None:
    folder = disk / "mlruns"
    run_ids = record_runs(folder)
    disks.fill(disk)
    with EmbeddedStore(folder) as store:
        assert {run.run_id for run in store.search_runs(["0"]).items} == set(run_ids)
        assert store.metric_history(run_ids[0], "loss")[0].value == 0.5
        with pytest.raises(
            TrackingError, match=rf"disk mounted at {disk} is full: 0 bytes of 8\.4 MB"
        ) as full:
            store.log_param(run_ids[0], "b", "2")
        assert full.value.hint and "gc" in full.value.hint
        store.delete_run(run_ids[0])
        assert len(store.search_runs(["0"]).items) == 2
    with EmbeddedStore(folder) as store:
        garbage = store.garbage()
        assert [item.id for item in garbage.remove(garbage.deleted(1 << 62))] == [run_ids[0]]
        garbage.sweep()
    with EmbeddedStore(folder) as store:
        assert store.create_run("0", start_time=1, user_id="ada").run_id  # there is room again


def test_what_a_killed_process_wrote_is_read_on_a_full_disk(disk: Path) -> None:
    folder = disk / "mlruns"
    record_runs(folder, 1)
    run_id = leave_log_behind(folder)
    (folder / "reprise.db-shm").unlink()
    (folder / "reserve").unlink()
    disks.fill(disk)
    with EmbeddedStore(folder) as store:
        assert store.get_run(run_id).run_id == run_id


def test_a_run_that_ends_on_a_full_disk_is_recorded_as_ended(disk: Path) -> None:
    folder = disk / "mlruns"
    with EmbeddedStore(folder) as store:
        run_id = store.create_run("0", start_time=1, user_id="ada").run_id
        disks.fill(disk)
        store.update_run(run_id, status="FAILED", end_time=5)
        assert store.get_run(run_id).status == "FAILED"


@pytest.mark.parametrize("has_log", [False, True], ids=["closed", "killed"])
def test_a_store_on_a_read_only_disk_is_read(house: object, disk: Path, has_log: bool) -> None:
    folder = disk / "mlruns"
    run_ids = record_runs(folder)
    if has_log:
        run_ids.append(leave_log_behind(folder))
        (folder / "reprise.db-shm").unlink()
    disks.make_read_only(disk)
    with EmbeddedStore(folder) as store:
        assert {run.run_id for run in store.search_runs(["0"]).items} == set(run_ids)
        with store.artifacts_of(run_ids[0]).reading("note.txt") as file:
            assert len(file.read()) == 20_000
        with pytest.raises(TrackingError, match=rf"read-only: the disk mounted at {disk} is") as refused:
            store.delete_run(run_ids[0])
        assert refused.value.code == "PERMISSION_DENIED"


def test_a_store_that_is_mounted_read_only_shows_what_others_write(disk: Path, tmp_path: Path) -> None:
    folder = disk / "mlruns"
    record_runs(folder, 1)
    view = tmp_path / "view"
    with disks.bound_read_only(folder, view), EmbeddedStore(view) as reader:
        assert len(reader.search_runs(["0"]).items) == 1
        with EmbeddedStore(folder) as writer:
            writer.create_run("0", start_time=2, user_id="ada")
            assert len(reader.search_runs(["0"]).items) == 2
        assert len(reader.search_runs(["0"]).items) == 2


def test_an_older_store_on_a_read_only_disk_is_refused_with_the_way_out(disk: Path) -> None:
    folder = disk / "mlruns"
    record_runs(folder, 1)
    with closing(sqlite3.connect(folder / "reprise.db")) as connection, connection:
        connection.execute("DELETE FROM migration WHERE number = (SELECT max(number) FROM migration)")
    disks.make_read_only(disk)
    with EmbeddedStore(folder) as store, pytest.raises(TrackingError, match="older version") as refused:
        store.get_experiment("0")
    assert refused.value.hint and "copy" in refused.value.hint


def test_the_words_of_sqlite_are_never_passed_on(tmp_path: Path) -> None:
    for name in [name for name in dir(sqlite3) if name.startswith("SQLITE_")]:
        error = sqlite3.OperationalError("its own words")
        error.sqlite_errorcode = getattr(sqlite3, name)
        assert "own words" not in explain(error, tmp_path / "reprise.db").message
        assert os.fspath(tmp_path) in explain(error, tmp_path / "reprise.db").message
