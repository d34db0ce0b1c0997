"""Which file says the environment of a project that names none."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.schemas.environment import CondaEnv, PythonEnv
from reprise.schemas.loader import load_project
from reprise.schemas.project import Project

FILES = {
    "python_env.yaml": "dependencies: [numpy]\n",
    "conda.yaml": "dependencies: [numpy]\n",
    "pixi.toml": '[workspace]\nchannels = ["conda-forge"]\n[dependencies]\nnumpy = "*"\n',
    "environment.yml": "dependencies: [numpy]\n",
    "environment.yaml": "dependencies: [numpy]\n",
    "pyproject.toml": '[project]\nname = "x"\nversion = "1"\n',
    "requirements.txt": "numpy\n",
}


def project(root: Path, *names: str) -> Project:
    for name in names:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(FILES.get(name, "numpy\n"))
    return load_project(root)


@pytest.mark.parametrize("first", range(len(FILES)))
def test_the_first_of_the_files_that_are_there_is_taken(tmp_path: Path, first: int) -> None:
    names = list(FILES)[first:]
    found = project(tmp_path, *reversed(names))
    assert found.environment_reason == f"{names[0]} (found in the project folder)"
    assert isinstance(found.environment, PythonEnv | CondaEnv)
    assert found.environment.file == tmp_path / names[0]


def test_an_environment_yml_is_a_conda_environment(tmp_path: Path) -> None:
    assert project(tmp_path, "environment.yml").environment == CondaEnv(
        tmp_path, tmp_path / "environment.yml", dependencies=("numpy",)
    )


def test_a_uv_lock_is_told(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").touch()
    found = project(tmp_path, "pyproject.toml")
    assert found.environment_reason.startswith("pyproject.toml with uv.lock (")


def test_a_pyproject_of_tools_only_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")
    assert load_project(tmp_path).environment_reason.startswith("requirements.txt (")


@pytest.mark.parametrize("name", ["requirements/train.txt", "requirements-gpu.txt", "requirements_dev.txt"])
def test_the_only_requirements_of_another_name_are_taken(tmp_path: Path, name: str) -> None:
    found = project(tmp_path, name)
    assert found.environment == PythonEnv(tmp_path, tmp_path / name, dependencies=(f"-r {name}",))
    assert found.warnings == ()


def test_of_several_requirements_none_is_taken_and_that_is_said(tmp_path: Path) -> None:
    found = project(tmp_path, "requirements/train.txt", "requirements-gpu.txt")
    assert found.environment == PythonEnv(tmp_path)
    (warning,) = found.warnings
    assert "requirements-gpu.txt" in warning
    assert "requirements/train.txt" in warning
    assert "python_env.yaml" in warning
