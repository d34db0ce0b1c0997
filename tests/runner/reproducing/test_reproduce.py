"""Performing a recorded run again: what is refused before anything runs, and what is carried over."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reprise import projects
from reprise.cli.reproduce import reproduce as command
from reprise.errors import SourceError, UsageError
from reprise.schemas import tags
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import ProjectFolder
from tests.envs import wheels
from tests.fakes.repositories import commit, git

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

SECRET = """\
entry_points:
  main:
    parameters:
      C: {type: float, default: 1.0}
      token: {type: string, secret: true}
    command: "echo C={C} with a token of $(printf %s {token} | wc -c)"
"""


def mlproject(command: str, parameters: str = "") -> str:
    return f"entry_points:\n  main:\n{parameters}    command: {json.dumps(command)}\n"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that packages come from."""
    folder = tmp_path / "index"
    wheels.make(folder, "beta", "2.0")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    return folder


@pytest.fixture
def repository(project: Write) -> Callable[..., ProjectFolder]:
    """Writes a project as a git repository of one commit."""

    def write(files: Mapping[str, str]) -> ProjectFolder:
        made = project(files)
        git(made.path, "init", "--quiet", "--initial-branch=main")
        git(made.path, "add", "--all")
        git(made.path, "commit", "--quiet", "--message", "first")
        return made

    return write


def record_file(project: ProjectFolder) -> Path:
    """The file of the newest run's record."""
    with EmbeddedStore(Path("mlruns").absolute()) as store:
        folder = store.artifact_folder(project.runs()[0].run_id)
    assert folder is not None
    return folder / "reprise" / "run.json"


def change_record(project: ProjectFolder, **changes: Any) -> None:
    file = record_file(project)
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def output(project: ProjectFolder) -> str:
    return project.artifact(project.runs()[0], "reprise/output.log")


def lose_commit(project: ProjectFolder) -> None:
    """Nothing holds the commit any more."""
    for folder in (project.path / ".git", Path("mlruns/objects"), Path(os.environ["REPRISE_CACHE_DIR"])):
        shutil.rmtree(folder, ignore_errors=True)


def work_folders(house: Path) -> list[Path]:
    return [*(house / "cache" / "work-v1").glob("*")]


def test_same_run_again(repository: Write, house: Path) -> None:
    project = repository({"MLproject": mlproject("echo hello")})
    project.run()
    original = project.runs()[0]
    again = project.reprise("reproduce", original.run_id[:8])
    new = project.runs()[0]
    assert again.exit_code == 0
    assert "source" in again.out and "identical" in again.out
    assert f"Run {new.run_id} reproduces {original.run_id}: identical" in again.err
    assert new.tags[tags.REPRODUCES] == original.run_id
    assert new.tags[tags.SOURCE_NAME] == original.tags[tags.SOURCE_NAME]
    assert work_folders(house) == []


def test_reproduction_of_a_reproduction(repository: Write) -> None:
    project = repository({"MLproject": mlproject("cat new.txt")})
    (project.path / "new.txt").write_text("untracked\n")
    project.run()
    assert project.reprise("reproduce", "@last").exit_code == 0
    shutil.rmtree(project.path)
    shutil.rmtree(Path(os.environ["REPRISE_CACHE_DIR"]))
    assert project.reprise("reproduce", "@last").exit_code == 0
    assert [run.tags[tags.VERDICT] for run in project.runs()] == ["identical"] * 3


def test_it_is_nested_under_nothing(repository: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    project = repository({"MLproject": mlproject("true")})
    project.run("--experiment-name", "other")
    monkeypatch.setenv("REPRISE_RUN_ID", project.runs()[0].run_id)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    assert project.reprise("reproduce", "@last").exit_code == 0
    new, original = project.runs()
    assert tags.PARENT_RUN_ID not in new.tags
    assert new.experiment_id == original.experiment_id != "0"


def test_the_same_failure_is_no_success(repository: Write) -> None:
    project = repository({"MLproject": mlproject("echo no; exit 3")})
    assert project.run().exit_code == 3
    again = project.reprise("reproduce", "@last")
    assert again.exit_code == 8
    assert "failed the same way" in again.err
    assert [run.status for run in project.runs()] == ["FAILED", "FAILED"]
    assert {run.tags[tags.VERDICT] for run in project.runs()} == {"failed the same way"}


def test_other_result_is_told(repository: Write, tmp_path: Path) -> None:
    project = repository({"MLproject": mlproject(f"cat {tmp_path}/outside.txt")})
    (tmp_path / "outside.txt").write_text("one\n")
    project.run()
    (tmp_path / "outside.txt").write_text("two\n")
    again = project.reprise("reproduce", "@last")
    assert again.exit_code == 7
    new, original = project.runs()
    assert (
        f"run {new.run_id} does not reproduce {original.run_id}: input {tmp_path}/outside.txt" in again.err
    )
    assert "diverged at output log, stdout, line 1" in again.err


def test_variation(repository: Write) -> None:
    parameters = "    parameters: {C: {type: float, default: 1.0}}\n"
    project = repository({"MLproject": mlproject("echo C is {C}", parameters)})
    project.run()
    original = project.runs()[0]
    again = project.reprise("reproduce", "@last", "--set", "C=0.1")
    new = project.runs()[0]
    assert again.exit_code == 0
    assert "C is 0.1" in output(project)
    assert (new.params, new.tags[tags.VARIES]) == ({"C": "0.1"}, original.run_id)
    assert "parameter C" in again.out and "identical" not in again.out and "source" not in again.out
    for run in project.runs():
        assert tags.VERDICT not in run.tags and tags.REPRODUCES not in run.tags
    data = json.loads(project.reprise("reproduce", original.run_id, "--set", "C=2", "--json").out)
    assert (data["verdict"], data["changed"]) == (None, ["C"])
    assert any(item["part"] == "parameter" for item in data["differences"])


def test_recorded_value_is_no_variation(repository: Write) -> None:
    parameters = "    parameters: {C: {type: float, default: 1.0}}\n"
    project = repository({"MLproject": mlproject("echo {C}", parameters)})
    project.run("-P", "C=3")
    again = project.reprise("reproduce", "@last", "--set", "C=3")
    assert (again.exit_code, project.runs()[0].tags[tags.VERDICT]) == (0, "identical")


def test_value_that_is_none_of_its_type(repository: Write) -> None:
    parameters = "    parameters: {C: {type: float, default: 1.0}}\n"
    project = repository({"MLproject": mlproject("echo {C}", parameters)})
    project.run()
    again = project.reprise("reproduce", "@last", "--set", "C=many")
    assert again.exit_code == 2
    assert 'C: "many" is not a float (from --set)' in again.err
    assert len(project.runs()) == 1


def test_secrets_are_given_again(repository: Write) -> None:
    project = repository({"MLproject": SECRET})
    project.run("-P", "token=t0psecret")
    refused = project.reprise("reproduce", "@last")
    assert refused.exit_code == 2
    assert "secret parameters are not recorded: token" in refused.err and "--set token=..." in refused.err
    assert len(project.runs()) == 1
    again = project.reprise("reproduce", "@last", "--set", "token=t0psecret")
    assert "with a token of 9" in output(project)
    assert project.runs()[0].tags[tags.REPRODUCES] == project.runs()[1].run_id
    assert again.exit_code in (0, 7)  # whether a secret was the same nobody knows


def test_all_that_is_missing_is_told_at_once(repository: Write, tmp_path: Path) -> None:
    parameters = "    parameters: {data: path, token: {type: string, secret: true}}\n"
    project = repository({"MLproject": mlproject("cat {data} {token}", parameters)})
    data = tmp_path / "data.txt"
    data.write_text("1")
    project.run("-P", f"data={data}", "-P", "token=/dev/null")
    data.write_text("2")
    lose_commit(project)
    machine = json.loads(record_file(project).read_text())["machine"]
    change_record(project, machine=machine | {"gpus": [{"name": "Imagined X1", "driver": None}]})
    again = project.reprise("reproduce", "@last")
    assert again.exit_code == 3
    for told in ("commit ", "data has changed", "secret parameters", "Imagined X1", "this machine has"):
        assert told in again.err
    assert len(project.runs()) == 1


def test_gpu_of_another_kind(repository: Write) -> None:
    project = repository({"MLproject": mlproject("true")})
    project.run()
    machine = json.loads(record_file(project).read_text())["machine"]
    change_record(project, machine=machine | {"gpus": [{"name": "Imagined X1", "driver": None}]})
    run = project.runs()[0].run_id
    assert project.reprise("reproduce", run).exit_code == 4
    assert project.reprise("reproduce", run, "--any-machine").exit_code == 0


def test_commit_that_is_nowhere(repository: Write) -> None:
    project = repository({"MLproject": mlproject("true")})
    project.run()
    lose_commit(project)
    again = project.reprise("reproduce", "@last")
    assert again.exit_code == 3
    assert "is not available, and a snapshot of it no longer exists" in again.err
    assert f"file://{project.path}: " in again.err  # what was tried
    assert len(project.runs()) == 1


def test_kept_files_that_are_gone(repository: Write) -> None:
    project = repository({"MLproject": mlproject("cat new.txt")})
    (project.path / "new.txt").write_text("untracked\n")
    project.run()
    shutil.rmtree("mlruns/objects")
    again = project.reprise("reproduce", "@last")
    assert again.exit_code == 3
    assert "new.txt (sha256:" in again.err and "is no longer stored with the run" in again.err


def test_lock_that_is_gone_or_another(repository: Write, index: Path) -> None:
    project = repository({"MLproject": mlproject("python -c 'import beta'"), "requirements.txt": "beta\n"})
    project.reprise("run", str(project.path))
    lock = record_file(project).with_name("environment.lock")
    text = lock.read_text()
    lock.write_text(text.replace("2.0", "3.0"))
    changed = project.reprise("reproduce", "@last")
    assert (changed.exit_code, len(project.runs())) == (4, 1)
    assert "is not the lock that the run ran with" in changed.err
    lock.unlink()
    assert "has no reprise/environment.lock" in project.reprise("reproduce", "@last").err


def test_project_that_was_editable_is_that_of_the_run(repository: Write, index: Path) -> None:
    project = repository(
        {
            "MLproject": "python_env: python_env.yaml\n"
            + mlproject("python -c 'import mine; print(mine.x)'"),
            "python_env.yaml": "dependencies:\n- -e .\n",
            "pyproject.toml": '[project]\nname = "mine"\nversion = "1.0"\n'
            '[build-system]\nrequires = ["backend"]\nbuild-backend = "backend"\n',
            "src/mine.py": "x = 'of the run'\n",
        }
    )
    wheels.make(index, "backend", files={"backend.py": BACKEND})
    assert project.reprise("run", str(project.path)).exit_code == 0
    (project.path / "src" / "mine.py").write_text("x = 'changed since'\n")
    for _ in range(2):  # also of what was reproduced
        again = project.reprise("reproduce", "@last")
        assert again.exit_code == 0, again.out
        assert output(project) == "of the run\n"


BACKEND = """
import zipfile
from pathlib import Path

def _wheel(folder, name, text):
    path = Path(folder) / "mine-1.0-py3-none-any.whl"
    info = "mine-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(name, text)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: mine\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path.name

def build_wheel(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, "mine.py", Path("src/mine.py").read_text())

def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, "mine.pth", str(Path("src").absolute()))
"""


def test_seeds_and_threads_are_those_of_the_run(repository: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    command = "printenv PYTHONHASHSEED OMP_NUM_THREADS; printenv MKL_NUM_THREADS || echo none"
    project = repository({"MLproject": mlproject(command)})
    monkeypatch.setenv("PYTHONHASHSEED", "17")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    project.run()
    monkeypatch.setenv("PYTHONHASHSEED", "18")
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    assert project.reprise("reproduce", "@last").exit_code == 0
    assert output(project) == "17\n3\nnone\n"


def test_settings_that_decide_results_are_those_of_the_run(
    repository: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = "echo $TZ $RANDOM_SEED ${{KERAS_BACKEND-none}}; python -c 'import mine, theirs'"
    project = repository({"MLproject": mlproject(command), "lib/mine.py": "print('mine')\n"})
    (aside := tmp_path / "aside").mkdir()
    (aside / "theirs.py").write_text("print('theirs')\n")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("RANDOM_SEED", "7")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(project.path / "lib"), str(aside)]))
    assert project.run().exit_code == 0
    for name in ("TZ", "RANDOM_SEED", "PYTHONPATH"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    (project.path / "lib" / "mine.py").unlink()  # that of the restored source is used
    assert project.reprise("reproduce", "@last").exit_code == 0
    assert output(project) == "Asia/Tokyo 7 none\nmine\ntheirs\n"


def test_files_that_the_run_read_and_that_are_gone_are_told_before_it_starts(
    repository: Write, tmp_path: Path
) -> None:
    data, module = tmp_path / "data.csv", tmp_path / "common.py"
    data.write_text("1\n")
    module.write_text("x = 1\n")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport common; open({str(data)!r}).read()\n"
    )
    project = repository({"MLproject": mlproject("python train.py"), "train.py": script})
    assert project.run().exit_code == 0
    module.write_text("x = 2\n")
    again = project.reprise("reproduce", "@last")
    assert again.exit_code == 7
    assert f"input {module}" in again.out
    data.unlink()
    again = project.reprise("reproduce", "@last")
    assert f"read by run {project.runs()[1].run_id[:8]}: {data}" in again.err


def test_what_lies_beside_the_project_is_found_from_the_restored_one(repository: Write) -> None:
    script = (
        "import sys; sys.path.insert(0, '../shared')\nimport common; print(common.V, open('../out').read())"
    )
    project = repository({"MLproject": mlproject("python train.py"), "train.py": script})
    beside = project.path.parent
    (beside / "shared").mkdir()
    (beside / "shared" / "common.py").write_text("V = 1\n")
    (beside / "out").write_text("mine")
    assert project.run().exit_code == 0
    again = project.reprise("reproduce", "@last")
    assert again.exit_code == 0, again.out
    (beside / "shared" / "common.py").write_text("V = 1  # changed\n")
    again = project.reprise("reproduce", "@last")
    assert again.exit_code == 7
    assert f"diverged at input {beside / 'shared' / 'common.py'}" in again.err


def test_what_the_run_wrote_beside_the_project_is_not_touched(repository: Write) -> None:
    script = "n = open('../state/n').read(); open('../state/n', 'w').write(n + '1')"
    project = repository({"MLproject": mlproject("python train.py"), "train.py": script})
    state = project.path.parent / "state"
    state.mkdir()
    (state / "n").write_text("0")
    assert project.run().exit_code == 0
    assert project.reprise("reproduce", "@last").exit_code == 7
    assert (state / "n").read_text() == "01"


def test_files_of_an_input_folder_that_changed_are_named(repository: Write, tmp_path: Path) -> None:
    parameters = "    parameters: {data: path}\n"
    project = repository({"MLproject": mlproject("cat {data}/*", parameters)})
    (data := tmp_path / "data").mkdir()
    for name in "abc":
        (data / f"{name}.csv").write_text(name)
    project.run("-P", f"data={data}")
    (data / "b.csv").write_text("B")
    (data / "c.csv").unlink()
    again = project.reprise("reproduce", "@last")
    assert again.exit_code == 2
    assert "another b.csv, c.csv; it was" in again.err


def test_record_sets_no_other_variable(repository: Write) -> None:
    project = repository({"MLproject": mlproject("printenv LD_PRELOAD BASH_ENV || echo none")})
    project.run()
    machine = json.loads(record_file(project).read_text())["machine"]
    change_record(project, machine=machine | {"variables": {"BASH_ENV": "x"}}, seeds={"LD_PRELOAD": "x"})
    project.reprise("reproduce", "@last")
    assert output(project) == "none\n"


def test_what_is_installed_otherwise_is_told(repository: Write) -> None:
    project = repository({"MLproject": mlproject("true")})
    project.run()
    environment = json.loads(record_file(project).read_text())["environment"]
    packages = [item for item in environment["packages"] if item["name"] != "click"]
    imagined = {"name": "imagined", "version": "1.0", "origin": "", "editable": False}
    old = {"name": "click", "version": "0.1", "origin": "", "editable": False}
    change_record(project, environment=environment | {"packages": [*packages, imagined, old]})
    again = project.reprise("reproduce", "@last")
    assert "imagined is not installed, was 1.0" in again.err
    assert "click " in again.err and ", was 0.1" in again.err
    assert again.exit_code == 7  # another environment is never an identical one


def test_the_python_that_a_local_run_was_in_is_taken_again(
    repository: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = repository({"MLproject": mlproject("python -c 'import sys; print(sys.prefix)'")})
    mine = tmp_path / "mine"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(mine)], check=True)
    monkeypatch.setenv("VIRTUAL_ENV", str(mine))
    assert made.run().exit_code == 0
    monkeypatch.delenv("VIRTUAL_ENV")
    again = made.reprise("reproduce", "@last")
    assert (again.exit_code, "The current environment" in again.err) == (0, False)
    first, second = (made.artifact(run, "reprise/environment.lock") for run in made.runs())
    assert first == second
    shutil.rmtree(mine)
    third = made.reprise("reproduce", made.runs()[-1].run_id)
    assert f"of {mine / 'bin/python'}, which is not here" in third.err
    assert made.artifact(made.runs()[0], "reprise/output.log").strip() == sys.prefix


def test_restored_project_is_kept_on_request(repository: Write, house: Path) -> None:
    project = repository({"MLproject": mlproject("cat new.txt; echo made > result.txt")})
    (project.path / "new.txt").write_text("untracked\n")
    project.run()
    again = project.reprise("reproduce", "@last", "--keep", "--json")
    folder = Path(json.loads(again.out)["folder"])
    assert (folder / "new.txt").read_text() == "untracked\n"
    assert (folder / "result.txt").exists()
    assert str(folder) in again.err
    assert work_folders(house) == []


def test_run_that_goes_on_is_refused(repository: Write) -> None:
    project = repository({"MLproject": mlproject("sleep 60")})
    started = project.run("--no-wait").out.strip()
    try:
        again = project.reprise("reproduce", started)
        assert again.exit_code == 2
        assert f"run {started} is RUNNING" in again.err
    finally:
        project.reprise("runs", "stop", started)


def test_interrupted(repository: Write, house: Path) -> None:
    parameters = "    parameters: {seconds: {type: int, default: 0}}\n"
    project = repository({"MLproject": mlproject("sleep {seconds}; echo $?", parameters)})
    project.run()
    command = [sys.executable, "-m", "reprise", "reproduce", "@last", "--set", "seconds=60"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while len(project.runs()) == 1 or tags.ENV_DIGEST not in project.runs()[0].tags:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert project.runs()[0].status == "KILLED"
    assert work_folders(house) == []


def test_two_at_once(repository: Write) -> None:
    project = repository({"MLproject": mlproject("cat new.txt")})
    (project.path / "new.txt").write_text("untracked\n")
    project.run()
    run = project.runs()[0].run_id
    shutil.rmtree(Path(os.environ["REPRISE_CACHE_DIR"]))
    command = [sys.executable, "-m", "reprise", "reproduce", run]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
    assert [item.tags[tags.VERDICT] for item in project.runs()] == ["identical"] * 3


def test_python_api(repository: Write) -> None:
    parameters = "    parameters: {C: {type: float, default: 1.0}}\n"
    project = repository({"MLproject": mlproject("echo {C}", parameters)})
    project.run()
    run = project.runs()[0].run_id
    again = projects.reproduce(run[:8], tolerance=1e-6)
    assert again.verdict.reproduced and again.original == run
    varied = projects.reproduce(run, parameters={"C": 2})
    assert varied.changed == ("C",)
    with pytest.raises(UsageError, match="--key only works with bundles"):
        projects.reproduce(run, key=Path("signer.pub"))
    lose_commit(project)
    with pytest.raises(SourceError):
        projects.reproduce(run)


def test_python_api_takes_strict_and_the_store_of_the_run(repository: Write, tmp_path: Path) -> None:
    project = repository({"MLproject": mlproject("echo took $(date +%N | cut -c2-4) ms")})
    store = str(tmp_path / "elsewhere")
    run = projects.run(str(project.path), env_manager="local", tracking_uri=store).run_id
    assert project.runs() == []
    assert projects.reproduce(run, tracking_uri=store).verdict.reproduced
    assert not projects.reproduce(run, strict=True, tracking_uri=store).verdict.reproduced


def test_python_api_has_what_the_command_has() -> None:
    options = {parameter.name for parameter in command.params if parameter.expose_value}
    as_in_python = {"run": "run_id", "set_": "parameters", "no_network": "network"}
    names = {as_in_python.get(name or "", name) for name in options - {"json_", "tolerance_file"}}
    assert names == set(inspect.signature(projects.reproduce).parameters)


def test_name_of_a_kept_file_that_leaves_the_folder(repository: Write, tmp_path: Path) -> None:
    project = repository({"MLproject": mlproject("true")})
    (project.path / "new.txt").write_text("untracked\n")
    project.run()
    source = json.loads(record_file(project).read_text())["source"]
    source["files"][0]["path"] = "../../../escaped.txt"
    change_record(project, source=source)
    again = project.reprise("reproduce", "@last")
    assert again.exit_code == 3
    assert "outside" in again.err
    assert not [*tmp_path.rglob("escaped.txt")]


def test_deleted_run_is_told_to_be_deleted(repository: Write) -> None:
    project = repository({"MLproject": mlproject("true")})
    project.run()
    run = project.runs()[0].run_id
    project.reprise("runs", "delete", run)
    again = project.reprise("reproduce", run[:8])
    assert again.exit_code == 2
    assert f"run {run} is deleted" in again.err
    assert f"hint: restore it with reprise runs restore {run[:8]}" in again.err


def test_value_that_is_missing_is_asked_for_as_it_was_given(repository: Write) -> None:
    project = repository({"MLproject": mlproject("echo {word}", "    parameters: {word: string}\n")})
    project.run("-P", "word=a")
    again = project.reprise("reproduce", "@last", "--set", "word")
    assert (again.exit_code, "write --set word=VALUE" in again.err) == (2, True)


def test_without_a_folder_for_the_time_being(repository: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    project = repository({"MLproject": mlproject("true")})
    project.run()
    project.run()
    one, other = (run.run_id for run in project.runs())
    monkeypatch.setenv("REPRISE_CACHE_DIR", "/dev/null/cache")
    for words in (["verify", one, other], ["diff", one, other]):
        assert project.reprise(*words).exit_code == 0  # no file has to be unpacked for it
    bundled = project.reprise("bundle", one)
    assert (bundled.exit_code, "hint: use REPRISE_CACHE_DIR" in bundled.err) == (3, True), bundled.err


def test_changes_that_git_is_told_not_to_see(repository: Write) -> None:
    """They are part of the source all the same: the run has read them."""
    files = {
        "MLproject": mlproject("cat a.txt b.txt run.sh"),
        "a.txt": "1\n",
        "b.txt": "1\n",
        "run.sh": "x\n",
    }
    project = repository(files)
    git(project.path, "update-index", "--assume-unchanged", "a.txt", "run.sh")
    git(project.path, "update-index", "--skip-worktree", "b.txt")
    project.run()
    (project.path / "a.txt").write_text("here\n")
    (project.path / "b.txt").write_text("there\n")
    project.run()
    changed, clean = (run.run_id for run in project.runs())
    record = json.loads(record_file(project).read_text())["source"]
    assert (record["dirty"], [file["path"] for file in record["files"]]) == (True, ["a.txt", "b.txt"])
    assert project.reprise("verify", clean, changed).exit_code == 7
    again = project.reprise("reproduce", changed)
    assert (again.exit_code, "here\nthere\n" in again.out) == (0, True), again.err
    assert project.reprise("reproduce", clean).exit_code == 0


def test_repository_of_sha256(project: Write) -> None:
    folder = project({"MLproject": mlproject("cat new.txt")})
    git(folder.path, "init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    commit(folder.path, {}, "first")
    (folder.path / "new.txt").write_text("untracked\n")
    assert folder.run().exit_code == 0
    again = folder.reprise("reproduce", "@last")
    assert again.exit_code == 0, again.err


def test_an_index_with_credentials_is_asked_again_when_the_caches_are_gone(
    repository: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the project's files and in no lock: reproduce, env exec and bundle find them there."""
    wheels.make(tmp_path / "index", "beta", "2.0")

    def lose_caches() -> None:
        shutil.rmtree(Path(os.environ["REPRISE_CACHE_DIR"]))
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / os.urandom(4).hex()))

    with wheels.guarded_index(tmp_path / "index", "me", "s3cret") as address:
        requirements = f"--index-url http://me:s3cret@{address}/simple\nbeta==2.0\n"
        project = repository(
            {
                "MLproject": "python_env: python_env.yaml\n" + mlproject("python -c 'import beta'"),
                "python_env.yaml": "dependencies: [-r requirements.txt]\n",
                "requirements.txt": requirements,
            }
        )
        assert project.reprise("run", str(project.path)).exit_code == 0
        run_id = project.runs()[0].run_id
        assert "s3cret" not in project.artifact(project.runs()[0], "reprise/environment.lock")
        lose_caches()
        again = project.reprise("reproduce", run_id)
        assert again.exit_code == 0, again.err
        lose_caches()
        shutil.rmtree(project.path)  # the files are kept with the run
        entered = project.reprise("env", "exec", run_id, "--", "python", "-c", "import beta")
        assert entered.exit_code == 0, entered.err
        lose_caches()
        bundled = project.reprise("bundle", run_id, "--with-packages", "-o", str(tmp_path / "b.zip"))
        assert bundled.exit_code == 0, bundled.err
        assert (
            "beta-2.0-py3-none-any.whl"
            in zipfile.ZipFile(tmp_path / "b.zip").read("manifest.json").decode()
        )
