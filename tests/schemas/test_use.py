"""A fault that is elsewhere in the files is a warning for what is run, and comes before any error."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from reprise.errors import ProjectError
from reprise.schemas.check import check
from reprise.schemas.environment import CondaEnv, PythonEnv
from reprise.schemas.loader import read_project
from reprise.schemas.project import Project
from reprise.schemas.use import Use, use_project

GOOD = "  good:\n    command: echo good\n"


def used(root: Path, source: str, entry_point: str = "good", *, environment: bool = True) -> Project:
    (root / "MLproject").write_text(source)
    return use_project(read_project(root), Use(entry_point, environment))


@pytest.mark.parametrize(
    ("elsewhere", "sentence"),
    [
        ("  other:\n    command: echo {x}\n", '"{x}" is not a declared parameter'),
        ("  other:\n    command: a\n    command: b\n", 'the key "command" is there twice'),
        ("  other: text\n", "other:"),
        ("  other:\n", "other: no value"),
        ("  other:\n    parameters: {a: 5}\n", "other"),
        (
            "  other:\n    command: a\n    parameters: {x: double, y: 'integer[]'}\n",
            '"double" is not a type',
        ),
        ("  other:\n    command: a\n    parameters:\n      x: {default: yes, pattern: '('}\n", "pattern"),
        ("name: [1]\n", "name: a list"),
        ("name: a\nname: b\n", 'the key "name" is there twice'),
        ("databricks_spark_job: {python_file: a.py}\n", "databricks"),
        ("conda_env: ~\n", "conda_env: no value"),
        ("python_env:\ndocker_env: null\n", "no value"),
    ],
)
def test_faults_elsewhere_are_warnings(
    elsewhere: str, sentence: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = used(tmp_path, f"entry_points:\n{GOOD}{elsewhere}")
    assert project.entry_points["good"].command == "echo good"
    assert any(sentence in line for line in caplog.messages)
    assert project.warnings == tuple(caplog.messages)
    assert check(tmp_path).faults != ()


@pytest.mark.parametrize(
    "source",
    [
        "entry_points:\n  good:\n    command: echo {x}\n",
        "entry_points:\n  good: {command: a, command: b}\n",
        "entry_points:\n  good: {command: ~}\n",
        "entry_points:\n  good: {command: a, parameters: {x: double}}\n",
        "entry_points:\n  good: {command: a, parameters: {x: }}\n",
        "entry_points: [good]\n",
        f"entry_points:\n{GOOD}  other:\n    command: 'a\n",
        f"entry_points:\n{GOOD}  other:\n    command: !!python/name:os.system a\n",
        f"entry_points:\n{GOOD}conda_env: missing.yaml\n",
        f"entry_points:\n{GOOD}docker_env: {{volumes: []}}\n",
        f"entry_points:\n{GOOD}python_env: a\nconda_env: b\n",
        "",
    ],
)
def test_faults_of_what_is_run_are_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="MLproject has"):
        used(tmp_path, source)


def test_a_script_needs_no_entry_points(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    used(tmp_path, "entry_points: [1]\n", "a.py")
    with pytest.raises(ProjectError):
        used(tmp_path, "entry_points:\n  a.py: {}\n", "a.py")


@pytest.mark.parametrize(
    "content", [b"\xff\xfea\x00", b"dependencies: [python=3.8, [x]]\n", b"a: [\n", b"5"]
)
def test_a_file_that_nothing_reads_decides_nothing(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "conda.yaml").write_bytes(content)
    source = f"conda_env: conda.yaml\nentry_points:\n{GOOD}"
    assert isinstance(used(tmp_path, source, environment=False).environment, CondaEnv)
    assert "conda.yaml:" in caplog.text
    with pytest.raises(ProjectError, match=r"conda\.yaml has a fault"):
        used(tmp_path, source)


def test_a_key_without_a_value_is_none(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("six\n")
    project = used(tmp_path, f"conda_env: ~\npython_env:\nentry_points:\n{GOOD}")
    assert project.environment == PythonEnv(
        tmp_path, tmp_path / "requirements.txt", dependencies=("-r requirements.txt",)
    )


def test_warnings_come_before_the_error_that_they_explain(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ProjectError), caplog.at_level(logging.WARNING):
        used(tmp_path, "entrypoints: {}\nentry_points:\n  good:\n    command: echo {x}\n    typo: 1\n")
    assert len(caplog.messages) == 2
