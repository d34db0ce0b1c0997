"""``check`` tells faults and warnings of every file, in the order of each file."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.errors import ProjectError
from reprise.schemas.check import ProjectReport, check


def project(root: Path) -> None:
    (root / "MLproject").write_text(
        "conda_env: conda.yaml\nowner: me\nentry_points:\n  main:\n    command: x {a}\n    timeout: 5\n"
    )
    (root / "conda.yaml").write_text("prefix: /x\ndependencies: [5]\n")


OWNER = 'MLproject:2:1  unknown key "owner" is ignored'
COMMAND = (
    'MLproject:5:14  entry_points -> main -> command: "{a}" is not a declared parameter; '
    'declare it below "parameters:"'
)
TIMEOUT = (
    'MLproject:6:5  entry_points -> main: unknown key "timeout" is ignored; '
    'parameters are declared below "parameters:"'
)
PREFIX = 'conda.yaml:1:1  "prefix" is ignored'
PACKAGE = 'conda.yaml:2:16  dependencies -> item 1: 5 is not a package; write it as in "numpy=1.26"'


def test_faults_and_warnings_apart(tmp_path: Path) -> None:
    project(tmp_path)
    assert check(tmp_path) == ProjectReport(
        "MLproject and conda.yaml", (COMMAND, PACKAGE), (OWNER, TIMEOUT, PREFIX)
    )


def test_strict_makes_them_one(tmp_path: Path) -> None:
    project(tmp_path)
    assert check(tmp_path, strict=True) == ProjectReport(
        "MLproject and conda.yaml", (OWNER, COMMAND, TIMEOUT, PREFIX, PACKAGE), ()
    )


def test_what_was_checked(tmp_path: Path) -> None:
    assert check(tmp_path) == ProjectReport(str(tmp_path), (), ())
    (tmp_path / "python_env.yaml").write_text("python: 3.11\n")
    assert check(tmp_path) == ProjectReport("python_env.yaml", (), ())


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="there is no project folder"):
        check(tmp_path / "absent")
