"""``mlflow run -b reprise``, and ``reprise run -b`` with backends that packages bring for MLflow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import reprise
from reprise.schemas import tags
from reprise.schemas.entities import Run
from tests.conftest import ProjectFolder
from tests.fakes.distributions import install

pytestmark = pytest.mark.mlflow

Write = Callable[[Mapping[str, str]], ProjectFolder]
ACME = Path(__file__).parent / "fakes" / "cluster" / "acme_mlflow_backend.py"
FILES = {
    "MLproject": "name: p\nentry_points:\n"
    "  main: {parameters: {C: float}, command: 'echo C={C} in $MLFLOW_RUN_ID'}\n"
    "  fail: {command: 'echo gone wrong; exit 3'}\n",
    "train.sh": "echo trained\n",
    "bad.sh": "exit 4\n",
    "slow.sh": "exec sleep 300\n",
}


def run_mlflow(*words: str) -> subprocess.CompletedProcess[str]:
    """``mlflow run`` of the real mlflow, with a store of its own."""
    environ = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "mlflow", "run", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environ, check=False)


def read_runs(uri: str) -> list[Run]:
    return [*reprise.runs(tracking_uri=uri)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of SQLAlchemy, by mlflow
def test_mlflow_run_by_reprise(project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(FILES)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    config = tmp_path / "config.json"
    config.write_text('{"resources": {"cpus": 1}, "wait": true}')
    words = ("-b", "reprise", "--backend-config", str(config), "--env-manager", "local")
    done = run_mlflow(str(folder.path), *words, "-P", "C=0.5", "--run-name", "mine")
    assert done.returncode == 0, done.stderr
    (run,) = read_runs(uri)
    assert f"C=0.5 in {run.run_id}" in done.stdout
    assert (run.status, run.params, run.run_name) == ("FINISHED", {"C": "0.5"}, "mine")
    assert (run.tags[tags.PROJECT_BACKEND], run.tags[tags.EXIT_CODE]) == ("reprise", "0")
    failed = run_mlflow(str(folder.path), *words, "-e", "fail")
    assert (failed.returncode, "gone wrong" in failed.stdout) == (1, True), failed.stderr
    assert {run.status for run in read_runs(uri)} == {"FINISHED", "FAILED"}
    config.write_text('{"resuorces": {}}')
    wrong = run_mlflow(str(folder.path), *words, "-P", "C=1")
    assert (wrong.returncode, "there is no resuorces" in wrong.stderr) == (1, True), wrong.stderr


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"mlflow.project_backend": "acme = acme_mlflow_backend:build"}
    install(monkeypatch, tmp_path / "site", "acme-mlflow", points, ACME)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


def test_a_backend_for_mlflow_performs_a_run_of_ours(project: Write, acme: None) -> None:
    folder = project(FILES)
    words = ("run", str(folder.path), "-b", "acme", "--experiment-name", "there", "--run-name", "mine")
    done = folder.reprise(*words, "-e", "train", "-P", "C=2", "-c", '{"queue": "night"}')
    assert done.exit_code == 0, done.err
    (run,) = folder.runs()
    assert (run.status, run.params, run.run_name) == ("FINISHED", {"C": "2"}, "mine")
    assert (run.tags[tags.PROJECT_BACKEND], run.tags["acme.queue"]) == ("acme", "night")
    failed = folder.reprise(*words, "-e", "bad")
    assert (failed.exit_code, "backend acme says that it failed" in failed.err) == (1, True), failed.err
    assert folder.runs()[0].status == "FAILED"
    refused = folder.reprise(*words, "-e", "train", "-c", '{"refuse": true}')
    assert (refused.exit_code, "acme-mlflow 1.0" in refused.err, "no capacity" in refused.err) == (
        5,
        True,
        True,
    )
    assert folder.reprise(*words, "-e", "train", "--no-wait").exit_code == 2


def test_so_does_it_from_python_without_waiting(project: Write, acme: None) -> None:
    folder = project(FILES)
    environ = dict(os.environ)
    submitted: Any = reprise.run(str(folder.path), "slow", backend="acme", synchronous=False)
    assert submitted.get_status() == "RUNNING"
    submitted.cancel()
    (run,) = folder.runs()
    assert (submitted.get_status(), run.status, run.run_id) == ("KILLED", "KILLED", submitted.run_id)
    assert dict(os.environ) == environ
