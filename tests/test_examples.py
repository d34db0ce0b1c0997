"""Every example project, run for real by the command line, and looked up in the store."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reprise.runner.jobs.find import find_run
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.tracking.base import Tracking
from reprise.tracking.registry import open_tracking
from tests.conftest import EXAMPLES, REPOSITORY, UV_CACHE
from tests.envs import conda_channel
from tests.fakes.repositories import commit, git

LOCAL = "--env-manager=local"

pytestmark = [pytest.mark.usefixtures("house"), pytest.mark.slow]


def reprise(*words: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "reprise", *map(str, words)]
    return subprocess.run(argv, check=False, capture_output=True, text=True)


def perform(example: str, *words: str) -> subprocess.CompletedProcess[str]:
    done = reprise("run", EXAMPLES / example, *words)
    assert done.returncode == 0, done.stderr
    return done


def reproduce_last() -> None:
    """Perform the last run again, from its record: it comes out the same."""
    done = reprise("reproduce", "@last")
    assert done.returncode == 0, done.stdout + done.stderr


def copy_iris() -> None:
    """A repository ``iris`` that may be changed."""
    folder = shutil.copytree(EXAMPLES / "iris", Path("iris"))
    git(folder, "init", "--quiet")
    commit(folder, {}, "iris")


@contextmanager
def store() -> Iterator[Tracking]:
    tracking = open_tracking(None, Path.cwd())
    try:
        yield tracking
    finally:
        tracking.close()


def last_run(tracking: Tracking) -> Run:
    run = find_run(tracking, "@last")
    assert run.status == "FINISHED"
    return run


def artifacts(tracking: Tracking, run: Run, folder: str = "") -> set[str]:
    found: set[str] = set()
    for item in tracking.list_artifacts(run.run_id, folder):
        found |= artifacts(tracking, run, item.path) if item.is_dir else {item.path}
    return found


def artifact(tracking: Tracking, run: Run, path: str) -> bytes:
    target = Path(f"{run.run_id}-{Path(path).name}")
    tracking.download_artifact(run.run_id, path, target)
    return target.read_bytes()


def head() -> str:
    argv = ["git", "rev-parse", "HEAD"]
    return subprocess.run(argv, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("project", sorted(EXAMPLES.rglob("MLproject")), ids=lambda path: path.parent.name)
def test_the_project_files_have_no_fault(project: Path) -> None:
    done = reprise("check", project.parent)
    assert (done.returncode, done.stdout) == (0, "")


def test_shell() -> None:
    done = perform("shell", "-P", "top=2", LOCAL)
    assert [line.split() for line in done.stdout.splitlines()[:2]] == [["5", "and"], ["4", "thou"]]
    with store() as tracking:
        run = last_run(tracking)
        assert f"counted by run {run.run_id}" in done.stdout
        assert artifact(tracking, run, "reprise/output.log").decode() == done.stdout
    assert run.params == {"text": "sonnet.txt", "top": "2"}
    assert run.metrics == {}
    told = {tags.ENTRY_POINT: "main", tags.PROJECT_ENV: "local", tags.PROJECT_BACKEND: "local"}
    assert told.items() <= run.tags.items()
    reproduce_last()


def test_shell_script_that_is_not_declared() -> None:
    done = perform("shell", "-e", "longest.sh", "-P", "lines=2", LOCAL)
    assert done.stdout.startswith("49\tNor shall Death")
    with store() as tracking:
        run = last_run(tracking)
    assert run.params == {"lines": "2"}
    assert run.tags[tags.ENTRY_POINT] == "longest.sh"
    reproduce_last()


def test_shell_script_that_fails_gives_its_exit_code() -> None:
    done = reprise("run", EXAMPLES / "shell", "-e", "longest.sh", "-P", "colour=red", LOCAL)
    assert done.returncode == 64
    with store() as tracking:
        run = find_run(tracking, "@last")
    assert run.status == "FAILED"
    assert run.tags[tags.EXIT_CODE] == "64"
    assert "--colour is not an option" in run.tags[tags.REASON]


@pytest.mark.mlflow
def test_sweep_friendly() -> None:
    perform("sweep_friendly", "-P", "learning-rate=1e-1", "-P", "shuffle=no", "-P", "epochs=12", LOCAL)
    with store() as tracking:
        trained = last_run(tracking)
        points = tracking.metric_history(trained.run_id, "loss")
        assert {"checkpoints/1.json", "checkpoints/10.json"} <= artifacts(tracking, trained)
    assert trained.params == {
        "points": "data/points.csv",
        "optimizer": "momentum",
        "learning-rate": "1e-1",
        "epochs": "12",
        "shuffle": "no",
        "checkpoints": "[1, 10]",
    }
    assert sorted(point.step for point in points) == list(range(1, 13))
    assert trained.metrics["accuracy"].value > 0.6
    reproduce_last()

    model = f"runs:/{trained.run_id}/model.json"
    origin = "https://example.org/points.csv"
    perform("sweep_friendly", "-e", "evaluate", "-P", f"model={model}", "-P", f"origin={origin}", LOCAL)
    with store() as tracking:
        evaluated = last_run(tracking)
    assert evaluated.params["model"] == model
    assert evaluated.tags["origin"] == origin
    assert evaluated.metrics["accuracy"].value == trained.metrics["accuracy"].value
    reproduce_last()


@pytest.mark.mlflow
def test_sweep_friendly_goes_without_an_optional_parameter() -> None:
    Path("model.json").write_text(json.dumps({"weights": [0, 1, 1]}))
    perform("sweep_friendly", "-e", "evaluate", "-P", "model=model.json", LOCAL)
    with store() as tracking:
        run = last_run(tracking)
    assert run.params == {"model": "model.json", "points": "data/points.csv"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("optimizer=adam", '"adam" is not one of sgd, momentum'),
        ("learning-rate=20", "20 is above the maximum 10"),
        ("epochs=0", "0 is below the minimum 1"),
        ("epochs=3.5", '"3.5" is not an int'),
        ("shuffle=maybe", '"maybe" is not a bool'),
        ("checkpoints=[1, x]", 'item 2: "x" is not an int'),
        ("points=nowhere.csv", 'there is no file or folder "nowhere.csv"'),
    ],
)
def test_sweep_friendly_refuses_what_does_not_fit(given: str, sentence: str) -> None:
    done = reprise("run", EXAMPLES / "sweep_friendly", "-P", given, LOCAL)
    assert done.returncode == 2
    assert f"parameters -> {given.partition('=')[0]}: " in done.stderr
    assert sentence in done.stderr
    assert not Path("mlruns").exists()


def test_sweep_friendly_tells_its_parameters() -> None:
    text = reprise("run", EXAMPLES / "sweep_friendly", "--help").stdout
    for words in (
        "sgd, momentum",
        "list[int]",
        "default '0.5'",
        "Take the points in another order",
        "evaluate",
    ):
        assert words in text


@pytest.mark.mlflow
@pytest.mark.parametrize("manager", ["local", pytest.param("virtualenv", marks=pytest.mark.network)])
def test_pipeline(manager: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", UV_CACHE)
    perform("pipeline", "-P", "ridge=0.50", f"--env-manager={manager}")
    with store() as tracking:
        driver = last_run(tracking)
        found = tracking.search_runs([driver.experiment_id], order_by=["attributes.start_time ASC"]).items
        steps = {run.tags[tags.ENTRY_POINT]: run for run in found if run.run_id != driver.run_id}
        assert list(steps) == ["load", "etl", "train"]
        assert "model.json" in artifacts(tracking, steps["train"])
    for name, step in steps.items():
        assert step.status == "FINISHED"
        assert step.run_name == name
        assert step.tags[tags.PARENT_RUN_ID] == driver.run_id
        assert step.tags[tags.PROJECT_ENV] == driver.tags[tags.PROJECT_ENV] == manager
    assert steps["etl"].params["flats"] == f"runs:/{steps['load'].run_id}/flats.csv"
    assert steps["train"].params["ridge"] == driver.params["ridge"] == "0.50"
    assert steps["load"].metrics["rows"].value == 60
    assert steps["etl"].metrics["dropped"].value == 4
    assert steps["train"].metrics["rmse"].value < 40
    reproduce_last()


@pytest.mark.mlflow
@pytest.mark.network
def test_iris_from_its_uv_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", UV_CACHE)
    copy_iris()
    assert reprise("run", "iris/uv", "--locked").returncode == 4
    assert reprise("lock", "iris/uv").returncode == 0
    done = reprise("run", "iris/uv", "--locked", "-P", "C=0.05")
    assert done.returncode == 0, done.stderr
    assert "by pyproject.toml with uv.lock" in done.stderr
    assert "test accuracy" in done.stdout
    with store() as tracking:
        run = last_run(tracking)
        lines = json.loads(artifact(tracking, run, "reprise/environment.lock"))["requirements"]
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", "\n".join(lines), re.MULTILINE))
    locked = Path("iris/uv/uv.lock").read_text()
    assert {"scikit-learn", "mlflow"} <= pinned.keys()
    for name, version in pinned.items():
        assert f'name = "{name}"\nversion = "{version}"\n' in locked
    reproduce_last()


@pytest.mark.mlflow
@pytest.mark.network
def test_iris_in_a_conda_environment(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel is one on this machine; what it does not have moves to the pip section."""
    monkeypatch.setenv("UV_CACHE_DIR", UV_CACHE)
    (house / ".condarc").write_text(f"mirrored_channels: {{conda-forge: [{conda_channel.shared()}]}}\n")
    copy_iris()
    file = Path("iris/conda/conda.yaml")
    there, _, pip = file.read_text().partition("  - pip\n")
    moved = re.findall(r"  - ((?!python)[\w-]+>=.*)\n", there)
    assert len(moved) == 3
    for line in moved:
        there = there.replace(f"  - {line}\n", "")
        pip += f"      - {line}\n"
    file.write_text(f"{there}  - greeter=1.0\n  - pip\n{pip}")
    assert reprise("lock", "iris/conda").returncode == 0
    done = reprise("run", "iris/conda", "--locked", "-P", "C=0.05")
    assert done.returncode == 0, done.stderr
    assert "Environment: conda" in done.stderr
    assert "test accuracy" in done.stdout
    with store() as tracking:
        run = last_run(tracking)
        lock = json.loads(artifact(tracking, run, "reprise/environment.lock"))
    assert run.tags[tags.PROJECT_ENV] == "conda"
    assert {"python", "pip", "greeter"} == {package["name"] for package in lock["packages"]}
    assert any(line.startswith("scikit-learn==") for line in lock["requirements"])
    reproduce_last()


@pytest.mark.mlflow
@pytest.mark.parametrize(
    ("example", "manager"),
    [
        ("iris", "local"),
        pytest.param("iris", "virtualenv", marks=pytest.mark.network),
        pytest.param("iris/conda", "virtualenv", marks=pytest.mark.network),
    ],
)
def test_iris(example: str, manager: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", UV_CACHE)
    commits = {head()}
    done = perform(example, "-P", "C=0.050", f"--env-manager={manager}")
    commits.add(head())  # somebody may commit while this runs
    assert "test accuracy" in done.stdout
    with store() as tracking:
        run = last_run(tracking)
        files = artifacts(tracking, run)
        curve = tracking.metric_history(run.run_id, "test_accuracy_by_rows")
        figure = artifact(tracking, run, "confusion_matrix.png")
        owner, folder = tracking.model_location("iris", "1")
        tracking.download_artifact(owner, folder, Path("model"))

    assert run.params == {"C": "0.050", "test-share": "0.3", "seed": "42"}
    assert 0.8 < run.metrics["test_accuracy"].value < 1
    assert [point.step for point in sorted(curve, key=lambda point: point.step)] == list(range(20, 106, 10))
    assert {"confusion_matrix.png", "reprise/output.log"} <= files
    assert figure.startswith(b"\x89PNG")

    assert [link.model_id for link in run.model_outputs] == [owner]
    description = Path("model/MLmodel").read_text()
    assert "signature:" in description
    assert "input_example" in description
    assert Path("model/input_example.json").is_file()

    told = {
        tags.SOURCE_TYPE: "PROJECT",
        tags.ENTRY_POINT: "main",
        tags.PROJECT_ENV: manager,
        "model": "logistic regression",
    }
    assert told.items() <= run.tags.items()
    assert run.tags[tags.GIT_COMMIT] in commits

    shown = reprise("runs", "show", "@last").stdout
    for words in (
        "test_accuracy",
        "confusion_matrix.png",
        "C ",
        "0.050",
        "FINISHED",
        "iris  version 1",
        "MLmodel",
    ):
        assert words in shown
    reproduce_last()
