"""What lies in a file store of MLflow is carried, or told; a bad piece takes nothing else with it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from reprise.schemas.entities import ViewType
from reprise.tracking.sqlite.copied.destination import EmbeddedDestination
from tests.tracking.copy.conftest import Copy, numbers, told
from tests.tracking.copy.stores import RUN, TIME, make_experiment, make_run, write_texts


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "mlruns"


def names(destination: EmbeddedDestination, view: ViewType = "ACTIVE_ONLY") -> set[str]:
    return {found.name for found in destination.search_experiments(view_type=view).items}


def run_ids(destination: EmbeddedDestination, view: ViewType = "ACTIVE_ONLY") -> set[str]:
    ids = [found.experiment_id for found in destination.search_experiments(view_type="ALL").items]
    return {run.run_id for run in destination.search_runs(ids, view_type=view).items}


def test_points_keep_every_form_that_mlflow_wrote(
    store: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    lines = "1 0.5\n2 nan 1\n3 -inf 2 a data set 0f0f\r\n\n3 -inf 2 a data set 0f0f\n"
    make_run(make_experiment(store, "1", "x"), RUN, metrics={"deep/m": lines})
    census = copy(store)
    assert told(census) == []
    assert numbers(census, "points") == (4, 4, 0, 0)  # one of them is written twice
    (old, none, low) = destination.metric_history(RUN, "deep/m")
    assert (old.value, old.step, math.isnan(none.value), low.value) == (0.5, 0, True, -math.inf)
    assert (low.dataset_name, low.dataset_digest) == ("a data set", "0f0f")


def test_what_lies_in_the_trash_is_deleted_whatever_its_file_says(
    store: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    make_run(make_experiment(store, "1", "live"), "a" * 32)
    gone = make_experiment(store, "2", "gone", stage="active", trash=True)
    make_run(gone, "b" * 32, files={"kept.txt": "x"})
    make_run(make_experiment(store, "1", "again", trash=True), "c" * 32)
    make_run(store / "1" / ".trash", "d" * 32)
    make_run(store / ".trash", "e" * 32)
    census = copy(store)
    assert told(census) == []
    assert names(destination) == {"Default", "live"}
    assert names(destination, "DELETED_ONLY") == {"gone", "again", "runs from the trash"}
    assert run_ids(destination) == {"a" * 32}
    assert run_ids(destination, "DELETED_ONLY") == {letter * 32 for letter in "bcde"}
    assert (destination.artifact_folder("b" * 32) / "kept.txt").read_text() == "x"


def test_the_time_of_a_deletion_is_kept(store: Path, destination: EmbeddedDestination, copy: Copy) -> None:
    home = make_experiment(store, "1", "x")
    make_run(home, "a" * 32, stage="deleted", more=f"deleted_time: {TIME + 7}\n")
    make_run(make_experiment(store, "2", "gone", trash=True), "b" * 32)
    copy(store)
    assert destination.get_run("a" * 32).deleted_time == TIME + 7
    assert destination.get_run("b" * 32).deleted_time == TIME + 5  # with its experiment
    assert destination.get_experiment("2").last_update_time == TIME + 5


def test_folders_without_meta_yaml_are_made_of_what_is_there(
    store: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    make_experiment(store, "0", "Default")
    lost = make_experiment(store, "7", "its name is lost")
    run = make_run(lost, "a" * 32, params={"p": "1"}, tags={"mlflow.runName": "one", "mlflow.user": "ada"})
    make_run(lost, "b" * 32, metrics={"m": "1 2 3\n"}, files={"f": "x"})
    for file in (lost / "meta.yaml", run / "meta.yaml"):
        file.unlink()
    (store / "8").mkdir()
    model = lost / "models" / "m-1"
    write_texts(model / "params", {"depth": "3"})
    census = copy(store)
    assert [fault.owner for fault in census.differences] == [
        "experiment 7",
        "logged model m-1",
        f"run {'a' * 32}",
        "experiment 8",
    ]
    assert numbers(census, "runs") == (2, 2, 0, 0)
    found = destination.get_run("a" * 32)
    assert (found.run_name, found.user_id, found.status, found.params) == (
        "one",
        "ada",
        "KILLED",
        {"p": "1"},
    )
    assert found.start_time == pytest.approx((run / "params" / "p").stat().st_mtime * 1000, abs=60_000)
    assert destination.get_run("b" * 32).status == "FINISHED"
    assert destination.get_experiment("7").name == "recovered 7"
    assert destination.get_logged_model("m-1").params == {"depth": "3"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("status: [1\n", "is not YAML, line 2"),
        ("- a list\n", "is not what MLflow writes"),
        ("x" * (1 << 21), "is larger than MLflow writes it"),
        (b"name: \xff\n", "is not UTF-8 text"),
    ],
)
def test_a_run_whose_file_is_broken_is_made_of_what_is_there(
    store: Path, destination: EmbeddedDestination, copy: Copy, text: str | bytes, said: str
) -> None:
    run = make_run(make_experiment(store, "1", "x"), RUN, params={"p": "1"})
    write_texts(run, {"meta.yaml": text})
    (difference,) = told(copy(store))
    assert difference.startswith(f"run {RUN}: meta.yaml: it {said}")
    assert destination.get_run(RUN).params == {"p": "1"}


def test_one_bad_field_does_not_take_the_others_with_it(
    store: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    run = make_run(make_experiment(store, "1", "x"), RUN)
    meta = (run / "meta.yaml").read_text()
    (run / "meta.yaml").write_text(
        meta.replace("status: 3", "status: 9").replace(f"start_time: {TIME}", "start_time: soon")
    )
    assert set(told(copy(store))) == {
        f"run {RUN}: meta.yaml: start_time is 'soon', which is not a number",
        f"run {RUN}: meta.yaml: status is 9, which is not known",
    }
    found = destination.get_run(RUN)
    assert (found.run_name, found.status, found.end_time) == ("r", "KILLED", TIME + 1000)


def test_a_piece_that_cannot_be_read_is_named_with_its_line_and_the_rest_is_carried(
    store: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    make_run(
        make_experiment(store, "1", "x"),
        RUN,
        metrics={"acc": "1 1.5 0\n", "loss": f"1 0.5 0\n2 0.4\x01 1\n{2**70} 1 1\n3 0.3 2\n16000000"},
        params={"p": "1"},
        tags={"good": "yes", "bad": b"\xff\xfe"},
        files={"f.txt": "x"},
    )
    census = copy(store)
    reasons = [difference.removeprefix(f"run {RUN}: ") for difference in told(census)]
    assert reasons == [
        "tags/bad: it is not UTF-8 text (byte 0)",
        r"metrics/loss: line 2 is not a point: '2 0.4\x01 1'",
        "metrics/loss: line 3 is not a point: '1180591620717411303424 1 1'",
        "metrics/loss: line 5 is not a point: '16000000'",
    ]
    assert numbers(census, "points") == (6, 3, 0, 3)
    assert numbers(census, "tags") == (2, 1, 0, 1)
    found = destination.get_run(RUN)
    assert (found.metrics["acc"].value, found.metrics["loss"].value) == (1.5, 0.3)
    assert destination.list_artifacts(RUN)
    assert "reprise.copy.incomplete" not in found.tags


def test_a_line_without_an_end_may_be_cut(store: Path, copy: Copy) -> None:
    make_run(make_experiment(store, "1", "x"), RUN, metrics={"m": "1 0.5 0\n2 0.2"})
    census = copy(store)
    assert (told(census), numbers(census, "points")) == ([], (2, 2, 0, 0))
    assert "may be cut" in census.notes[0]


def test_symbolic_links_are_followed_within_the_store_and_told_where_they_lead_out(
    store: Path, destination: EmbeddedDestination, copy: Copy, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("private")
    run = make_run(make_experiment(store, "1", "x"), RUN, files={"deep/model": "data"})
    artifacts = run / "artifacts"
    (artifacts / "inside").symlink_to(artifacts / "deep" / "model")
    (artifacts / "folder inside").symlink_to("deep")
    (artifacts / "loop").symlink_to(artifacts)
    (artifacts / "outside").symlink_to(secret / "key")
    (artifacts / "folder outside").symlink_to(secret)
    (artifacts / "nowhere").symlink_to(secret / "nothing")
    (run / "params" / "link").symlink_to(secret / "key")
    (run / "tags" / "folder").symlink_to(secret)
    (run.parent / ("f" * 32)).symlink_to(run)
    (run.parent / ("e" * 32)).symlink_to(secret)
    census = copy(store)
    found = {artifact.path for artifact in destination.list_artifacts(RUN)}
    assert found == {"deep", "inside", "folder inside"}
    assert (destination.artifact_folder(RUN) / "folder inside" / "model").read_text() == "data"
    kinds = sorted((fault.kind, fault.name) for fault in census.differences)
    assert kinds == [
        ("files", "folder outside"),
        ("files", "loop"),
        ("files", "nowhere"),
        ("files", "outside"),
        ("params", "params/link"),
        ("runs", "e" * 32),
        ("tags", "tags/folder"),
    ]
    assert destination.get_run(RUN).params == {}


def test_datasets_and_models_that_are_missing_are_told(
    store: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    home = make_experiment(store, "1", "x")
    run = make_run(home, RUN)
    write_texts(home / "datasets" / "d1", {"meta.yaml": "name: n\ndigest: d\nsource_type: t\nsource: s\n"})
    for identity in ("d1", "d2", "../../1"):
        folder = run / "inputs" / identity.replace("/", "_")
        link = f"source_type: DATASET\nsource_id: {identity}\ntags: {{mlflow.data.context: train}}\n"
        write_texts(folder, {"meta.yaml": link})
    census = copy(store)
    assert numbers(census, "datasets") == (3, 1, 0, 2)
    assert [fault.name for fault in census.differences] == ["'../../1'", "datasets/d2/meta.yaml"]
    (given,) = destination.get_run(RUN).dataset_inputs
    assert (given.dataset.name, given.tags) == ("n", {"mlflow.data.context": "train"})


def test_what_mlflow_does_not_make_is_told(store: Path, copy: Copy) -> None:
    make_run(make_experiment(store, "1", "x"), RUN)
    for folder in ("notes", "1/plots", "models/empty", ".ipynb_checkpoints"):
        (store / folder).mkdir(parents=True)
    census = copy(store)
    assert told(census) == []
    assert len([note for note in census.notes if "is left out" in note]) == 3


def test_a_blank_name_gets_a_name(store: Path, destination: EmbeddedDestination, copy: Copy) -> None:
    make_run(make_experiment(store, "4", "  "), RUN, params={"a": "1"})
    make_experiment(store, "5", " ")
    census = copy(store)
    assert (told(census), len(census.notes)) == ([], 2)
    assert destination.get_run(RUN).params == {"a": "1"}
    assert names(destination) == {"Default", "unnamed 4", "unnamed 5"}
    assert copy(store).differences == ()
    assert names(destination) == {"Default", "unnamed 4", "unnamed 5"}


def test_rules_for_new_names_are_not_applied_to_old_ones(
    store: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    run = make_run(make_experiment(store, "1", "n" * 600), RUN, params={"k" * 251: "v"}, tags={"a=b": "c"})
    home = store / "models" / "team: old"
    write_texts(home, {"meta.yaml": "name: x\ncreation_timestamp: 1\n", "aliases/latest": "1"})
    version = f"creation_timestamp: 1\ncurrent_stage: canary\nrun_id: {RUN}\nsource: {run}/artifacts/m\n"
    write_texts(home / "version-1", {"meta.yaml": version})
    assert told(copy(store)) == []
    assert destination.get_run(RUN).params == {"k" * 251: "v"}
    assert destination.get_registered_model("team: old").aliases == {"latest": 1}


def test_default_keeps_its_times(store: Path, destination: EmbeddedDestination, copy: Copy) -> None:
    make_experiment(store, "0", "Default", tags={"a": "b"})
    copy(store)
    default = destination.get_experiment("0")
    assert (default.creation_time, default.last_update_time) == (TIME, TIME + 5)
    assert default.tags == {"a": "b"}


def test_traces_come_with_what_was_said_of_them_and_broken_ones_are_told(
    store: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    home = make_experiment(store, "1", "x")
    newer = home / "traces" / "tr-new"
    write_texts(
        newer,
        {
            "trace_info.yaml": "trace_id: tr-new\nrequest_time: '2026-01-02T03:04:05.678Z'\nstate: OK\n"
            "execution_duration_ms: 12\nrequest_preview: in\n",
            "tags/mlflow.traceName": "f",
            "request_metadata/mlflow.sourceRun": RUN,
            "artifacts/traces.json": '{"spans": []}',
            "assessments/a-1.yaml": "assessment_id: a-1\nassessment_name: good\nfeedback: {value: true}\n"
            "create_time: '2026-01-02T03:04:05Z'\nsource: {source_type: HUMAN, source_id: ada}\n",
            "assessments/a-2.yaml": "assessment_id: a-2\n",
        },
    )
    older = "request_id: tr-old\ntimestamp_ms: 5\nexecution_time_ms: 6\nstatus: ERROR\n"
    write_texts(home / "traces" / "tr-old", {"trace_info.yaml": older})
    write_texts(home / "traces" / "tr-bad", {"tags/k": "v"})
    make_run(home, RUN)
    census = copy(store)
    assert [(fault.kind, fault.owner) for fault in census.differences] == [
        ("traces", "trace tr-bad"),
        ("assessments", "trace tr-new"),
    ]
    assert numbers(census, "traces") == (3, 3, 0, 0)
    trace = destination.get_trace("tr-new")
    assert (trace.request_time, trace.duration, trace.state) == (1767323045678, 12, "OK")
    assert [(said.name, said.value) for said in trace.assessments] == [("good", '{"value": true}')]
    assert destination.runs_of_trace("tr-new") == (RUN,)
    assert destination.get_trace("tr-old").state == "ERROR"
    spans = destination.directory / "artifacts/1/traces/tr-new/artifacts/traces.json"
    assert spans.read_text() == '{"spans": []}'
