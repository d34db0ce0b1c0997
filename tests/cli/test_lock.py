"""reprise lock, and what --locked, --offline and --as-of mean for a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ProjectFolder
from tests.envs import wheels
from tests.envs.virtualenv.test_manager import local_project
from tests.fakes import git_http
from tests.fakes.repositories import git

Write = Callable[[Mapping[str, str]], ProjectFolder]

MLPROJECT = "python_env: python_env.yaml\nentry_points: {main: {command: 'python show.py'}}\n"
FILES = {
    "MLproject": MLPROJECT,
    "python_env.yaml": "dependencies: [alpha]\n",
    "show.py": "import beta; print(beta.__version__)\n",
}

pytestmark = [pytest.mark.usefixtures("index"), pytest.mark.slow]


def run(folder: ProjectFolder, *arguments: str) -> tuple[int, str, str]:
    done = folder.reprise("run", str(folder.path), *arguments)
    return done.exit_code, done.out, done.err


@pytest.fixture
def index(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    wheels.make(folder, "alpha", "1.0", requires=["beta"])
    wheels.make(folder, "beta", "2.0")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    return folder


def test_a_lock_is_written_checked_and_used(project: Write, index: Path) -> None:
    folder = project(FILES)
    assert folder.reprise("lock", str(folder.path), "--locked").exit_code == 4
    locked = folder.reprise("lock", str(folder.path), "--json")
    file = folder.path / "requirements.lock"
    assert json.loads(locked.out) == {
        "env_manager": "virtualenv",
        "files": [{"path": str(file), "changed": True}],
    }
    assert f"Wrote {file}" in locked.err
    assert "Nothing to change" in folder.reprise("lock", str(folder.path)).err
    checked = folder.reprise("lock", str(folder.path), "--locked", "--json")
    assert (checked.exit_code, json.loads(checked.out)["files"]) == (0, [])
    wheels.make(index, "beta", "9.0")
    assert run(folder, "--locked", "--offline")[:2] == (0, "2.0\n")
    assert "beta==2.0" in folder.artifact(folder.runs()[0], "reprise/environment.lock")
    assert folder.reprise("lock", str(folder.path), "--upgrade", "beta").exit_code == 0
    assert run(folder, "--locked")[:2] == (0, "9.0\n")


def test_a_run_below_an_offline_run_is_offline(project: Write) -> None:
    folder = project({"x.sh": "echo offline=$REPRISE_OFFLINE\n"})
    assert folder.run("-e", "x.sh", "--offline").out == "offline=1\n"
    assert folder.run("-e", "x.sh").out == "offline=\n"


def test_an_outdated_lock_fails_a_locked_run_only(project: Write) -> None:
    folder = project(FILES)
    folder.reprise("lock", str(folder.path))
    (folder.path / "python_env.yaml").write_text("dependencies: [beta]\n")
    code, _, err = run(folder, "--locked")
    assert code == 4
    assert "nothing requires alpha" in err
    assert "hint: update it with reprise lock" in err
    code, out, err = run(folder)
    assert (code, out) == (0, "2.0\n")
    assert "warning: " in err
    assert "resolved again for this run" in err


def test_what_was_chosen_is_said_in_one_line(project: Write) -> None:
    folder = project({"requirements.txt": "beta\n", "show.py": FILES["show.py"]})
    err = run(folder, "-e", "show.py")[2]
    assert "Environment: virtualenv, by requirements.txt (found in the project folder)\n" in err


def test_upgrade_alone_is_everything(project: Write, index: Path) -> None:
    folder = project(FILES)
    folder.reprise("lock", str(folder.path))
    wheels.make(index, "beta", "9.0")
    assert folder.reprise("lock", str(folder.path), "--upgrade").exit_code == 0
    assert "beta==9.0" in (folder.path / "requirements.lock").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--locked", "--upgrade"], "--locked only checks"),
        (["--as-of", "tomorrow"], "is not a date"),
        (["--as-of", "2999-01-01"], "in the future"),
        (["--as-of", "commit"], "has no commit"),
        (["-o", "elsewhere"], "the lock of a folder is always in that folder"),
        (["--platform", "amiga"], 'there is no "amiga"'),
    ],
)
def test_what_cannot_be_meant_is_refused(project: Write, arguments: list[str], said: str) -> None:
    folder = project(FILES)
    done = folder.reprise("lock", str(folder.path), *arguments)
    assert done.exit_code == 2
    assert said in done.err
    assert not (folder.path / "requirements.lock").exists()


def test_a_bad_date_makes_no_run(project: Write) -> None:
    folder = project(FILES)
    assert run(folder, "--as-of", "2999-01-01")[0] == 2
    assert folder.runs() == []


def test_local_is_not_locked(project: Write) -> None:
    folder = project(FILES)
    done = folder.reprise("lock", str(folder.path), "--env-manager", "local")
    assert done.exit_code == 4
    assert "the current environment is not locked" in done.err


def test_a_repository_is_locked_into_the_current_folder_or_another(project: Write, tmp_path: Path) -> None:
    folder = project(FILES)
    with served(folder, tmp_path) as url:
        assert folder.reprise("lock", url).exit_code == 0
        assert "beta==2.0" in Path("requirements.lock").read_text()
        done = folder.reprise("lock", url, "-o", "locks/iris", "--json")
        (file,) = json.loads(done.out)["files"]
        assert file["path"] == str(Path("locks/iris/requirements.lock"))
        assert Path(file["path"]).read_text() == Path("requirements.lock").read_text()


def test_second_run_of_a_commit_finds_the_environment_of_its_own_package(
    project: Write, tmp_path: Path
) -> None:
    folder = project(
        {
            "MLproject": MLPROJECT,
            "python_env.yaml": "dependencies: [-e .]\n",
            "show.py": "import gamma; print(gamma.value, gamma.__file__)\n",
        }
    )
    local_project(folder.path, 7)
    with served(folder, tmp_path) as url:
        first = folder.reprise("run", url)
        second = folder.reprise("run", url)
    assert first.out == second.out
    assert first.out.startswith("7 ")
    assert "Created environment" in first.err
    assert "Created environment" not in second.err
    assert "Resolved" not in second.err


@contextmanager
def served(folder: ProjectFolder, tmp_path: Path) -> Iterator[str]:
    """The project as a repository on a server."""
    git(folder.path, "init", "-q")
    git(folder.path, "add", ".")
    git(folder.path, "commit", "-q", "-m", "x")
    git(tmp_path, "clone", "-q", "--bare", str(folder.path), "served/project.git")
    with git_http.serve(tmp_path / "served") as server:
        yield f"{server.url}/project.git"
