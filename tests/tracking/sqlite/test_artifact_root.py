"""The root of the artifacts is noted in the store: a command that is not given it finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.errors import TrackingError, UsageError
from reprise.runner.maintenance.gc import collect
from reprise.tracking.artifacts.names import MARK
from reprise.tracking.sqlite.store import EmbeddedStore


def log_file(store: EmbeddedStore, experiment: str = "0") -> str:
    run = store.create_run(experiment, start_time=1, user_id="ada")
    file = store.directory.parent / "file"
    file.write_bytes(b"12345")
    store.upload_artifact(run.run_id, file, "a.bin")
    store.update_run(run.run_id, status="FINISHED", end_time=2)
    return run.run_id


def test_a_root_that_was_given_once_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with EmbeddedStore(tmp_path / "s", "art") as store:
        run_id = log_file(store)
    monkeypatch.chdir("/")
    with EmbeddedStore(tmp_path / "s") as store:
        assert store.artifact_root == str(tmp_path / "art")
        assert [item.path for item in store.list_artifacts(run_id)] == ["a.bin"]
        assert store.artifact_folder(run_id).is_relative_to(tmp_path / "art")
        store.delete_run(run_id)
    assert collect(EmbeddedStore(tmp_path / "s"), 0, dry_run=False).files == 1
    assert not [file for file in (tmp_path / "art").rglob("*") if file.is_file()]


@pytest.mark.parametrize("same", ["{}/art", "{}/art/", "file://{}/art", "{}/x/../art"])
def test_the_same_root_in_other_words_is_the_same(tmp_path: Path, same: str) -> None:
    for root in (f"{tmp_path}/art", same.format(tmp_path)):
        with EmbeddedStore(tmp_path / "s", root) as store:
            store.get_experiment("0")


def test_another_root_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "s", str(tmp_path / "art")) as store:
        run_id = log_file(store)
    for other in ("other", "s/artifacts"):
        with (
            pytest.raises(UsageError, match="art"),
            EmbeddedStore(tmp_path / "s", str(tmp_path / other)) as store,
        ):
            store.get_experiment("0")
    assert not (tmp_path / "other").exists()
    with EmbeddedStore(tmp_path / "s") as store:
        assert len(store.list_artifacts(run_id)) == 1


def test_a_store_with_files_of_its_own_takes_no_root_silently(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "s") as store:
        run_id = log_file(store)
    with pytest.raises(UsageError), EmbeddedStore(tmp_path / "s", str(tmp_path / "art")) as store:
        store.get_experiment("0")
    (tmp_path / "s" / "artifacts").rename(tmp_path / "art")
    with EmbeddedStore(tmp_path / "s") as store:
        store.move_root(str(tmp_path / "art"))
        assert [item.path for item in store.list_artifacts(run_id)] == ["a.bin"]


def test_a_root_moves_only_to_where_its_files_are(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "s", str(tmp_path / "art")) as store:
        run_id = log_file(store)
        (tmp_path / "empty").mkdir()
        with pytest.raises(UsageError, match="lacks"):
            store.move_root(str(tmp_path / "empty"))
        assert len(store.list_artifacts(run_id)) == 1


@pytest.mark.parametrize("is_folder", [False, True])
def test_on_a_disk_that_is_not_mounted_nothing_is_removed(tmp_path: Path, is_folder: bool) -> None:
    with EmbeddedStore(tmp_path / "s", str(tmp_path / "art")) as store:
        run_id = log_file(store)
        store.delete_run(run_id)
    (tmp_path / "art").rename(tmp_path / "away")
    if is_folder:
        (tmp_path / "art").mkdir()
    with pytest.raises(TrackingError, match="mounted"):
        collect(EmbeddedStore(tmp_path / "s"), 0, dry_run=False)
    with EmbeddedStore(tmp_path / "s") as store, pytest.raises(TrackingError, match="mounted"):
        store.list_artifacts(run_id)
    assert not (tmp_path / "art" / "0").exists()
    if is_folder:
        (tmp_path / "art").rmdir()
    (tmp_path / "away").rename(tmp_path / "art")
    assert collect(EmbeddedStore(tmp_path / "s"), 0, dry_run=False).files == 1


def test_an_experiment_on_a_disk_that_is_not_mounted_is_kept(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with EmbeddedStore(tmp_path / "s") as store:
        far = store.create_experiment("far", artifact_location=str(disk / "far"))
        run_id = log_file(store, far)
        store.delete_run(run_id)
    (disk / "far").rename(tmp_path / "away")
    found = collect(EmbeddedStore(tmp_path / "s"), 0, dry_run=False)
    assert not found.removed and "mounted" in found.kept[0].reason
    (tmp_path / "away").rename(disk / "far")
    assert collect(EmbeddedStore(tmp_path / "s"), 0, dry_run=False).files == 1


def test_a_place_that_cannot_be_reached_keeps_its_runs_and_no_others(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "s") as store:
        far = store.create_experiment("far", artifact_location="https://example.org/x")
        away = store.create_run(far, start_time=1, user_id="ada").run_id
        store.update_run(away, status="FINISHED", end_time=2)
        for run_id in (away, log_file(store)):
            store.delete_run(run_id)
    found = collect(EmbeddedStore(tmp_path / "s"), 0, dry_run=False)
    assert [item.id for item in found.removed] == [run_id] and found.files == 1
    assert [(kept.item.id, "not reached" in kept.reason) for kept in found.kept] == [(away, True)]


def test_what_could_not_be_removed_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedStore(tmp_path / "s") as store:
        for run_id in (log_file(store), log_file(store)):
            store.delete_run(run_id)
        stuck = store.artifact_folder(run_id)

    def refuse(path: Path) -> None:
        if Path(path) == stuck.parent:
            raise PermissionError(13, "Permission denied")
        remove(path)

    import shutil

    remove = shutil.rmtree
    monkeypatch.setattr("reprise.tracking.artifacts.files.shutil.rmtree", refuse)
    found = collect(EmbeddedStore(tmp_path / "s"), 0, dry_run=False)
    assert (len(found.removed), found.files, found.size, len(found.left)) == (2, 1, 5, 1)
    monkeypatch.undo()
    assert not collect(EmbeddedStore(tmp_path / "s"), 0, dry_run=False).left
    assert not stuck.exists()


def test_a_mark_is_no_artifact_of_a_run(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "s", str(tmp_path / "art")) as store:
        run_id = log_file(store)
        assert (tmp_path / "art" / MARK).is_dir()
        assert [item.path for item in store.list_artifacts(run_id)] == ["a.bin"]


def test_the_mark_of_a_root_is_no_artifact(tmp_path: Path) -> None:
    """Clients that list, overwrite or delete what the server keeps do not meet it."""
    with EmbeddedStore(tmp_path / "s", str(tmp_path / "art")) as store:
        log_file(store)
        assert [item.path for item in store.artifacts.list()] == ["0"]
        with pytest.raises(TrackingError, match="Invalid path"):
            store.artifacts.delete(MARK)
        with pytest.raises(TrackingError), store.artifacts.writing(f"{MARK}/x"):
            pass
    assert (tmp_path / "art" / MARK).is_dir()
