"""What happens to a run when we are interrupted, terminated or killed: nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest

from reprise.schemas import tags
from tests.conftest import ProjectFolder

Write = Callable[[Mapping[str, str]], ProjectFolder]

WAITS = {
    "MLproject": "entry_points: {main: {command: 'python wait.py; echo after'}}",
    "wait.py": """\
import os, sys, time
try:
    print(os.getpid(), flush=True)
    time.sleep(300)
except KeyboardInterrupt:
    print("saved what I had", flush=True)
    sys.exit(1)
""",
}


def start(project: ProjectFolder, *args: str) -> tuple[subprocess.Popen[str], int]:
    """``reprise run`` in a process of its own; returns it and the pid of the training script."""
    argv = [sys.executable, "-m", "reprise", "run", str(project.path), "--env-manager=local", *args]
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    while not (line := process.stdout.readline().strip()).isdigit():
        assert process.poll() is None, line
    return process, int(line)


def wait_for(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=60)
    return output


def gone(pid: int) -> bool:
    for _ in range(300):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (signal.SIGINT, 130, "SIGINT (Ctrl-C)"),
        (signal.SIGTERM, 143, "SIGTERM"),
        (signal.SIGHUP, 143, "SIGHUP"),
    ],
)
def test_a_signal_to_us_alone_ends_the_whole_run_as_killed(
    project: Write, number: signal.Signals, code: int, reason: str
) -> None:
    waits = project(WAITS)
    process, script = start(waits)
    os.kill(process.pid, number)
    wait_for(process)
    assert process.returncode == code
    assert gone(script)
    (run,) = waits.runs()
    assert (run.status, run.tags[tags.REASON].splitlines()[0]) == ("KILLED", reason)
    assert run.end_time is not None


def test_ctrl_c_lets_the_script_save_what_it_has(project: Write) -> None:
    waits = project(WAITS)
    process, _ = start(waits)
    os.kill(process.pid, signal.SIGINT)
    wait_for(process)
    assert "saved what I had" in waits.artifact(waits.runs()[0], "reprise/output.log")


def test_kill_9_leaves_neither_an_orphan_nor_a_running_run(project: Write) -> None:
    waits = project(WAITS)
    process, script = start(waits)
    os.kill(process.pid, signal.SIGKILL)
    wait_for(process)
    assert gone(script)
    assert waits.runs()[0].status == "RUNNING"  # nobody has looked yet
    assert "KILLED" in waits.reprise("runs", "list").out
    (run,) = waits.runs()
    assert (run.status, run.tags[tags.REASON]) == ("KILLED", "the process that watched this run died")


def test_kill_9_of_a_detached_run_leaves_nothing_either(project: Write) -> None:
    waits = project(WAITS)
    run_id = waits.run("--no-wait").out.strip()
    script = started_by(waits, run_id)
    for process in psutil.process_iter(["cmdline"]):
        if "reprise.runner.detached" in (process.info["cmdline"] or []) and process.cwd() == str(
            Path.cwd()
        ):
            process.kill()
    assert gone(script)
    assert "KILLED" in waits.reprise("runs", "list").out


def started_by(project: ProjectFolder, run_id: str) -> int:
    """The pid that the script of a detached run has printed."""
    for _ in range(300):
        printed = project.reprise("runs", "logs", run_id).out.strip()
        if printed.isdigit():
            return int(printed)
        time.sleep(0.05)
    raise AssertionError("the script did not start")


def test_runs_of_several_processes_at_once_are_all_recorded(project: Write) -> None:
    quick = project({"MLproject": "entry_points: {main: {command: 'echo done'}}"})
    argv = [sys.executable, "-m", "reprise", "run", str(quick.path), "--env-manager=local"]
    processes = [subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    told = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, told
    assert [run.status for run in quick.runs()] == ["FINISHED"] * 8
    assert list(Path("mlruns/jobs").iterdir()) == []


def test_a_script_that_marks_its_run_failed_is_believed(project: Write) -> None:
    marks = project(
        {
            "MLproject": "entry_points: {main: {command: 'python mark.py'}}",
            "mark.py": """\
import json, os, urllib.request
body = json.dumps({"run_id": os.environ["MLFLOW_RUN_ID"], "status": "FAILED"}).encode()
request = urllib.request.Request(
    os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/update", body,
    {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"})
urllib.request.urlopen(request).read()
""",
        }
    )
    result = marks.run()
    assert result.exit_code == 1, result.err
    (run,) = marks.runs()
    assert (run.status, run.tags[tags.EXIT_CODE]) == ("FAILED", "0")
    assert "the script marked the run FAILED" in result.err
