"""What runs share is kept once, is checked when it is read, and goes with the last run that names it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.runner.record import contents
from reprise.schemas.record.run_record import Content, RunRecord
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import ProjectFolder
from tests.fakes.repositories import commit, git
from tests.runner.capture.recorded import objects, record_of

Write = Callable[[Mapping[str, str]], ProjectFolder]

FILES = {"MLproject": "entry_points: {main: {command: 'true'}}", "a.py": "shared\n"}


def digests(record: RunRecord) -> set[str]:
    return {content.digest.removeprefix("sha256:") for content in record.source.kept_contents}


def test_gc_removes_what_only_deleted_runs_name(project: Write) -> None:
    demo = project(FILES)
    git(demo.path, "init", "--quiet")
    commit(demo.path, {}, "first")
    (demo.path / "one.py").write_text("one\n")
    demo.run()
    commit(demo.path, {"two.py": "two\n"}, "second")
    (demo.path / "three.py").write_text("three\n")
    demo.run()
    first, second = record_of(demo, 1), record_of(demo, 0)
    assert objects() == digests(first) | digests(second)
    demo.reprise("runs", "delete", first.run_id)
    told = demo.reprise("gc", "--older-than", "0s", "--dry-run")
    assert objects() == digests(first) | digests(second)
    result = demo.reprise("gc", "--older-than", "0s")
    assert (told.exit_code, result.exit_code) == (0, 0), result.err
    assert objects() == digests(second)
    demo.run()
    assert record_of(demo).source.snapshot == second.source.snapshot
    for run in demo.runs():
        demo.reprise("runs", "delete", run.run_id)
    demo.reprise("gc", "--older-than", "0s")
    assert objects() == set()
    assert list(Path("mlruns/objects/commits").iterdir()) == []
    demo.run()
    assert objects() == digests(record_of(demo))


def test_gc_keeps_all_while_a_record_cannot_be_read(project: Write) -> None:
    demo = project(FILES | {"gone.py": "of the first run only\n"})
    demo.run()
    (demo.path / "gone.py").unlink()
    demo.run()
    before = objects()
    kept, gone = record_of(demo, 0), record_of(demo, 1)
    demo.reprise("runs", "delete", gone.run_id)
    with EmbeddedStore(Path("mlruns").absolute()) as store:
        file = store.artifact_folder(kept.run_id) / "reprise" / "run.json"
    file.rename(file.with_name("elsewhere"))
    file.symlink_to(file.with_name("elsewhere"))  # what the store does not read
    result = demo.reprise("gc", "--older-than", "0s")
    assert objects() == before
    assert "is not looked through" in result.err


def test_nothing_is_removed_until_a_record_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    records: list[str] = []
    with contents.add_contents(folder):
        kept = contents.keep_content(folder, b"of a run that is being opened")
        sweeping = threading.Thread(
            target=contents.sweep_contents, args=(folder, lambda: records), kwargs={"dry_run": False}
        )
        sweeping.start()
        sweeping.join(0.3)
        assert contents.is_kept(folder, kept)
        records.append(f'"{kept.digest}"')
    sweeping.join()
    assert contents.is_kept(folder, kept)
    records.clear()
    assert contents.sweep_contents(folder, lambda: records, dry_run=True) == (1, kept.size)
    assert contents.sweep_contents(folder, lambda: records, dry_run=False) == (1, kept.size)
    assert not contents.is_kept(folder, kept)


def test_damaged_and_missing_contents_are_told(house: Path, tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run = store.create_run("0", start_time=1, user_id="ada")
        folder = store.directory / contents.FOLDER
        kept, lost = contents.keep_content(folder, b"abc"), Content("sha256:" + "0" * 64, 3)
        assert contents.find_missing(store, run.run_id, [kept, lost]) == (lost,)
        (file,) = folder.glob("??/*")
        file.write_bytes(b"abd")
        for content, told in ((kept, "is damaged"), (lost, "is not in the store")):
            with pytest.raises(TrackingError, match=told):
                contents.open_content(store, run.run_id, content.digest)
        with pytest.raises(TrackingError, match="is not a digest"):
            contents.open_content(store, run.run_id, "sha256:../../etc/passwd")


def test_damaged_contents_are_kept_anew(house: Path, tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        folder = store.directory / contents.FOLDER
        kept = contents.keep_content(folder, b"abc")
        (file,) = folder.glob("??/*")
        file.write_bytes(b"abd")
        assert contents.keep_content(folder, b"abc") == kept
        with contents.open_content(store, "0" * 32, kept.digest) as stream:
            assert stream.read() == b"abc"
        file.write_bytes(b"abd")
        with pytest.raises(TrackingError):
            contents.open_content(store, "0" * 32, kept.digest)
        assert not contents.is_kept(folder, kept)


def test_a_run_of_plain_mlflow_has_no_record(house: Path, tmp_path: Path) -> None:
    from reprise.runner.record.records import read_record

    with EmbeddedStore(tmp_path / "mlruns") as store:
        run = store.create_run("0", start_time=1, user_id="ada")
        assert read_record(store, run.run_id) is None
        file = tmp_path / "run.json"
        file.write_text('{"version": 99}')
        store.upload_artifact(run.run_id, file, "reprise/run.json")
        with pytest.raises(TrackingError, match=f"cannot read the record of run {run.run_id}.*version 99"):
            read_record(store, run.run_id)
