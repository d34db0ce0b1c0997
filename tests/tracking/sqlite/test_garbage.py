"""What was deleted goes with its files, whole, also when it is killed in the middle; the rest stays."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.runner.jobs.lease import Lease
from reprise.runner.maintenance.gc import Collected, collect
from reprise.schemas.entities import Dataset, DatasetInput, Metric, Run, Trace
from reprise.schemas.tags import JOB
from reprise.tracking.sqlite.store import EmbeddedStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "mlruns") as opened:
        yield opened


def logged(store: EmbeddedStore, experiment: str = "0", *, ended: bool = True) -> Run:
    run = store.create_run(experiment, start_time=1, user_id="ada")
    store.log_batch(run.run_id, metrics=[Metric("m", 1.0, 1)], params={"p": "1"})
    given = DatasetInput(Dataset(f"data of {run.run_id}", "0", "local", "x"))
    store.log_inputs(run.run_id, datasets=[given])
    file = store.directory.parent / "file"
    file.write_bytes(b"12345")
    store.upload_artifact(run.run_id, file, "deep/file")
    if ended:
        store.update_run(run.run_id, status="FINISHED", end_time=2)
    return run


def gc(store: EmbeddedStore, older_than: int = 0, *, dry_run: bool = False) -> Collected:
    return collect(store, older_than, dry_run=dry_run)


def is_there(store: EmbeddedStore, run: Run) -> bool:
    try:
        store.get_run(run.run_id)
    except TrackingError:
        return False
    return True


def test_deleted_runs_go_with_their_files_and_others_stay(store: EmbeddedStore) -> None:
    gone, stays = logged(store), logged(store)
    folder = store.artifact_folder(gone.run_id)
    store.delete_run(gone.run_id)
    told = gc(store, dry_run=True)
    assert is_there(store, gone) and folder.exists()
    done = gc(store)
    assert told == done
    assert ([item.id for item in done.removed], done.files, done.size) == ([gone.run_id], 1, 5)
    assert not is_there(store, gone) and not folder.parent.exists()
    assert store.metric_history(stays.run_id, "m") and store.list_artifacts(stays.run_id)
    assert [found.name for found in store.search_datasets(["0"])] == [f"data of {stays.run_id}"]
    assert gc(store).removed == []


def test_only_what_was_deleted_long_ago(store: EmbeddedStore) -> None:
    run = logged(store)
    store.delete_run(run.run_id)
    assert gc(store, 60_000).removed == []
    assert is_there(store, run)


def test_a_deleted_experiment_goes_with_runs_models_and_traces(store: EmbeddedStore) -> None:
    experiment = store.create_experiment("old")
    run = logged(store, experiment)
    model = store.create_logged_model(experiment, name="m", source_run_id=run.run_id)
    store.upload_artifact(model.model_id, store.directory.parent / "file", "weights")
    store.record_trace(Trace("tr-1", experiment, request_time=1, state="OK"))
    spans = store.directory / "artifacts" / experiment / "traces" / "tr-1" / "artifacts" / "traces.json"
    spans.parent.mkdir(parents=True)
    spans.write_text("{}")
    store.delete_experiment(experiment)
    done = gc(store)
    assert [item.kind for item in done.removed] == ["run", "logged model", "experiment"]
    assert (done.files, store.get_experiment_by_name("old")) == (3, None)
    assert not (store.directory / "artifacts" / experiment).exists()
    assert store.create_experiment("old") != experiment


def test_an_experiment_in_a_folder_of_the_user_takes_its_own_traces_only(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    experiment = store.create_experiment("mine", artifact_location=str(tmp_path / "work"))
    store.record_trace(Trace("tr-1", experiment, request_time=1, state="OK"))
    for trace in ("tr-1", "tr-of-another-experiment", "what-the-user-put-there"):
        (tmp_path / "work" / "traces" / trace).mkdir(parents=True)
        (tmp_path / "work" / "traces" / trace / "file").write_text("x")
    store.delete_experiment(experiment)
    assert gc(store, dry_run=True).files == gc(store).files == 1
    assert {folder.name for folder in (tmp_path / "work" / "traces").iterdir()} == {
        "tr-of-another-experiment",
        "what-the-user-put-there",
    }


def test_a_run_that_goes_on_is_kept_until_it_ends(store: EmbeddedStore) -> None:
    lease = Lease.take(store.directory / "jobs", None, None)
    watched, logging = logged(store, ended=False), logged(store, ended=False)
    lease.names(watched.run_id)
    store.set_tag(watched.run_id, JOB, lease.name)
    for run in (watched, logging):
        store.delete_run(run.run_id)
    assert [reason for _, reason in gc(store).kept] == [
        "it is running",
        "it has not ended, and was deleted today",
    ]
    assert is_there(store, watched) and is_there(store, logging)
    lease.abandon()
    done = gc(store)
    assert [item.id for item in done.removed] == [watched.run_id]
    assert not lease.folder.exists()


def test_the_files_of_a_registered_version_are_kept_with_their_experiment(store: EmbeddedStore) -> None:
    experiment = store.create_experiment("old")
    run = logged(store, experiment)
    store.create_registered_model("iris")
    store.create_model_version("iris", f"{run.artifact_uri}/deep", run_id=run.run_id)
    store.delete_experiment(experiment)
    done = gc(store)
    assert [(kept.item.kind, kept.reason) for kept in done.kept] == [
        ("run", "version 1 of iris has its files"),
        ("experiment", "it contains items that are kept"),
    ]
    assert store.list_artifacts(run.run_id)
    store.delete_registered_model("iris")
    assert [item.kind for item in gc(store).removed] == ["run", "experiment"]


def test_the_next_time_finishes_what_was_interrupted(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [logged(store) for _ in range(3)]
    folders = [store.artifact_folder(run.run_id) for run in runs]
    for run in runs:
        store.delete_run(run.run_id)
    real, calls = shutil.rmtree, iter(range(10))

    def killed(*args: object, **options: object) -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt
        real(*args, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            gc(store)
    assert not any(is_there(store, run) for run in runs)
    assert sum(folder.exists() for folder in folders) == 2
    gc(store)
    assert not any(folder.exists() for folder in folders)


def test_what_is_restored_in_between_stays(store: EmbeddedStore) -> None:
    run = logged(store)
    store.delete_run(run.run_id)
    garbage = store.garbage()
    found = garbage.deleted(before=2**62)
    store.restore_run(run.run_id)
    assert garbage.remove(found) == []
    garbage.sweep()
    assert store.list_artifacts(run.run_id)


def test_a_run_that_moved_keeps_its_files_when_its_first_experiment_goes(store: EmbeddedStore) -> None:
    experiment = store.create_experiment("old")
    run = logged(store, experiment)
    store.move_run(run.run_id, "0")
    store.delete_experiment(experiment)
    assert [item.kind for item in gc(store).removed] == ["experiment"]
    assert store.list_artifacts(run.run_id)


def test_uploads_that_were_killed_go_after_a_day(store: EmbeddedStore) -> None:
    run = logged(store)
    folder = store.artifact_folder(run.run_id)
    for name, hours in ((".arriving-1", 25), (".arriving-2", 23), ("old", 25)):
        (folder / name).write_text("half")
        os.utime(folder / name, (time.time() - hours * 3600,) * 2)
    gc(store)
    assert {file.name for file in folder.iterdir()} == {".arriving-2", "old", "deep"}


def test_the_default_experiment_stays(store: EmbeddedStore) -> None:
    run = logged(store)
    store.delete_experiment("0")
    assert [item.id for item in gc(store).removed] == [run.run_id]
    assert store.get_experiment("0").lifecycle_stage == "deleted"
