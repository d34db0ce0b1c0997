"""What happens to a run when we are interrupted, terminated or killed: nothing stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest

from reprise.errors import TrackingError
from reprise.runner.runs import lifecycle
from reprise.schemas import tags
from reprise.schemas.job import Outcome
from tests.backends.test_local import alive, eventually
from tests.conftest import ProjectFolder

pytestmark = pytest.mark.slow

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
    return eventually(lambda: not alive(pid))


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
        if "reprise.runner.runs.detached" in (process.info["cmdline"] or []) and process.cwd() == str(
            Path.cwd()
        ):
            process.kill()
    assert gone(script)
    assert eventually(lambda: "KILLED" in waits.reprise("runs", "list").out)  # its lock goes a moment later


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


def test_kill_9_of_a_driver_s_watcher_leaves_no_step_running(project: Write) -> None:
    driver = project(
        {
            **WAITS,
            "MLproject": "entry_points:\n  main: {command: 'python driver.py'}\n"
            "  step: {command: 'python wait.py'}\n",
            "driver.py": "from reprise import projects\nprojects.run('.', 'step')\n",
        }
    )
    process, script = start(driver)
    step, outer = driver.runs()
    assert "hint" not in driver.reprise("runs", "logs", step.run_id).err
    os.kill(process.pid, signal.SIGKILL)
    wait_for(process)
    assert gone(script)
    for _ in range(100):  # the driver tries for a moment to tell its store, which is gone
        driver.reprise("runs", "list")
        if not list(Path("mlruns/jobs").iterdir()):
            break
        time.sleep(0.2)
    assert {run.run_id: run.status for run in driver.runs()} == {
        step.run_id: "KILLED",
        outer.run_id: "KILLED",
    }
    assert list(Path("mlruns/jobs").iterdir()) == []


def test_a_step_is_stopped_from_outside(project: Write) -> None:
    driver = project(
        {
            **WAITS,
            "MLproject": "entry_points:\n  main: {command: 'reprise run . -e step || echo step ended'}\n"
            "  step: {command: 'python wait.py'}\n",
        }
    )
    process, script = start(driver)
    step, outer = driver.runs()
    assert driver.reprise("runs", "stop", step.run_id).exit_code == 0
    assert gone(script)
    assert "step ended" in wait_for(process)
    assert {run.run_id: run.status for run in driver.runs()} == {
        step.run_id: "KILLED",
        outer.run_id: "FINISHED",
    }


def test_modules_of_the_current_folder_are_not_taken_for_python_s_own(project: Write) -> None:
    quick = project({"MLproject": "entry_points: {main: {command: 'echo done'}}"})
    for name in ("pickle.py", "yaml.py", "click.py", "random.py"):
        Path(name).write_text("raise SystemExit('user code in our process')\n")
    run_id = quick.run("--no-wait").out.strip()
    assert quick.reprise("runs", "logs", run_id, "-f").out == "done\n"
    assert quick.runs()[0].status == "FINISHED"


def test_a_run_that_goes_on_is_not_resumed_beside_itself(project: Write) -> None:
    waits = project(WAITS)
    process, _ = start(waits)
    (run,) = waits.runs()
    result = waits.run("--run-id", run.run_id)
    assert (result.exit_code, f"run {run.run_id} is already running" in result.err) == (2, True), result.err
    os.kill(process.pid, signal.SIGTERM)
    wait_for(process)
    assert waits.runs()[0].status == "KILLED"


def test_a_resumed_run_that_finishes_has_no_reason_left(project: Write) -> None:
    demo = project({"MLproject": "entry_points: {main: {command: 'test -e ok || exit 3'}}"})
    assert demo.run().exit_code == 3
    (demo.path / "ok").touch()
    assert demo.run("--run-id", demo.runs()[0].run_id).exit_code == 0
    (run,) = demo.runs()
    assert (run.status, run.tags[tags.REASON], run.tags[tags.EXIT_CODE]) == ("FINISHED", "", "0")


def test_a_stop_also_reaches_the_making_of_an_environment(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        demo = project(
            {
                "MLproject": "python_env: python_env.yaml\nentry_points: {main: {command: 'echo never'}}",
                "python_env.yaml": "dependencies: [some-package]\n",
            }
        )
        run_id = demo.reprise("run", str(demo.path), "--no-wait").out.strip()
        assert demo.reprise("runs", "stop", run_id).exit_code == 0
    (run,) = demo.runs()
    assert (run.status, run.tags[tags.REASON]) == ("KILLED", "stopped")


def test_following_ends_when_the_watcher_was_killed(project: Write) -> None:
    waits = project(WAITS)
    process, _ = start(waits)
    (run,) = waits.runs()
    argv = [sys.executable, "-m", "reprise", "runs", "logs", "-f", run.run_id]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        following.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        wait_for(process)
        assert following.wait(30) == 0


def test_a_checkout_does_not_stay_when_no_run_can_be_opened(project: Write, house: Path) -> None:
    demo = project({"MLproject": "entry_points: {main: {command: 'echo done'}}"})
    for command in ("init -q -b trunk", "add .", "commit -q -m one"):
        subprocess.run(["git", *command.split()], cwd=demo.path, check=True)
    assert demo.run("-v", "trunk", "--experiment-id", "999").exit_code == 2
    assert list((house / "cache" / "work-v1").iterdir()) == []
    assert demo.run("-v", "trunk").exit_code == 0
    assert list((house / "cache" / "work-v1").iterdir()) == []


def test_a_full_disk_does_not_hide_how_the_script_ended(project: Write, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=False).returncode:
        return  # only root can make a small disk
    try:
        demo = project({"MLproject": "entry_points: {main: {command: 'head -c 3000000 /dev/zero'}}"})
        result = demo.run("--tracking-uri", str(small / "mlruns"))
        assert "the run's log ends here" in result.err
        assert "unexpected" not in result.err
        shutil.rmtree(small / "mlruns" / "artifacts")
        listed = demo.reprise("runs", "list", "--tracking-uri", str(small / "mlruns"), "--json").out
        assert '"FAILED"' in listed and '"reprise.exit_code": "0"' in listed
        assert f"its log is not complete: the disk mounted at {small} is full" in listed
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_credentials_and_secret_parameters_do_not_stay_in_the_log(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = project(
        {
            "MLproject": "entry_points:\n  main:\n    parameters: {key: {type: string, secret: true}}\n"
            "    command: env | grep ^MLFLOW; echo key={key}; printf '%s' ${{MLFLOW_TRACKING_TOKEN:0:9}};"
            " sleep 0.6; echo ${{MLFLOW_TRACKING_TOKEN:9}} >&2; echo $MLFLOW_TRACKING_TOKEN | head -c 20\n"
        }
    )
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    result = demo.run("-P", "key=s3cret value")
    log = demo.artifact(demo.runs()[0], "reprise/output.log")
    assert "MLFLOW_TRACKING_TOKEN=******\n" in log
    assert "MLFLOW_TRACKING_PASSWORD=******\n" in log
    assert "key=******\n" in log
    assert "key=s3cret value" in result.out  # who runs it sees what the script prints


def test_a_store_that_refuses_the_end_of_a_run_gets_it_later(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that expired, for one."""

    def refuse(*values: object, **named: object) -> Outcome:
        raise TrackingError("token expired", code="UNAUTHENTICATED")

    demo = project({"MLproject": "entry_points: {main: {command: 'echo done'}}"})
    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, "tell_outcome", refuse)
        result = demo.run()
    assert result.exit_code == 6
    assert "token expired; the rest is in" in result.err
    listed = demo.reprise("runs", "list", "--json")
    assert '"FINISHED"' in listed.out and "late news" in listed.err


def test_a_project_in_a_folder_whose_name_is_no_text_runs_and_is_bundled(project: Write) -> None:
    demo = project({"MLproject": "entry_points: {main: {command: 'echo done'}}"})
    odd = demo.path.parent / os.fsdecode(b"odd\xff\xfe")
    shutil.copytree(demo.path, odd)
    assert demo.reprise("run", str(odd), "--env-manager", "local").exit_code == 0
    assert r"odd\xff\xfe" in demo.reprise("runs", "show", "@last").out
    assert demo.reprise("bundle", "@last", "-o", str(demo.path / "b.zip")).exit_code == 0
