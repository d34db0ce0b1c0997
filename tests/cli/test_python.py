"""Which Python a project gets, as the user sees it, and faults that are told before anything is made."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.conftest import ProjectFolder
from tests.envs import wheels
from tests.envs.conftest import only_our_python

Write = Callable[[Mapping[str, str]], ProjectFolder]

SERIES = f"{sys.version_info.major}.{sys.version_info.minor}"
VERSION = ".".join(map(str, sys.version_info[:3]))
POINTS = "entry_points: {main: {command: 'python -V'}}\n"
PYTHON = f"python_env: python_env.yaml\n{POINTS}"

pytestmark = [pytest.mark.usefixtures("index"), pytest.mark.slow]


@pytest.fixture
def index(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    wheels.make(folder, "alpha", "1.0")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    only_our_python(monkeypatch)
    return folder


FAULTS = [
    # (files beside the MLproject, place, what is said)
    ({"python_env.yaml": "python: ^3.11\n"}, "python_env.yaml:1:9 python", '"^3.11" is not a version'),
    ({"python_env.yaml": "python: new\n"}, None, ""),
    ({"python_env.yaml": "python: 3.11 or 3.12\n"}, "python_env.yaml:1:9", "is not a version of Python"),
    ({"python_env.yaml": "python: '>=3.8 <4'\n"}, "python_env.yaml:1:9", "is not a version of Python"),
    (
        {"python_env.yaml": "dependencies: [foo bar]\n"},
        "python_env.yaml:1:1",
        '"foo bar" is not a requirement',
    ),
    (
        {"python_env.yaml": "dependencies:\n  - alpha\n  - x; touch /tmp/P\n"},
        "python_env.yaml:3:1",
        '"x; touch /tmp/P" is not a requirement',
    ),
    (
        {"python_env.yaml": "dependencies: [-r r.txt]\n", "r.txt": "alpha\nfoo bar baz\n"},
        "r.txt:2:1",
        "foo bar",
    ),
    (
        {"python_env.yaml": "dependencies: [-r a/r.txt]\n", "a/r.txt": "-c c.txt\n", "a/c.txt": "x=1\n"},
        "a/c.txt:1:1",
        'write "x==1"',
    ),
    ({"python_env.yaml": "dependencies: [-r no.txt]\n"}, "python_env.yaml:1:1", "does not exist"),
]


@pytest.mark.parametrize(("files", "place", "said"), FAULTS)
def test_faults_of_environment_files_are_told_by_check_and_leave_no_run(
    project: Write, files: Mapping[str, str], place: str | None, said: str
) -> None:
    given = project({"MLproject": PYTHON, **files})
    checked = given.reprise("check", str(given.path))
    if place is None:
        assert checked.exit_code == 0
        return
    assert checked.exit_code == 2
    assert f"fault: {place}" in checked.out
    assert said in checked.out
    ran = given.reprise("run", str(given.path))
    assert ran.exit_code == 2, ran.err
    assert place in " ".join(ran.err.split())
    assert given.runs() == []


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"requirements.txt": "alpha\n==1\n"}, "requirements.txt:2:1"),
        ({"environment.yml": "dependencies:\n  - python=^3.11\n"}, "environment.yml:2:5"),
        ({"environment.yml": "dependencies:\n  - pip:\n    - a=1\n"}, "environment.yml:3:1"),
        ({"pyproject.toml": '[project]\nname="x"\nrequires-python = "^3.11"\n'}, "pyproject.toml:3:1"),
    ],
)
def test_faults_of_files_that_are_found_in_the_folder(
    project: Write, files: Mapping[str, str], line: str
) -> None:
    given = project({"MLproject": POINTS, **files})
    assert f"fault: {line}" in given.reprise("check", str(given.path)).out


def test_a_dry_run_says_which_python_it_would_be(project: Write) -> None:
    given = project({"MLproject": PYTHON, "python_env.yaml": f"python: {SERIES}\ndependencies: [alpha]\n"})
    done = given.reprise("run", str(given.path), "--dry-run", "--json")
    assert json.loads(done.out)["python"] == VERSION


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("python_env.yaml", "python: 3.99.1\n", '"python: 3.99.1" (python_env.yaml:1)'),
        ("python_env.yaml", 'python: "3.99.1"\n', 'python: "3.99.1" (python_env.yaml:1)'),
        ("conda.yaml", "dependencies:\n  - python=3.99.1\n", '"python=3.99.1" (conda.yaml:2)'),
    ],
)
def test_a_dry_run_fails_where_the_python_is_not_there(
    project: Write, file: str, text: str, words: str
) -> None:
    key = file.removesuffix(".yaml").replace("conda", "conda_env")
    given = project({"MLproject": f"{key}: {file}\n{POINTS}", file: text})
    done = given.reprise("run", str(given.path), "--dry-run", "--env-manager", "virtualenv")
    assert done.exit_code == 4
    assert f"{words}: Python 3.99.1 is not on this machine" in done.err
    assert VERSION in done.err


def test_python_2_is_said_to_be_too_old(project: Write) -> None:
    given = project({"MLproject": PYTHON, "python_env.yaml": "python: 2.7.18\n"})
    done = given.reprise("run", str(given.path), "--dry-run")
    assert done.exit_code == 4
    assert "Python 2.7.18 is too old" in done.err


def test_the_option_wins_over_the_file_and_over_a_lock(project: Write) -> None:
    given = project({"MLproject": PYTHON, "python_env.yaml": "python: '3.99'\ndependencies: [alpha]\n"})
    path = str(given.path)
    assert given.reprise("run", path).exit_code == 4
    done = given.reprise("run", path, "--python", SERIES)
    assert done.exit_code == 0, done.err
    assert given.reprise("lock", path, "--python", SERIES).exit_code == 0
    assert f"# python: CPython {VERSION}" in (given.path / "requirements.lock").read_text()
    assert given.reprise("run", path, "--locked").exit_code == 0  # by the Python of the lock
    assert given.reprise("run", path, "--python", "3.98").exit_code == 4
    inside = given.reprise("env", "exec", path, "--python", SERIES, "--", "python", "-V")
    assert inside.exit_code == 0, inside.err


def test_another_patch_release_is_taken_and_noted_unless_locked(project: Write) -> None:
    given = project(
        {"MLproject": PYTHON, "python_env.yaml": f"python: {SERIES}.99\ndependencies: [alpha]\n"}
    )
    path = str(given.path)
    done = given.reprise("run", path)
    assert done.exit_code == 0, done.err
    note = f"Python {VERSION} is used for {SERIES}.99, which is not on this machine"
    assert note in done.err
    assert given.reprise("run", path).exit_code == 0
    assert [run.tags["reprise.env.notes"] for run in given.runs()] == [note, note]
    assert given.reprise("lock", path).exit_code == 0
    assert f"# note: {note}" in (given.path / "requirements.lock").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--python", "^3.11"), '--python: "^3.11" is not a version of Python'),
        (
            ("--python", SERIES, "--env-manager", "local"),
            "an environment of local cannot be changed",
        ),
    ],
)
def test_what_the_option_does_not_take(project: Write, arguments: tuple[str, ...], said: str) -> None:
    given = project({"MLproject": POINTS})
    done = given.reprise("run", str(given.path), *arguments)
    assert done.exit_code == 2
    assert said in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("reproduce", "@last"), "a run is reproduced with the Python version in its record"),
        (("check", "."), "check does not create an environment"),
        (("env", "path", "@last"), "the lock of an environment sets its Python"),
    ],
)
def test_verbs_that_have_no_choice_of_a_python_say_so(
    project: Write, arguments: tuple[str, ...], said: str
) -> None:
    done = project({"MLproject": POINTS}).reprise(*arguments, "--python", SERIES)
    assert done.exit_code == 2
    assert f"--python: {said}" in done.err


@pytest.mark.parametrize("verb", ["predict", "serve", "build-docker"])
def test_a_model_gets_the_python_that_is_asked_for(project: Write, verb: str) -> None:
    files = {
        "MLmodel": "flavors: {python_function: {env: {virtualenv: python_env.yaml}}}\n",
        "python_env.yaml": f"python: {SERIES}\ndependencies: [alpha]\n",
    }
    given = project(files)
    (given.path / "rows.json").write_text("{}")
    more = {"build-docker": ("-n", "image"), "predict": ("-i", str(given.path / "rows.json"))}.get(verb, ())
    arguments = ("models", verb, "-m", str(given.path), *more)
    assert "is not a version" in given.reprise(*arguments, "--python", "^3").err
    if verb != "build-docker":  # which asks the engine first
        done = given.reprise(*arguments, "--python", "3.99")
        assert done.exit_code == 4
        assert "Python 3.99 is not on this machine" in done.err


def test_what_a_conda_yaml_leaves_out_is_recorded(project: Write, index: Path) -> None:
    wheels.make(index, "pip", "21.0")
    wheels.make(index, "setuptools", "60.0")
    given = project(
        {
            "MLproject": f"conda_env: conda.yaml\n{POINTS}",
            "conda.yaml": "dependencies:\n  - alpha=1.0=py_0\n  - openssl=1.1.1k=h_0\n  - mkl\n",
        }
    )
    done = given.reprise("run", str(given.path), "--env-manager", "virtualenv")
    assert done.exit_code == 0, done.err
    line = "conda.yaml: left out, not needed here: openssl, mkl"
    assert line in done.err
    assert line in given.runs()[0].tags["reprise.env.notes"].splitlines()
