"""Runs that plain MLflow has recorded, performed with what their tags and artifacts hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reprise.schemas import tags
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import ProjectFolder
from tests.envs import wheels
from tests.fakes.repositories import commit, git

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

MLPROJECT = """\
entry_points:
  main:
    parameters:
      label: {type: string, default: none}
    command: "python train.py {label}"
"""
TRAIN = """\
import sys
try:
    import beta
    print(beta.__version__)
except ImportError:
    print("no beta")
print(sys.argv[1:])
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    for version in ("1.0", "2.0"):
        wheels.make(folder, "beta", version)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    return folder


@pytest.fixture
def repository(project: Write) -> ProjectFolder:
    made = project({"MLproject": MLPROJECT, "train.py": TRAIN})
    git(made.path, "init", "--quiet", "--initial-branch=main")
    git(made.path, "add", "--all")
    git(made.path, "commit", "--quiet", "--message", "first")
    return made


def recorded(
    project: ProjectFolder, *, files: Mapping[str, str] | None = None, **changes: str | None
) -> str:
    """A run as ``mlflow run`` leaves it: its id. ``files`` is the folder of a model that it has logged."""
    told: dict[str, str | None] = {
        tags.SOURCE_NAME: project.path.as_uri(),
        tags.SOURCE_TYPE: "PROJECT",
        tags.ENTRY_POINT: "main",
        tags.GIT_COMMIT: git(project.path, "rev-parse", "HEAD"),
        tags.USER: "somebody",
        **({"mlflow.log-model.history": json.dumps([{"artifact_path": "model"}])} if files else {}),
        **{f"mlflow.{name.replace('_', '.')}": value for name, value in changes.items()},
    }
    with EmbeddedStore(Path("mlruns").absolute()) as store:
        kept = {name: value for name, value in told.items() if value is not None}
        run = store.create_run("0", start_time=1, user_id="somebody", tags=kept)
        store.log_batch(run.run_id, params={"label": "'a b'", "solver": "lbfgs"})
        for name, text in (files or {}).items():
            Path("upload").write_text(text)
            store.upload_artifact(run.run_id, Path("upload"), f"model/{name}")
        store.update_run(run.run_id, status="FINISHED", end_time=2)
    return run.run_id


def test_commit_entry_point_and_params(repository: ProjectFolder) -> None:
    run = recorded(repository)
    commit(repository.path, {"train.py": "raise SystemExit('not this one')\n"}, "later")
    again = repository.reprise("reproduce", run)
    new = repository.runs()[0]
    assert repository.artifact(new, "reprise/output.log").splitlines()[-1] == "['a b']"
    assert (new.status, new.params, new.tags[tags.REPRODUCES]) == ("FINISHED", {"label": "a b"}, run)
    assert "has no record of reprise" in again.err and "script may have logged them: solver" in again.err
    assert "the current environment" in again.err
    # what is not known of the run is never called identical
    assert again.exit_code == 7
    assert new.tags[tags.VERDICT] != "identical"


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": "beta==1.0\n"},
        {"requirements.txt": "beta==1.0\n", "python_env.yaml": "dependencies:\n- -r requirements.txt\n"},
    ],
    ids=["requirements", "python_env"],
)
def test_environment_of_the_model_that_it_logged(
    repository: ProjectFolder, index: Path, files: Mapping[str, str]
) -> None:
    run = recorded(repository, files=files)
    again = repository.reprise("reproduce", run)
    assert repository.artifact(repository.runs()[0], "reprise/output.log").startswith("1.0\n"), again.err
    assert f"of the model that run {run} has logged" in again.err


def test_run_without_a_project(repository: ProjectFolder) -> None:
    run = recorded(repository, source_type="LOCAL", source_name="train.py")
    again = repository.reprise("reproduce", run)
    assert again.exit_code == 2
    assert "is not a run of a project: it was logged by train.py" in again.err
    assert len(repository.runs()) == 1


def test_run_without_a_commit(repository: ProjectFolder) -> None:
    run = recorded(repository, source_git_commit=None)
    again = repository.reprise("reproduce", run)
    assert again.exit_code == 3
    assert "neither a commit nor files" in again.err


def test_repository_that_is_gone(repository: ProjectFolder) -> None:
    run = recorded(repository)
    shutil.rmtree(repository.path / ".git")
    again = repository.reprise("reproduce", run)
    assert again.exit_code == 3
    assert "was not stored with the run" in again.err
