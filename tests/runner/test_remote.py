"""The same runs on a real MLflow server: recorded there, closed there, also after it was away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.tracking.rest.store import RestTracking
from tests.conftest import ProjectFolder
from tests.fakes import mlflow_server

pytestmark = pytest.mark.mlflow

Write = Callable[[Mapping[str, str]], ProjectFolder]

LOGS = {
    "MLproject": """\
entry_points:
  main:
    parameters: {C: {type: float, default: 1.0}, word: {type: string, default: hi}}
    command: "python train.py {C}"
  fails: {command: "echo broken; exit 3"}
  waits: {command: "echo waiting; sleep 300; true"}
""",
    "train.py": """\
import mlflow
with mlflow.start_run():
    mlflow.log_metric("loss", 0.25, step=3)
    mlflow.log_text("hello", "notes/a.txt")
print("trained")
""",
}


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[RestTracking]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.tracking_uri())
    tracking = RestTracking(mlflow_server.tracking_uri())
    yield tracking
    tracking.close()


def test_a_run_is_recorded_on_the_server(project: Write, remote: RestTracking) -> None:
    demo = project(LOGS)
    result = demo.run("-P", "word=a 'b' \"c\" $d ; e\nf", "--json", "--experiment-name", "far away")
    assert result.exit_code == 0, result.err
    assert not Path("mlruns").exists()
    run = remote.get_run(_run_id(result.out))
    assert (run.status, run.params) == ("FINISHED", {"C": "1.0", "word": "a 'b' \"c\" $d ; e\nf"})
    assert (run.metrics["loss"].value, run.metrics["loss"].step) == (0.25, 3)
    assert run.tags[tags.EXIT_CODE] == "0"
    assert run.tags[tags.PROJECT_BACKEND] == "local"
    assert demo.reprise("runs", "logs", run.run_id).out.endswith("trained\n")
    shown = demo.reprise("runs", "show", run.run_id[:12]).out
    assert "notes/a.txt" in shown
    assert "far away" in shown
    stored = [item.path for item in remote.list_artifacts(run.run_id, "notes")]
    assert stored == ["notes/a.txt"]


def test_failures_and_cancellation_reach_the_server(project: Write, remote: RestTracking) -> None:
    demo = project(LOGS)
    failed = demo.run("-e", "fails", "--json")
    assert failed.exit_code == 3
    run = remote.get_run(_run_id(failed.out))
    assert (run.status, run.tags[tags.REASON]) == ("FAILED", "exit code 3\nbroken")
    waiting = demo.run("-e", "waits", "--no-wait").out.strip()
    assert demo.reprise("runs", "stop", waiting).exit_code == 0
    assert remote.get_run(waiting).status == "KILLED"


def test_kill_9_is_told_to_the_server_by_the_next_command(project: Write, remote: RestTracking) -> None:
    demo = project(LOGS)
    argv = [sys.executable, "-m", "reprise", "run", str(demo.path), "-e", "waits", "--env-manager=local"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.kill()
    demo.reprise("runs", "list")
    run = demo.reprise("runs", "show", "@last")
    assert "KILLED" in run.out


def test_nothing_is_left_on_the_server_by_what_cannot_work(project: Write, remote: RestTracking) -> None:
    demo = project(LOGS)
    before = {run.run_id for run in _all(remote)}
    assert demo.run("-P", "C=abc").exit_code == 2
    assert demo.run("-e", "nope").exit_code == 2
    assert {run.run_id for run in _all(remote)} == before


def _all(remote: RestTracking) -> list[Run]:
    experiments = [found.experiment_id for found in remote.search_experiments().items]
    return list(remote.search_runs(experiments).items)


def _run_id(out: str) -> str:
    run_id: str = json.loads(out)["run_id"]
    return run_id
