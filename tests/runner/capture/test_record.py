"""What the record of a run says, however the run is started and however it ends."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import reprise
from reprise.runner.capture.final_record import _read_record
from reprise.runner.record import contents
from reprise.runner.record.records import RECORD_ARTIFACT, read_record
from reprise.schemas import tags
from reprise.tracking.registry import open_tracking
from tests.conftest import ProjectFolder
from tests.fakes import mlflow_server
from tests.runner.capture.recorded import record_of
from tests.schemas.record.test_run_record import schema

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

FILES = {
    "MLproject": """\
name: demo
entry_points:
  main:
    parameters:
      C: {type: float, default: 1.0}
      key: {secret: true, default: none}
      data: {type: path, default: data}
    command: "echo $PYTHONHASHSEED; echo {C} {key}; cat {data}/a.csv"
  fails: {command: "exit 3"}
  waits: {command: "echo waiting; sleep 300; true"}
  edits: {parameters: {data: path}, command: "echo more >> {data}"}
""",
    "data/a.csv": "1,2\n",
    "data/b/c.csv": "3,4\n",
}
LOGS = {
    "MLproject": "entry_points: {main: {command: python train.py}}",
    "train.py": """\
import mlflow, mlflow.pyfunc, os
class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[str]): return model_input
with mlflow.start_run():
    mlflow.log_text("hello", "notes/a.txt")
    data = mlflow.data.from_numpy(__import__("numpy").ones(3), name="ones")
    mlflow.log_input(data, context="training")
    mlflow.pyfunc.log_model(name="echo", python_model=Model(), pip_requirements=[])
""",
}


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_everything_about_a_run(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    demo = project(FILES)
    assert demo.run("-P", "C=0.10", "-P", "key=open sesame", "--experiment-name", "named").exit_code == 0
    (run,) = demo.runs()
    text = demo.artifact(run, "reprise/run.json")
    Draft202012Validator(schema()).validate(json.loads(text))
    assert "sesame" not in text
    record = record_of(demo)
    assert (record.run_id, record.run_name, record.experiment) == (run.run_id, run.run_name, "named")
    assert (record.started, record.ended) == (run.start_time, run.end_time)
    assert (record.status, record.exit_code, record.reprise) == ("FINISHED", 0, reprise.__version__)
    assert (record.project.name, record.project.file, record.project.entry_point) == (
        "demo",
        "MLproject",
        "main",
    )
    assert "'******'" in record.project.command
    assert [(item.name, item.value, item.source) for item in record.parameters] == [
        ("C", "0.10", "-P"),
        ("key", None, "-P"),
        ("data", "data", "default"),
    ]
    seed = demo.artifact(run, "reprise/output.log").splitlines()[0]
    assert record.seeds == {"PYTHONHASHSEED": seed}
    assert seed.isdigit()
    (given,) = record.inputs
    assert (given.name, given.kind, given.size) == ("data", "folder", 8)
    assert record.machine is not None
    assert record.machine.variables["OMP_NUM_THREADS"] == "3"
    assert record.machine.cores >= 1
    assert os.uname().nodename not in text or len(os.uname().nodename) < 3
    assert record.usage.wall_seconds is not None and record.usage.cpu_seconds is not None
    assert run.tags[tags.CPU_SECONDS] == f"{record.usage.cpu_seconds:g}"
    assert tags.CAPTURE_INCOMPLETE not in run.tags
    log = demo.artifact(run, "reprise/output.log").encode()
    logs = {item.path: item for item in record.logs}
    assert (logs["reprise/output.log"].size, logs["reprise/output.log"].digest) == (len(log), sha256(log))
    assert record.notes == ()


def test_the_local_environment_is_frozen(project: Write) -> None:
    demo = project(FILES)
    for _ in range(2):  # the second time it is remembered
        demo.run()
        environment = record_of(demo).environment
        assert environment is not None
        assert (environment.manager, environment.requested) == ("local", "local")
        assert (environment.lock, environment.python) == (
            "reprise/environment.lock",
            ".".join(map(str, sys.version_info[:3])),
        )
        assert environment.digest == demo.runs()[0].tags[tags.ENV_DIGEST]
        packages = {package.name.lower(): package for package in environment.packages}
        assert {"pytest", "click", "reprise-ml"} <= set(packages)


def test_the_hash_seed_of_the_user_is_kept(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "42")
    demo = project(FILES)
    demo.run()
    assert record_of(demo).seeds == {"PYTHONHASHSEED": "42"}
    assert demo.artifact(demo.runs()[0], "reprise/output.log").startswith("42\n")


def test_runs_that_fail_say_so(project: Write) -> None:
    demo = project(FILES)
    assert demo.run("-e", "fails").exit_code == 3
    record = record_of(demo)
    assert (record.status, record.exit_code, record.reason) == ("FAILED", 3, "exit code 3")


def test_a_run_whose_environment_cannot_be_made_has_a_record(project: Write, tmp_path: Path) -> None:
    demo = project(FILES | {"requirements.txt": "no-such-package==1\n"})
    result = demo.reprise("run", str(demo.path), "--env-manager=virtualenv", "--offline")
    assert result.exit_code == 4
    record = record_of(demo)
    assert (record.status, record.environment, record.exit_code) == ("FAILED", None, None)
    assert record.source.files
    assert record.ended is not None


def test_a_run_by_another_process_has_the_same_record(project: Write) -> None:
    demo = project(FILES)
    run_id = demo.run("--no-wait").out.strip()
    assert demo.reprise("runs", "logs", run_id, "--follow").exit_code == 0
    record = record_of(demo)
    assert (record.run_id, record.status) == (run_id, "FINISHED")
    assert record.machine is not None and record.environment is not None
    assert {file.path for file in record.source.files} == set(FILES)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_record_of_a_killed_run_is_completed(project: Write, number: signal.Signals) -> None:
    demo = project(FILES)
    argv = [sys.executable, "-m", "reprise", "run", str(demo.path), "-e", "waits", "--env-manager=local"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        before = record_of(demo)
        assert (before.status, before.ended) == ("RUNNING", None)
        process.send_signal(number)
        process.wait()
    demo.reprise("runs", "list")
    (run,) = demo.runs()
    record = record_of(demo)
    assert (record.status, record.ended) == ("KILLED", run.end_time)
    logs = ["reprise/environment.lock", "reprise/output.log", "reprise/output.streams"]
    assert [item.path for item in record.logs] == logs
    assert {file.path for file in record.source.files} == set(FILES)


def test_an_input_that_the_run_changes_is_as_it_was_before(project: Write, tmp_path: Path) -> None:
    demo = project(FILES)
    small = tmp_path / "small.csv"
    small.write_text("1\n")
    demo.run("-e", "edits", "-P", f"data={small}")
    (given,) = record_of(demo).inputs
    assert given.digest == sha256(b"1\n")
    large = tmp_path / "large.csv"
    large.write_bytes(b"1\n" * 10_000_000)
    result = demo.run("-e", "edits", "-P", f"data={large}")
    record = record_of(demo)
    assert record.inputs[0].digest is None
    assert record.notes == ("the input data changed during the run: its digest is not known",)
    assert record.notes[0] in result.err
    assert record.notes[0] in demo.runs()[0].tags[tags.CAPTURE_INCOMPLETE]


def test_a_large_input_is_read_once(project: Write, tmp_path: Path) -> None:
    demo = project(FILES)
    data = tmp_path / "data"
    data.mkdir()
    content = b"1\n" * 10_000_000
    (data / "a.csv").write_bytes(content)
    os.utime(data / "a.csv", (1, 1))
    demo.run("-P", f"data={data}")
    first = record_of(demo).inputs[0]
    assert (first.size, first.digest is not None) == (len(content), True)
    demo.run("-P", f"data={data}")
    assert record_of(demo).inputs[0] == first
    (data / "a.csv").write_bytes(content[:-1] + b"x")
    os.utime(data / "a.csv", (1, 1))
    demo.run("-P", f"data={data}")
    assert record_of(demo).inputs[0].digest != first.digest


def test_downloads_are_inputs_with_the_uri_that_was_asked_for(project: Write, tmp_path: Path) -> None:
    demo = project(FILES)
    demo.run()
    (run,) = demo.runs()
    uri = f"runs:/{run.run_id}/reprise"
    demo.run("-P", f"data={uri}")
    (given,) = record_of(demo).inputs
    assert (given.uri, given.kind) == (uri, "folder")
    assert given.digest is not None


@pytest.mark.mlflow
def test_artifacts_models_and_datasets_are_recorded_when_the_run_closes(project: Write) -> None:
    demo = project(LOGS)
    result = demo.run()
    assert result.exit_code == 0, result.err
    record = record_of(demo)
    assert [(item.path, item.size, item.digest) for item in record.artifacts] == [
        ("notes/a.txt", 5, sha256(b"hello"))
    ]
    (model,) = record.models
    assert model.name == "echo"
    files = {item.path: item.digest for item in model.files}
    assert files["MLmodel"]
    (data,) = record.inputs
    assert (data.name, data.kind, len(data.digest or "")) == ("ones", "dataset", 8)
    assert record.usage.peak_memory is None or record.usage.peak_memory > 10**7


def test_a_step_has_a_record_of_its_own_with_the_seed_of_its_run(project: Write) -> None:
    steps = project(
        {
            "MLproject": "entry_points:\n"
            "  main: {command: 'python -m reprise run . -e step --env-manager=local'}\n"
            "  step: {command: 'echo stepped'}\n"
        }
    )
    result = steps.run()
    assert result.exit_code == 0, result.err
    step, whole = record_of(steps, 0), record_of(steps, 1)
    if whole.project.entry_point == "step":
        step, whole = whole, step
    assert (step.project.entry_point, step.status) == ("step", "FINISHED")
    assert step.seeds == whole.seeds
    assert step.source.files == whole.source.files
    assert step.machine is not None


@pytest.mark.mlflow
@pytest.mark.filterwarnings("ignore")  # MLflow's own; an error there spoils the process
@pytest.mark.parametrize("store", ["server", "sqlite"])
def test_in_other_stores_a_run_brings_what_it_is_made_of(
    project: Write, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    uri = mlflow_server.tracking_uri() if store == "server" else f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    demo = project(FILES)
    result = demo.run("--json")
    assert result.exit_code == 0, result.err
    run_id = json.loads(result.out)["run_id"]
    shutil.rmtree(demo.path)
    shutil.rmtree(house / "cache")
    tracking = open_tracking(uri, tmp_path)
    record = read_record(tracking, run_id)
    assert record is not None
    assert (record.status, {file.path for file in record.source.files}) == ("FINISHED", set(FILES))
    assert contents.find_missing(tracking, run_id, record.source.kept_contents) == ()
    (project_file,) = (file for file in record.source.files if file.path == "MLproject")
    with contents.open_content(tracking, run_id, project_file.content.digest) as stream:
        assert stream.read().decode() == FILES["MLproject"]
    assert record.logs
    assert [found.path for found in tracking.list_artifacts(run_id)] == ["reprise"]
    tracking.close()


@pytest.mark.parametrize("left", [b"", b'{"run_id": "a",\n"sta'])
def test_a_record_of_which_a_power_cut_left_a_part_is_removed(tmp_path: Path, left: bytes) -> None:
    """It is noted during the run, and on the disk when the run has ended."""
    file = tmp_path / RECORD_ARTIFACT
    file.parent.mkdir()
    file.write_bytes(left)
    with pytest.raises(ValueError, match="power cut"):
        _read_record(tmp_path)
    assert not file.exists()
