"""``reprise import`` and ``reprise push`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reprise.schemas.entities import Metric
from reprise.server.loopback import Loopback
from reprise.tracking.embedded import EmbeddedStore
from tests.cli.conftest import Reprise
from tests.tracking.test_copying import RUN, file_store


def test_an_import_is_counted_and_a_second_one_changes_nothing(reprise: Reprise) -> None:
    run = file_store(Path("theirs"))
    (run / "artifacts" / "a.txt").write_text("hello")
    (run / "metrics" / "m").write_text("1 0.5 0\n")
    first = reprise("import", "theirs")
    assert (first.exit_code, first.out) == (0, "")
    assert first.err.startswith(
        "Imported 0 experiments, 1 run with 1 metric point, 1 file (5 bytes) in "
    ), first.err
    second = reprise("import", "theirs", "--json")
    assert json.loads(second.out)["runs"] == {"copied": 0, "there": 1}
    assert "1 run was there already" in second.err
    assert json.loads(reprise("runs", "show", RUN, "--json").out)["metrics"]["m"]["value"] == 0.5


def test_the_folder_of_mlflow_and_ours_may_be_the_same(reprise: Reprise) -> None:
    file_store(Path("mlruns"))
    assert reprise("import", "mlruns").exit_code == 0
    assert RUN[:8] in reprise("runs", "list").out
    assert (Path("mlruns") / "0" / RUN / "meta.yaml").is_file()


def test_problems_are_told_and_strict_makes_an_error_of_them(reprise: Reprise) -> None:
    file_store(Path("theirs"), uri="mlflow-artifacts:/x/y")
    loose = reprise("import", "theirs")
    assert (loose.exit_code, f"warning: run {RUN}: its artifacts" in loose.err) == (0, True), loose.err
    assert "reprise.copy.incomplete" in reprise("runs", "show", RUN).out
    strict = reprise("import", "theirs", "--strict")
    assert (strict.exit_code, "1 problem, told above" in strict.err) == (6, True)
    assert reprise("import", "theirs", "--strict", "--no-artifacts").exit_code == 0
    assert "reprise.copy.incomplete" not in reprise("runs", "show", RUN).out


def test_files_are_found_where_the_user_says(reprise: Reprise) -> None:
    file_store(Path("theirs"), uri=f"mlflow-artifacts:/0/{RUN}/artifacts")
    kept = Path("kept", "0", RUN, "artifacts", "deep")
    kept.mkdir(parents=True)
    (kept / "a.txt").write_text("hello")
    assert reprise("import", "theirs", "--artifacts", "kept", "--strict").exit_code == 0
    assert "deep/a.txt" in reprise("artifacts", "list", RUN, "-r").out


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["import", "nowhere"], 2, "there is no store at"),
        (["import", "."], 2, "holds no store"),
        (["import", "http://127.0.0.1:1"], 6, "127.0.0.1:1"),
        (["import", "theirs", "--tracking-uri", "http://127.0.0.1:1"], 2, "reprise push"),
        (["import", "mlruns"], 2, "is the store itself"),
        (["push", "somewhere"], 2, "is no server"),
        (["push", "http://127.0.0.1:1"], 6, "127.0.0.1:1"),
        (["push", "http://127.0.0.1:1", "@last", "--experiment", "x"], 2, "goes without"),
        (["push", "http://127.0.0.1:1", "--experiment", "nope"], 2, 'there is no experiment "nope"'),
    ],
)
def test_what_cannot_be_copied_is_told(
    reprise: Reprise, store: EmbeddedStore, args: list[str], code: int, said: str
) -> None:
    file_store(Path("theirs"))
    result = reprise(*args)
    assert (result.exit_code, said in result.err) == (code, True), result.err


def test_runs_are_pushed_once_and_come_back_from_there(
    reprise: Reprise, store: EmbeddedStore, tmp_path: Path
) -> None:
    Path("weights").write_bytes(b"123")
    parent = store.create_run("0", start_time=1, user_id="ada", run_name="parent")
    child = store.create_run(
        "0", start_time=2, user_id="ada", run_name="child", tags={"mlflow.parentRunId": parent.run_id}
    )
    for run in (parent, child):
        store.log_batch(run.run_id, metrics=[Metric("m", 0.5, 1, 1), Metric("m", 0.25, 2, 2)])
        store.upload_artifact(run.run_id, Path("weights"), "deep/weights")
        store.update_run(run.run_id, status="FINISHED", end_time=3)
    with EmbeddedStore(tmp_path / "other") as other, Loopback.start(other, "0" * 32) as there:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in there.environ.items():
                if name != "MLFLOW_TRACKING_URI":
                    patch.setenv(name, value)
            for expected in ({"copied": 1, "there": 0}, {"copied": 0, "there": 1}):
                pushed = reprise("push", there.uri, child.run_id, "--json", "--tracking-uri", "mlruns")
                assert json.loads(pushed.out)["runs"] == expected, pushed.err
            pushed = reprise("push", there.uri, "--json", "--tracking-uri", "mlruns")
            assert json.loads(pushed.out)["runs"] == {"copied": 1, "there": 1}, pushed.err
        found = {run.run_name: run for run in other.search_runs(["0"]).items}
        assert set(found) == {"parent", "child"}
        assert found["child"].tags["reprise.copied_from"] == child.run_id
        assert "reprise.copy.incomplete" not in found["child"].tags
        assert found["child"].end_time == 3
        history = other.metric_history(found["child"].run_id, "m")
        assert [(point.value, point.step) for point in history] == [(0.5, 1), (0.25, 2)]
        assert (other.artifact_folder(found["parent"].run_id) / "deep" / "weights").read_bytes() == b"123"
