"""The Python API: the calls of ``mlflow.projects`` and what they promise."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reprise import projects
from reprise.errors import EnvError, ProjectError, RunFailed, UsageError
from reprise.schemas import tags
from tests.conftest import ProjectFolder, eventually

Write = Callable[[Mapping[str, str]], ProjectFolder]

STEPS = {
    "MLproject": """\
entry_points:
  main:
    parameters: {C: float, label: {type: string, default: none}}
    command: "echo C={C} label={label}"
  slow: {command: "sleep 300; true"}
  fails: {command: "exit 7"}
"""
}


def test_a_synchronous_run(project: Write) -> None:
    steps = project(STEPS)
    submitted = projects.run(
        str(steps.path), parameters={"C": 0.05, "label": None}, env_manager="local", run_name="mine"
    )
    assert (submitted.wait(), submitted.get_status()) == (True, "FINISHED")
    submitted.cancel()
    (run,) = steps.runs()
    assert (run.run_id, run.run_name, run.params) == (
        submitted.run_id,
        "mine",
        {"C": "0.05", "label": "none"},
    )


def test_an_asynchronous_run_is_waited_for(project: Write) -> None:
    steps = project(STEPS)
    submitted = projects.run(str(steps.path), parameters={"C": 1}, env_manager="local", synchronous=False)
    assert submitted.wait()
    assert submitted.get_status() == "FINISHED"
    assert steps.runs()[0].status == "FINISHED"
    assert steps.artifact(steps.runs()[0], "reprise/output.log") == "C=1 label=none\n"


def test_cancel_ends_one_run_and_not_the_other(project: Write) -> None:
    steps = project(STEPS)
    doomed, spared = (
        projects.run(str(steps.path), "slow", env_manager="local", synchronous=False) for _ in range(2)
    )
    assert doomed.get_status() == "RUNNING"
    doomed.cancel()
    assert (doomed.get_status(), doomed.wait(), spared.get_status()) == ("KILLED", False, "RUNNING")
    spared.cancel()
    assert [run.status for run in steps.runs()] == ["KILLED", "KILLED"]


def test_failures(project: Write) -> None:
    steps = project(STEPS)
    with pytest.raises(RunFailed, match="FAILED: exit code 7") as caught:
        projects.run(str(steps.path), "fails", env_manager="local")
    assert caught.value.exit_code == 7
    submitted = projects.run(str(steps.path), "fails", env_manager="local", synchronous=False)
    assert (submitted.wait(), submitted.get_status()) == (False, "FAILED")


def test_what_cannot_work_raises_and_leaves_no_run(project: Write) -> None:
    steps = project(STEPS)
    for synchronous in (True, False):
        with pytest.raises(UsageError, match=r"no value for this required parameter"):
            projects.run(str(steps.path), env_manager="local", synchronous=synchronous)
        with pytest.raises(ProjectError, match='no entry point "nope"'):
            projects.run(str(steps.path), "nope", env_manager="local", synchronous=synchronous)
    assert steps.runs() == []


def test_a_run_outlives_the_program_that_started_it(project: Write) -> None:
    steps = project({"MLproject": "entry_points: {main: {command: 'sleep 0.5; echo ended'}}"})
    program = textwrap.dedent(f"""
        from reprise import projects
        print(projects.run({str(steps.path)!r}, env_manager="local", synchronous=False).run_id)
    """)
    run_id = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert steps.reprise("runs", "logs", "-f", run_id).out == "ended\n"
    assert steps.runs()[0].status == "FINISHED"


def test_steps_are_nested_and_inherit_the_env_manager(project: Write) -> None:
    driver = project(
        {
            "MLproject": """\
python_env: python_env.yaml
entry_points:
  main: {command: "python driver.py"}
  step: {parameters: {n: int}, command: "echo step {n}"}
""",
            "python_env.yaml": "dependencies: [this-must-not-be-installed]\n",
            "driver.py": """\
from reprise import projects
for n in range(2):
    projects.run(".", "step", parameters={"n": n})
submitted = projects.run(".", "step", parameters={"n": 2}, synchronous=False)
assert submitted.wait()
""",
        }
    )
    result = driver.run()
    assert result.exit_code == 0, result.err
    *steps, outer = driver.runs()
    assert [run.params["n"] for run in steps] == ["2", "1", "0"]
    assert {run.tags[tags.PARENT_RUN_ID] for run in steps} == {outer.run_id}
    assert {run.status for run in (*steps, outer)} == {"FINISHED"}
    assert driver.artifact(steps[0], "reprise/output.log") == "step 2\n"
    assert driver.reprise("runs", "show", "@last").out.startswith(f"Run {outer.run_id}")


def test_the_signature_is_mlflow_s_with_keywords_of_our_own() -> None:
    parameters = inspect.signature(projects.run).parameters.values()
    assert [found.name for found in parameters if found.kind is not found.KEYWORD_ONLY] == [
        *("uri", "entry_point", "version", "parameters", "docker_args", "experiment_name"),
        *("experiment_id", "backend", "backend_config", "storage_dir", "synchronous", "run_id"),
        *("run_name", "env_manager", "build_image", "docker_auth"),
    ]
    own = [found.name for found in parameters if found.kind is found.KEYWORD_ONLY]
    assert own == [
        *("locked", "offline", "as_of", "python", "observe", "sandbox", "network", "resources"),
        "tracking_uri",
    ]


def test_an_unlocked_project_is_refused_when_locked(project: Write) -> None:
    folder = project({"requirements.txt": "six\n", "x.py": "pass\n"})
    with pytest.raises(EnvError, match=r"requirements\.txt has no lock"):
        projects.run(str(folder.path), "x.py", env_manager="uv", locked=True)
    with pytest.raises(UsageError, match="is not a date"):
        projects.run(str(folder.path), "x.py", env_manager="uv", as_of="then")


def test_the_caller_s_process_is_left_as_it_was(project: Write) -> None:
    steps = project(STEPS)
    before = (dict(os.environ), Path.cwd())
    projects.run(str(steps.path), parameters={"C": 1}, env_manager="local")
    assert (dict(os.environ), Path.cwd()) == before


@pytest.mark.mlflow
def test_a_driver_s_mlflow_client_and_its_runs_share_a_store(project: Write) -> None:
    steps = project(STEPS)
    driver = textwrap.dedent(f"""
        import mlflow
        from reprise import projects
        mlflow.set_experiment("mine")
        with mlflow.start_run() as outer:
            submitted = projects.run({str(steps.path)!r}, parameters={{"C": 1}}, env_manager="local")
        run = mlflow.get_run(submitted.run_id)
        assert run.data.tags["mlflow.parentRunId"] == outer.info.run_id
        assert run.info.experiment_id == outer.info.experiment_id
        assert (run.info.status, run.data.params["C"]) == ("FINISHED", "1")
    """)
    environ = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [sys.executable, "-c", driver], capture_output=True, text=True, env=environ, check=False
    )
    assert done.returncode == 0, done.stderr


def test_mlflow_s_looser_arguments_are_taken(project: Write) -> None:
    steps = project(STEPS)
    experiment: Any = 0
    entry_point: Any = None
    submitted = projects.run(
        str(steps.path), entry_point, parameters={"C": 1}, experiment_id=experiment, env_manager="local"
    )
    assert submitted.get_status() == "FINISHED"


@pytest.mark.slow
def test_ctrl_c_ends_all_steps_of_a_driver_at_once_and_lets_each_save_what_it_has(
    project: Write, tmp_path: Path
) -> None:
    steps = project(
        {
            "MLproject": "entry_points:\n  main: {command: python drive.py}\n"
            "  step: {command: \"trap 'sleep 1; touch ../saved-$$; exit 1' TERM; touch ../up-$$;"
            ' while :; do sleep 0.1; done"}\n',
            "drive.py": "from reprise import projects\n"
            "steps = [projects.run('.', 'step', synchronous=False) for _ in range(3)]\n"
            "[step.wait() for step in steps]\n",
        }
    )
    command = [sys.executable, "-m", "reprise", "run", str(steps.path), "--env-manager=local"]
    driver = subprocess.Popen(command, start_new_session=True)
    assert eventually(lambda: len([*tmp_path.glob("up-*")]) == 3)
    os.killpg(driver.pid, signal.SIGINT)
    assert driver.wait() == 130
    assert [run.status for run in steps.runs()] == ["KILLED"] * 4
    assert len([*tmp_path.glob("saved-*")]) == 3
