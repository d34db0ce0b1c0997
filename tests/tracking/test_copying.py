"""Stores are copied whole and once, whatever they hold and however often a copy is interrupted."""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.errors import TrackingError, UsageError
from reprise.schemas.entities import Metric, ModelLink, Run
from reprise.schemas.tags import COPY_INCOMPLETE
from reprise.tracking.copying import Copying, Report
from reprise.tracking.copying_embedded import EmbeddedDestination
from reprise.tracking.embedded import EmbeddedStore
from reprise.tracking.import_sources import open_source
from reprise.tracking.import_tracking import TrackingSource

RUN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "source") as store:
        yield store


@pytest.fixture
def destination(tmp_path: Path) -> Iterator[EmbeddedDestination]:
    with EmbeddedDestination(tmp_path / "destination") as store:
        yield store


def logged(store: EmbeddedStore, experiment: str = "0", name: str = "a run") -> Run:
    run = store.create_run(experiment, start_time=1, user_id="ada", run_name=name)
    store.log_batch(run.run_id, metrics=[Metric("m", i / 3, i, i) for i in range(10)], params={"p": "1"})
    file = store.directory / "file"
    file.write_bytes(b"data")
    store.upload_artifact(run.run_id, file, "deep/file.bin")
    store.update_run(run.run_id, status="FINISHED", end_time=2)
    return store.get_run(run.run_id)


def copy(source: EmbeddedStore | str, destination: EmbeddedDestination, artifacts: bool = True) -> Report:
    opened = (
        TrackingSource(source) if isinstance(source, EmbeddedStore) else open_source(source, Path.cwd())
    )
    copying = Copying(opened, destination, artifacts=artifacts)
    copying.experiments()
    copying.registry(destination)
    return copying.report


def test_an_embedded_store_is_copied_with_all_it_holds(
    source: EmbeddedStore, destination: EmbeddedDestination
) -> None:
    experiment = source.create_experiment("iris", tags={"a": "b"})
    run = logged(source, experiment)
    model = source.create_logged_model(experiment, name="forest", source_run_id=run.run_id)
    source.finalize_logged_model(model.model_id, "LOGGED_MODEL_READY")
    source.log_outputs(run.run_id, [ModelLink(model.model_id, 3)])
    source.log_batch(run.run_id, metrics=[Metric("on model", math.nan, 5, 1, model.model_id)])
    source.create_registered_model("it's", description="d", tags={"k": "v"})
    source.create_model_version("it's", f"{run.artifact_uri}/deep", run_id=run.run_id)
    source.create_model_version("it's", f"models:/{model.model_id}")
    source.set_registered_model_alias("it's", "best", "2")
    source.delete_run(logged(source, experiment, "deleted").run_id)

    report = copy(source, destination)
    assert report.problems == ()
    assert (report.runs.copied, report.logged_models.copied, report.model_versions.copied) == (2, 1, 2)
    for found in source.search_runs([experiment], view_type="ALL").items:
        assert destination.get_run(found.run_id)._replace(metrics={}) == found._replace(metrics={})
    assert destination.metric_history(run.run_id, "m") == source.metric_history(run.run_id, "m")
    assert repr(destination.get_logged_model(model.model_id)) == repr(
        source.get_logged_model(model.model_id)
    )
    assert destination.get_registered_model("it's") == source.get_registered_model("it's")
    assert destination.model_location("it's", "1") == (run.run_id, "deep")
    assert destination.model_location("it's", "@best") == (model.model_id, "")
    assert (destination.artifact_folder(run.run_id) / "deep" / "file.bin").read_bytes() == b"data"


def test_experiments_are_matched_by_name_and_what_is_here_stays(
    source: EmbeddedStore, destination: EmbeddedDestination
) -> None:
    taken = destination.create_experiment("other")
    here = destination.create_experiment("iris", tags={"a": "mine"})
    source.create_experiment("iris", tags={"a": "theirs", "b": "new"})
    theirs = source.create_experiment("new one")
    run = logged(source, theirs)
    assert (taken, here, theirs) == ("1", "2", "2")
    copy(source, destination)
    assert destination.get_experiment(here).tags == {"a": "mine", "b": "new"}
    moved = destination.get_run(run.run_id)
    assert destination.get_experiment(moved.experiment_id).name == "new one"
    assert moved.artifact_uri == f"mlflow-artifacts:/{moved.experiment_id}/{run.run_id}/artifacts"
    destination.log_batch(run.run_id, tags={"mine": "yes"})
    copy(source, destination)
    assert destination.get_run(run.run_id).tags["mine"] == "yes"


def test_a_run_that_had_not_ended_is_brought_up_to_date(
    source: EmbeddedStore, destination: EmbeddedDestination
) -> None:
    run = source.create_run("0", start_time=1, user_id="ada")
    source.log_batch(run.run_id, metrics=[Metric("m", 1.0, 1, 1)])
    copy(source, destination)
    source.log_batch(run.run_id, metrics=[Metric("m", 2.0, 2, 2)], params={"late": "x"})
    source.update_run(run.run_id, status="FINISHED", end_time=9)
    report = copy(source, destination)
    assert report.runs == (0, 1)
    assert destination.get_run(run.run_id) == source.get_run(run.run_id)
    assert len(destination.metric_history(run.run_id, "m")) == 2


def test_a_copy_that_stopped_in_a_run_goes_on(
    source: EmbeddedStore, destination: EmbeddedDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = logged(source)
    with monkeypatch.context() as broken:
        broken.setattr(destination, "put_file", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        report = copy(source, destination)
    assert report.problems == (f"run {run.run_id}: disk full",)
    assert destination.get_run(run.run_id).tags[COPY_INCOMPLETE] == "true"
    assert copy(source, destination).problems == ()
    assert destination.get_run(run.run_id) == source.get_run(run.run_id)
    assert destination.list_artifacts(run.run_id, "deep")


def test_another_version_of_the_same_number_is_told_and_stays(
    source: EmbeddedStore, destination: EmbeddedDestination
) -> None:
    for store in (source, destination):
        store.create_registered_model("iris")
        store.create_model_version("iris", "/somewhere", run_id=logged(store).run_id)
    kept = destination.get_model_version("iris", "1")
    assert copy(source, destination).problems == (
        "version 1 of 'iris': another version of this number is there already",
    )
    assert destination.get_model_version("iris", "1") == kept


def file_store(folder: Path, run: str = RUN, uri: str | None = None, **meta: object) -> Path:
    """An MLflow file store with one run, as MLflow lays it out; returns the run's folder."""
    home = folder / "0" / run
    for part in ("params", "metrics", "tags", "artifacts"):
        (home / part).mkdir(parents=True)
    (folder / "0" / "meta.yaml").write_text("name: Default\nexperiment_id: '0'\nlifecycle_stage: active\n")
    facts = {"status": 3, "start_time": 5, "end_time": 6, "run_name": "r", "user_id": "u", **meta}
    facts["artifact_uri"] = uri or f"/old/machine/mlruns/0/{run}/artifacts"
    (home / "meta.yaml").write_text("".join(f"{key}: {value}\n" for key, value in facts.items()))
    return home


def test_a_folder_that_was_moved_is_read_where_it_is(
    tmp_path: Path, destination: EmbeddedDestination
) -> None:
    run = file_store(tmp_path / "mlruns")
    (run / "artifacts" / "a.txt").write_text("hello")
    (run / "metrics" / "deep").mkdir()
    (run / "metrics" / "deep" / "m").write_text("1 0.5\n2 nan 1\n3 -inf 2 a data set 0f0f\n")
    report = copy(str(tmp_path / "mlruns"), destination)
    assert (report.problems, report.points, report.files) == ((), 3, 1)
    (old, none, low) = destination.metric_history(RUN, "deep/m")
    assert (old.value, old.step, math.isnan(none.value), low.value) == (0.5, 0, True, -math.inf)
    assert (low.dataset_name, low.dataset_digest) == ("a data set", "0f0f")


def test_symbolic_links_in_a_store_are_not_followed(
    tmp_path: Path, destination: EmbeddedDestination
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("private")
    run = file_store(tmp_path / "mlruns")
    (run / "artifacts" / "link").symlink_to(secret / "key")
    (run / "artifacts" / "folder").symlink_to(secret)
    (run / "params" / "link").symlink_to(secret / "key")
    (run / "tags" / "folder").symlink_to(secret)
    (run.parent / ("f" * 32)).symlink_to(run)
    report = copy(str(tmp_path / "mlruns"), destination)
    assert (report.runs.copied, report.files, report.problems) == (1, 0, ())
    found = destination.get_run(RUN)
    assert (found.params, found.tags) == ({}, {})


def test_artifacts_are_read_only_where_mlflow_would_keep_them(
    tmp_path: Path, destination: EmbeddedDestination
) -> None:
    (tmp_path / "private" / "artifacts").mkdir(parents=True)
    (tmp_path / "private" / "artifacts" / "key").write_text("private")
    store = tmp_path / "mlruns"
    file_store(store, "a" * 32, uri=f"{tmp_path}/private/artifacts")
    file_store(store, "b" * 32, uri=f"{tmp_path}/x/../private/{'b' * 32}/artifacts")
    linked = file_store(store, "c" * 32)
    (linked / "artifacts").rmdir()
    (linked / "artifacts").symlink_to(tmp_path / "private" / "artifacts")
    report = copy(str(store), destination)
    assert (report.runs.copied, report.files, len(report.problems)) == (3, 0, 3)
    assert copy(str(store), destination, artifacts=False).problems == ()
    assert COPY_INCOMPLETE not in destination.get_run("a" * 32).tags


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("status: 9\n", "KeyError"),
        ("status: [1\n", "is no YAML"),
        ("- a list\n", "is not what MLflow writes"),
        ("status: 3\nstart_time: soon\n", "ValueError"),
        ("x" * (1 << 21), "larger than MLflow writes it"),
    ],
)
def test_a_broken_run_is_told_and_the_others_are_copied(
    tmp_path: Path, destination: EmbeddedDestination, text: str, said: str
) -> None:
    store = tmp_path / "mlruns"
    file_store(store)
    broken = file_store(store, "b" * 32)
    (broken / "meta.yaml").write_text(text)
    report = copy(str(store), destination)
    assert report.runs.copied == 1
    assert len(report.problems) == 1
    assert report.problems[0].startswith(f"run {'b' * 32}") and said in report.problems[0]


def test_a_broken_metric_is_told_with_its_run(tmp_path: Path, destination: EmbeddedDestination) -> None:
    run = file_store(tmp_path / "mlruns")
    (run / "metrics" / "m").write_text("1 0.5 0\nnot a line\n")
    (problem,) = copy(str(tmp_path / "mlruns"), destination).problems
    assert problem.startswith(f"run {RUN}: ")
    assert destination.get_run(RUN).tags[COPY_INCOMPLETE] == "true"


def test_ids_that_would_leave_their_folder_are_refused(
    tmp_path: Path, destination: EmbeddedDestination
) -> None:
    database = tmp_path / "mlflow.db"
    with sqlite3.connect(database) as connection:
        connection.executescript(
            "CREATE TABLE alembic_version (version_num);"
            "CREATE TABLE experiments (experiment_id, name, artifact_location, lifecycle_stage);"
            "CREATE TABLE runs (run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage,"
            " artifact_uri, experiment_id);"
            "CREATE TABLE tags (key, value, run_uuid);"
            "INSERT INTO experiments VALUES (0, 'Default', '/x', 'active');"
            "INSERT INTO runs VALUES ('../../etc', 'n', 'u', 'FINISHED', 1, 2, 'active', '/etc', 0);"
            f"INSERT INTO runs VALUES ('{RUN}', 'n', 'u', 'FINISHED', 1, 2, 'active', '/etc', 0);"
        )
    connection.close()
    with_files = copy(str(database), destination)
    assert [problem.partition(":")[0] for problem in with_files.problems] == ["run ../../etc", f"run {RUN}"]
    assert "is not the id of a run" in with_files.problems[0]
    assert with_files.runs.copied == 1


def test_what_is_no_store_is_refused_with_what_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database")
    (tmp_path / "empty").mkdir()
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    (tmp_path / "half.db").write_bytes(b"SQLite format 3\0" + os.urandom(100))
    for name, kind in (("text", UsageError), ("empty", UsageError), ("nowhere", UsageError)):
        with pytest.raises(kind) as refused:
            open_source(name, tmp_path)
        assert refused.value.hint is not None
    for name in ("other.db", "half.db"):
        with pytest.raises(TrackingError):
            open_source(name, tmp_path)


def test_artifacts_in_a_store_of_objects_are_fetched(
    tmp_path: Path, destination: EmbeddedDestination
) -> None:
    import fsspec  # type: ignore[import-untyped]

    memory = fsspec.filesystem("memory")
    memory.pipe(f"/bucket/0/{RUN}/artifacts/deep/a.txt", b"hello")
    file_store(tmp_path / "mlruns", uri=f"memory://bucket/0/{RUN}/artifacts")
    file_store(tmp_path / "mlruns", "b" * 32, uri=f"nosuch://bucket/0/{'b' * 32}/artifacts")
    report = copy(str(tmp_path / "mlruns"), destination)
    assert report.files == 1
    assert (destination.artifact_folder(RUN) / "deep" / "a.txt").read_bytes() == b"hello"
    (problem,) = report.problems
    assert problem.startswith(f"run {'b' * 32}: its artifacts are kept at nosuch://")
