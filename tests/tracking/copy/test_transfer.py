"""Stores are copied whole and once, whatever they hold and however often a copy is interrupted."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from reprise.schemas.entities import Assessment, Metric, ModelLink, Run, Trace
from reprise.schemas.tags import COPY_INCOMPLETE
from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.copied.destination import EmbeddedDestination
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.tracking.copy.conftest import Copy, numbers, told


def logged(store: EmbeddedStore, experiment: str = "0", name: str = "a run") -> Run:
    run = store.create_run(experiment, start_time=1, user_id="ada", run_name=name)
    store.log_batch(run.run_id, metrics=[Metric("m", i / 3, i, i) for i in range(10)], params={"p": "1"})
    file = store.directory / "file"
    file.write_bytes(b"data")
    store.upload_artifact(run.run_id, file, "deep/file.bin")
    store.update_run(run.run_id, status="FINISHED", end_time=2)
    return store.get_run(run.run_id)


def test_an_embedded_store_is_copied_with_all_it_holds(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
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
    gone = source.create_logged_model(experiment, name="gone")
    source.delete_logged_model(gone.model_id)

    census = copy(source)
    assert (census.differences, census.notes) == ((), ())
    assert numbers(census, "runs") == (2, 2, 0, 0)
    assert numbers(census, "logged models") == (2, 2, 0, 0)
    assert numbers(census, "versions") == (2, 2, 0, 0)
    assert numbers(census, "points") == (22, 22, 0, 0)  # the model has one of its own as well
    assert numbers(census, "files") == (2, 2, 0, 0)
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
    assert copy(source, writes=False).differences == ()


def test_traces_come_with_their_spans_and_what_was_said_of_them(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy, tmp_path: Path
) -> None:
    run = logged(source)
    said = Assessment("a-1", "tr-1", "good", "feedback", '{"value": true}', "HUMAN", "ada", 5, 6)
    trace = source.record_trace(
        Trace("tr-1", "0", 7, "OK", 8, None, "in", "out", {"k": "v"}, {"m": "n"}, (said,))
    )
    source.link_traces(["tr-1"], run.run_id)
    spans = tmp_path / "traces.json"
    spans.write_text('{"spans": []}')
    source.artifacts.copy_in(spans, "0/traces/tr-1/artifacts/traces.json")

    census = copy(source)
    assert told(census) == []
    assert numbers(census, "traces") == numbers(census, "assessments") == (1, 1, 0, 0)
    assert destination.get_trace("tr-1") == trace
    assert destination.runs_of_trace("tr-1") == (run.run_id,)
    copied = destination.directory / "artifacts/0/traces/tr-1/artifacts/traces.json"
    assert copied.read_text() == '{"spans": []}'


def test_experiments_are_matched_by_name_and_what_is_here_stays(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    taken = destination.create_experiment("other")
    here = destination.create_experiment("iris", tags={"a": "mine"})
    source.create_experiment("iris", tags={"a": "theirs", "b": "new"})
    theirs = source.create_experiment("new one")
    run = logged(source, theirs)
    assert (taken, here, theirs) == ("1", "2", "2")
    census = copy(source)
    assert destination.get_experiment(here).tags == {"a": "mine", "b": "new"}
    assert told(census) == [
        "experiment 'iris': a: it is 'theirs', here 'mine': it was here before, with another value"
    ]
    moved = destination.get_run(run.run_id)
    assert destination.get_experiment(moved.experiment_id).name == "new one"
    assert moved.artifact_uri == f"mlflow-artifacts:/{moved.experiment_id}/{run.run_id}/artifacts"
    destination.log_batch(run.run_id, tags={"mine": "yes"})
    copy(source)
    assert destination.get_run(run.run_id).tags["mine"] == "yes"


def test_a_copy_that_stopped_in_a_run_goes_on(
    source: EmbeddedStore,
    destination: EmbeddedDestination,
    copy: Copy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = logged(source)
    with monkeypatch.context() as broken:
        broken.setattr(destination, "put_file", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        census = copy(source)
    assert told(census) == [f"run {run.run_id}: deep/file.bin: disk full"]
    assert numbers(census, "files") == (1, 0, 0, 1)
    assert destination.get_run(run.run_id).tags[COPY_INCOMPLETE] == "true"
    assert copy(source).differences == ()
    assert destination.get_run(run.run_id) == source.get_run(run.run_id)
    assert destination.list_artifacts(run.run_id, "deep")


def test_one_file_that_is_refused_takes_no_other_with_it(
    source: EmbeddedStore,
    destination: EmbeddedDestination,
    copy: Copy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = logged(source)
    for name in ("a", "b", "c"):
        source.upload_artifact(run.run_id, source.directory / "file", name)
    put_file = destination.put_file

    def refuse(place: object, file: Path, path: str) -> None:
        if path == "b":
            raise OSError("no b here")
        put_file(place, file, path)  # type: ignore[arg-type]

    monkeypatch.setattr(destination, "put_file", refuse)
    census = copy(source)
    assert told(census) == [f"run {run.run_id}: b: no b here"]
    assert {artifact.path for artifact in destination.list_artifacts(run.run_id)} == {"a", "c", "deep"}


def test_another_version_of_the_same_number_is_told_and_stays(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    for store in (source, destination):
        store.create_registered_model("iris")
        store.create_model_version("iris", "/somewhere", run_id=logged(store).run_id)
    kept = destination.get_model_version("iris", "1")
    census = copy(source)
    assert any("another version of this number is there already" in text for text in told(census))
    assert destination.get_model_version("iris", "1") == kept


def test_a_comparison_writes_nothing_and_finds_what_differs(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    run, missing = logged(source), logged(source)
    copy(source)
    destination.log_batch(run.run_id, tags={"mlflow.runName": "other"})
    (destination.artifact_folder(run.run_id) / "deep" / "file.bin").write_bytes(b"atad")
    with destination._database.writing() as connection:
        connection.execute("DELETE FROM point WHERE step = 3")
        connection.execute("UPDATE run_param SET value = '2'")
        connection.execute("DELETE FROM run WHERE run_id = ?", (missing.run_id,))
    before = destination.get_run(run.run_id)
    census = copy(source, writes=False)
    assert destination.get_run(run.run_id) == before
    assert sorted(told(census)) == sorted(
        [
            f"run {missing.run_id}: : it is missing for an unknown reason",
            f"run {run.run_id}: : name is 'a run', here 'other'",
            f"run {run.run_id}: deep/file.bin: its content is another one here",
            f"run {run.run_id}: metrics/m: it is missing for an unknown reason",
            f"run {run.run_id}: mlflow.runName: it is 'a run', here 'other'",
            f"run {run.run_id}: p: it is '1', here '2'",
        ]
    )
    assert numbers(census, "points") == (20, 9, 0, 11)
    assert numbers(census, "params") == (2, 0, 1, 1)


def test_webhooks_and_evaluation_datasets_are_named(
    source: EmbeddedStore, destination: EmbeddedDestination, copy: Copy
) -> None:
    """A copy leaves them out; its owner hears of each, here and from a server."""
    source.create_webhook("w", "https://example.com/hook", ["registered_model.created"], secret="hush")
    source.create_evaluation_dataset("questions", experiment_ids=["0"])
    named = ["webhook 'w'", "evaluation dataset 'questions'"]
    assert [fault.owner for fault in copy(source).differences] == named
    with Loopback.start(source, "0" * 32) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_TOKEN", server.environ["MLFLOW_TRACKING_TOKEN"])
        census = copy(server.uri)
    assert [fault.owner for fault in census.differences] == named
    assert "hush" not in str(census)
