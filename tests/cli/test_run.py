"""``reprise run`` on real projects, end to end: what is launched, recorded, told and left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reprise.schemas import tags
from tests.backends.test_local import run_on_terminal
from tests.conftest import ProjectFolder

Write = Callable[[Mapping[str, str]], ProjectFolder]

NASTY = "a 'b' \"c\" $d ; e\nf"

PRINTS = {
    "MLproject": """\
name: demo
entry_points:
  main:
    parameters:
      C: {type: float, default: 0.00001, description: inverse strength}
      word: {type: string, default: "010"}
    command: "python show.py {C} {word}"
  fails:
    command: "echo working; echo broken >&2; exit 3"
""",
    "show.py": "import json, sys\njson.dump(sys.argv[1:], open('said.json', 'w'))\nprint('done')\n",
}


def test_a_run_is_launched_recorded_and_told(project: Write) -> None:
    demo = project(PRINTS)
    result = demo.run("-P", "C=0.050", "-P", f"word={NASTY}", "-P", "extra=1", "--run-name", "first")
    assert (result.exit_code, result.out) == (0, "done\n"), result.err
    assert json.loads((demo.path / "said.json").read_text()) == ["0.050", NASTY, "--extra", "1"]
    (run,) = demo.runs()
    assert run.params == {"C": "0.050", "word": NASTY, "extra": "1"}
    assert (run.status, run.run_name) == ("FINISHED", "first")
    assert run.end_time is not None
    assert f"Run {run.run_id} FINISHED" in result.err
    assert demo.artifact(run, "reprise/output.log") == "done\n"
    expected = {
        tags.SOURCE_TYPE: "PROJECT",
        tags.SOURCE_NAME: str(demo.path),
        tags.ENTRY_POINT: "main",
        tags.PROJECT_ENV: "local",
        tags.PROJECT_BACKEND: "local",
        tags.EXIT_CODE: "0",
        tags.RUN_NAME: "first",
    }
    assert expected.items() <= run.tags.items()
    assert tags.USER in run.tags


def test_defaults_stay_as_written(project: Write) -> None:
    demo = project(PRINTS)
    assert demo.run().exit_code == 0
    assert json.loads((demo.path / "said.json").read_text()) == ["0.00001", "010"]
    assert demo.runs()[0].params == {"C": "0.00001", "word": "010"}


def test_the_value_is_shown_unchanged(project: Write) -> None:
    demo = project(PRINTS)
    demo.run("-P", f"word={NASTY}")
    shown = demo.reprise("runs", "show", "@last", "--json")
    assert json.loads(shown.out)["params"]["word"] == NASTY


def test_a_failure_has_the_child_s_exit_code_and_says_why(project: Write) -> None:
    demo = project(PRINTS)
    result = demo.run("-e", "fails")
    assert (result.exit_code, result.out) == (3, "working\n")
    (run,) = demo.runs()
    assert run.status == "FAILED"
    assert run.tags[tags.EXIT_CODE] == "3"
    assert run.tags[tags.REASON].startswith("exit code 3\n")
    assert "broken" in run.tags[tags.REASON]
    assert f"run {run.run_id} FAILED" in result.err
    assert f"hint: reprise runs show {run.run_id[:8]}" in result.err


def test_a_git_project_is_tagged_with_commit_branch_and_dirt(project: Write) -> None:
    demo = project(PRINTS)
    for command in ("init -q -b trunk", "add .", "commit -q -m one"):
        subprocess.run(["git", *command.split()], cwd=demo.path, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=demo.path, check=True, capture_output=True, text=True
    ).stdout.strip()
    demo.run()
    (demo.path / "show.py").write_text("print('changed')\n")
    demo.run()
    dirty, clean = demo.runs()
    assert clean.tags[tags.GIT_COMMIT] == dirty.tags[tags.GIT_COMMIT] == commit
    assert clean.tags[tags.GIT_BRANCH] == "trunk"
    assert (clean.tags[tags.DIRTY], dirty.tags[tags.DIRTY]) == ("false", "true")


def test_json_is_all_there_is_on_stdout(project: Write) -> None:
    demo = project(PRINTS)
    result = demo.run("--json")
    answer = json.loads(result.out)
    assert answer["status"] == "FINISHED"
    assert answer["run_id"] == demo.runs()[0].run_id
    assert "done" in result.err


def test_a_dry_run_tells_the_plan_and_leaves_nothing(project: Write) -> None:
    demo = project(PRINTS)
    result = demo.run("--dry-run", "-P", "C=2")
    assert result.exit_code == 0, result.err
    for text in ("demo", str(demo.path), "python show.py 2 010", "local", "mlflow.source.type"):
        assert text in result.out
    assert not Path("mlruns").exists()
    assert not (demo.path / "said.json").exists()
    facts = json.loads(demo.run("--dry-run", "--json").out)
    assert facts["command"] == "python show.py 0.00001 010"


def test_help_of_an_entry_point_shows_its_parameters(project: Write) -> None:
    demo = project(PRINTS)
    result = demo.reprise("run", str(demo.path), "--help")
    assert result.exit_code == 0
    assert "inverse strength" in result.out
    assert "float, default '0.00001'" in result.out
    assert "fails" in result.out
    assert demo.runs() == []


def test_params_come_from_a_file_and_are_overridden(project: Write, tmp_path: Path) -> None:
    demo = project(PRINTS)
    for name, text in (("p.yaml", "C: 1e-3\nword: 007\n"), ("p.json", '{"C": 1e-3, "word": "007"}')):
        (tmp_path / name).write_text(text)
        result = demo.run("--params-file", str(tmp_path / name), "-P", "C=5")
        assert result.exit_code == 0, result.err
        assert demo.runs()[0].params == {"C": "5", "word": "007"}


def test_scripts_run_without_an_mlproject(project: Write) -> None:
    demo = project({"train it.py": "import sys; print(sys.argv[1:])", "go.sh": "echo sh $@"})
    assert demo.run("-e", "train it.py", "-P", "epochs=3").out == "['--epochs', '3']\n"
    assert demo.run("-e", "go.sh", "-P", "epochs=3").out == "sh --epochs 3\n"
    assert demo.runs()[0].tags[tags.ENTRY_POINT] == "go.sh"


def test_a_run_is_resumed(project: Write) -> None:
    demo = project(PRINTS)
    demo.run("-P", "C=1")
    (first,) = demo.runs()
    result = demo.run("-P", "C=1", "-P", "more=2", "--run-id", first.run_id)
    assert result.exit_code == 0, result.err
    (again,) = demo.runs()
    assert (again.run_id, again.params["more"]) == (first.run_id, "2")


def test_experiments_are_made_by_name_and_env_variables_are_honoured(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = project(PRINTS)
    demo.run("--experiment-name", "mine")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    demo.run()
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "other")
    demo.run("--experiment-id", "0")
    assert len({run.experiment_id for run in demo.runs()}) == 2
    listed = demo.reprise("runs", "list", "--experiment-name", "mine", "--json")
    assert len(json.loads(listed.out)) == 2
    assert "mine" in demo.reprise("experiments", "list").out


@pytest.mark.slow
def test_a_run_without_wait_goes_on_by_itself(project: Write) -> None:
    demo = project({"MLproject": "entry_points: {main: {command: 'echo started; sleep 0.5; echo ended'}}"})
    run_id = demo.run("--no-wait").out.strip()
    followed = demo.reprise("runs", "logs", run_id, "-f")
    assert followed.out == "started\nended\n"
    assert demo.runs()[0].status == "FINISHED"


def test_a_run_is_stopped_from_outside(project: Write) -> None:
    demo = project({"MLproject": "entry_points: {main: {command: 'echo started; sleep 300; true'}}"})
    run_id = demo.run("--no-wait").out.strip()
    result = demo.reprise("runs", "stop", run_id[:8])
    assert result.exit_code == 0, result.err
    assert demo.runs()[0].status == "KILLED"
    again = demo.reprise("runs", "stop", run_id)
    assert (again.exit_code, "has ended already: KILLED" in again.err) == (2, True)


def test_children_know_their_run_and_no_experiment_name(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "named")
    names = "MLFLOW_RUN_ID MLFLOW_EXPERIMENT_ID MLFLOW_TRACKING_URI REPRISE_RUN_ID REPRISE_ENV_MANAGER"
    demo = project(
        {"MLproject": f"entry_points: {{main: {{command: 'printenv {names} MLFLOW_EXPERIMENT_NAME'}}}}"}
    )
    result = demo.run()
    (run,) = demo.runs()
    lines = result.out.splitlines()
    assert lines[0] == lines[3] == run.run_id
    assert lines[1] == run.experiment_id
    assert lines[2].startswith("http://127.0.0.1:")
    assert lines[4:] == ["local"]


def test_a_broken_environment_closes_the_run(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    demo = project(
        {
            "MLproject": "python_env: python_env.yaml\nentry_points: {main: {command: 'echo never'}}",
            "python_env.yaml": "dependencies: [no-such-package-anywhere]\n",
        }
    )
    result = demo.reprise("run", str(demo.path))
    assert result.exit_code == 4
    assert "no-such-package-anywhere" in result.err
    (run,) = demo.runs()
    assert run.status == "FAILED"
    assert "no-such-package-anywhere" in run.tags[tags.REASON]


def test_a_secret_is_shown_nowhere(project: Write) -> None:
    demo = project(
        {
            "MLproject": """\
entry_points:
  main:
    parameters: {key: {type: string, default: s3cr3t, secret: true}}
    command: "test {key} = hunter2"
"""
        }
    )
    shown = demo.reprise("run", str(demo.path), "--help").out
    planned = demo.run("--dry-run", "-P", "key=hunter2").out
    assert demo.run("-P", "key=hunter2").exit_code == 0
    (run,) = demo.runs()
    told = demo.reprise("runs", "show", "@last").out
    assert (run.params["key"], run.tags[tags.COMMAND]) == ("******", "test '******' = hunter2")
    for text in (
        shown.replace("= hunter2", ""),
        planned.replace("= hunter2", ""),
        told.replace("= hunter2", ""),
    ):
        assert "s3cr3t" not in text
        assert "hunter2" not in text


@pytest.mark.slow
def test_colours_are_left_out_where_they_are_not_wanted(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = project(PRINTS)
    monkeypatch.delenv("NO_COLOR")
    argv = [sys.executable, "-m", "reprise", "run", str(demo.path), "-P", "C=x"]
    for name, value, coloured in (
        ("TERM", "xterm", True),
        ("NO_COLOR", "1", False),
        ("TERM", "dumb", False),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert (b"\x1b[" in run_on_terminal(argv, typed=b"")[1]) is coloured


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ("reprise run . --env-manager=local >&-", 0, "FINISHED"),
        ("reprise run . --env-manager=local > /dev/full", 0, "FINISHED"),
        ("reprise run . --help > /dev/full", 1, "cannot write the output: "),
        (
            "mkdir gone; cd gone; rmdir ../gone; reprise runs list",
            2,
            "the current folder does not exist any more",
        ),
        ("reprise", 2, "Usage: reprise"),
        ("reprise runs", 2, "Usage: reprise runs"),
        ("reprise run . -P word=$'\\xff'", 2, "is not UTF-8 text"),
    ],
)
def test_odd_surroundings(project: Write, shell: str, code: int, said: str) -> None:
    demo = project(PRINTS)
    bin_folder = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", f"PATH={bin_folder}:$PATH; {shell}"],
        cwd=demo.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "unexpected" not in done.stderr
