"""``reprise import`` and ``reprise push`` from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reprise.schemas.entities import Metric
from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.cli.conftest import Reprise
from tests.tracking.copy.stores import RUN, make_experiment, make_run


def test_an_import_is_counted_and_a_second_one_changes_nothing(reprise: Reprise) -> None:
    run = make_run(
        make_experiment(Path("theirs"), "1", "x"), RUN, metrics={"m": "1 0.5 0\n"}, files={"a": "hello"}
    )
    first = reprise("import", "theirs")
    assert first.exit_code == 0, first.err
    head = ["KIND", "IN THE SOURCE", "ARRIVED", "DIFFERENT", "LEFT OUT"]
    assert re.split("  +", first.out.splitlines()[0]) == head
    assert [line.split() for line in first.out.splitlines()[1:]] == [
        ["experiments", "1", "1", "0", "0"],
        ["runs", "1", "1", "0", "0"],
        ["points", "1", "1", "0", "0"],
        ["files", "1", "1", "0", "0"],
        ["bytes", "5", "bytes", "5", "bytes", "0", "bytes", "0", "bytes"],
    ]
    store = Path("mlruns").resolve()
    assert f"Imported 1 run into {store} in " in first.err and "nothing is missing" in first.err
    second = reprise("import", "theirs", "--json", "--strict")
    told = json.loads(second.out)
    assert (told["new_runs"], told["known_runs"], told["differences"]) == (0, 1, [])
    assert (told["source"], told["destination"]) == (str(Path("theirs").resolve()), str(store))
    assert told["census"]["runs"] == {
        "source": 1,
        "arrived": 1,
        "different": 0,
        "left_out": 0,
        "not_known": 0,
    }
    assert json.loads(reprise("runs", "show", RUN, "--json").out)["metrics"]["m"]["value"] == 0.5
    (run / "params" / "late").write_text("x")
    check = reprise("import", "theirs", "--check")
    assert check.exit_code == 1
    assert f"run {RUN}: late: it is missing for an unknown reason" in check.err
    assert "late" not in reprise("runs", "show", RUN).out


def test_the_folder_of_mlflow_and_ours_may_be_the_same(reprise: Reprise) -> None:
    make_run(make_experiment(Path("mlruns"), "1", "x"), RUN)
    assert reprise("import", "mlruns").exit_code == 0
    assert RUN[:8] in reprise("runs", "list").out
    assert (Path("mlruns") / "1" / RUN / "meta.yaml").is_file()


def test_differences_are_told_and_strict_makes_an_error_of_them(reprise: Reprise) -> None:
    make_run(make_experiment(Path("theirs"), "1", "x"), RUN, uri="mlflow-artifacts:/x/y")
    loose = reprise("import", "theirs")
    assert (loose.exit_code, f"warning: run {RUN}: its artifacts" in loose.err) == (0, True), loose.err
    assert "reprise.copy.incomplete" in reprise("runs", "show", RUN).out
    strict = reprise("import", "theirs", "--strict")
    assert (strict.exit_code, "1 difference, listed above" in strict.err) == (1, True)
    assert reprise("import", "theirs", "--strict", "--no-artifacts").exit_code == 0
    assert "reprise.copy.incomplete" not in reprise("runs", "show", RUN).out


def test_files_are_found_where_the_user_says(reprise: Reprise) -> None:
    make_run(make_experiment(Path("theirs"), "1", "x"), RUN, uri=f"mlflow-artifacts:/0/{RUN}/artifacts")
    kept = Path("kept", "0", RUN, "artifacts", "deep")
    kept.mkdir(parents=True)
    (kept / "a.txt").write_text("hello")
    assert reprise("import", "theirs", "--artifacts", "kept", "--strict").exit_code == 0
    assert "deep/a.txt" in reprise("artifacts", "list", RUN, "-r").out


def test_a_check_of_a_store_that_is_not_there_makes_none(reprise: Reprise) -> None:
    make_run(make_experiment(Path("theirs"), "1", "x"), RUN)
    check = reprise("import", "theirs", "--check", "--tracking-uri", "nowhere")
    assert (check.exit_code, "there is no store at" in check.err) == (2, True)
    assert not Path("nowhere").exists()


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["import", "nowhere"], 2, "there is no store at"),
        (["import", "."], 2, "reprise import "),
        (["import", "http://127.0.0.1:1"], 6, "127.0.0.1:1"),
        (["import", "theirs", "--tracking-uri", "http://127.0.0.1:1"], 2, "reprise push"),
        (["import", "mlruns"], 2, "is the store itself"),
        (["push", "somewhere"], 2, "is not a server"),
        (["push", "http://127.0.0.1:1"], 6, "127.0.0.1:1"),
        (["push", "http://127.0.0.1:1", "@last", "--experiment", "x"], 2, "cannot be combined"),
        (["push", "http://127.0.0.1:1", "--experiment", "nope"], 2, 'there is no experiment "nope"'),
    ],
)
def test_what_cannot_be_copied_is_told(
    reprise: Reprise, store: EmbeddedStore, args: list[str], code: int, said: str
) -> None:
    make_run(make_experiment(Path("theirs"), "1", "x"), RUN)
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
            for runs, expected in (([child.run_id], (1, 0)), ([child.run_id], (0, 1)), ([], (1, 1))):
                pushed = reprise("push", there.uri, *runs, "--json", "--strict", "--tracking-uri", "mlruns")
                told = json.loads(pushed.out)
                assert (told["new_runs"], told["known_runs"]) == expected, pushed.err
        found = {run.run_name: run for run in other.search_runs(["0"]).items}
        assert set(found) == {"parent", "child"}
        assert found["child"].tags["reprise.copied_from"] == child.run_id
        assert "reprise.copy.incomplete" not in found["child"].tags
        assert found["child"].end_time == 3
        history = other.metric_history(found["child"].run_id, "m")
        assert [(point.value, point.step) for point in history] == [(0.5, 1), (0.25, 2)]
        assert (other.artifact_folder(found["parent"].run_id) / "deep" / "weights").read_bytes() == b"123"
