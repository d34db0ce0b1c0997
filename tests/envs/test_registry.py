"""Which manager a project gets, and what is refused before a run is opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reprise.envs import local, registry
from reprise.envs.conda import manager as conda
from reprise.envs.pypi import uv
from reprise.envs.virtualenv import manager as virtualenv
from reprise.errors import EnvError, ProjectError, UsageError
from reprise.schemas.environment import CondaEnv, DockerEnv, EnvSpec, PythonEnv

ROOT = Path("/project")
PYTHON = PythonEnv(ROOT, dependencies=("numpy",))
CONDA = CondaEnv(ROOT, ROOT / "conda.yaml", dependencies=("python=3.9", "numpy=1.2"))
DOCKER = DockerEnv(ROOT, "team/image")
OF_R = CondaEnv(ROOT, ROOT / "conda.yaml", dependencies=("r-ggplot2",))


@pytest.mark.parametrize("spec", [PYTHON, CONDA, DOCKER], ids=["python", "conda", "docker"])
def test_local_always_wins(spec: EnvSpec) -> None:
    assert registry.choose_manager(spec, "local") == (local, spec)


@pytest.mark.parametrize("requested", [None, "virtualenv", "uv"])
def test_python_projects_get_virtualenv(requested: str | None) -> None:
    assert registry.choose_manager(PYTHON, requested) == (virtualenv, PYTHON)


@pytest.mark.parametrize("requested", [None, "conda"])
def test_conda_projects_get_conda(requested: str | None) -> None:
    assert registry.choose_manager(CONDA, requested) == (conda, CONDA)


@pytest.mark.parametrize("requested", ["virtualenv", "uv"])
def test_conda_projects_are_translated_when_asked_and_told_so(requested: str) -> None:
    manager, spec = registry.choose_manager(CONDA, requested)
    assert manager is virtualenv
    assert isinstance(spec, PythonEnv)
    assert (spec.python, spec.dependencies) == ("3.9", ("numpy==1.2.*",))
    assert spec.notes == ("conda packages are installed from the Python package index",)


@pytest.mark.parametrize(
    ("spec", "requested", "message"),
    [
        (PYTHON, "conda", "conda does not support"),
        (DOCKER, "virtualenv", r"runs in a container of team/image, which virtualenv does not support"),
        (DOCKER, "conda", r"runs in a container of team/image, which conda does not support"),
        (OF_R, "virtualenv", "r-ggplot2: "),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_way_out(
    spec: EnvSpec, requested: str | None, message: str
) -> None:
    with pytest.raises(EnvError, match=message) as caught:
        registry.choose_manager(spec, requested)
    way_out = "--env-manager conda" if spec is OF_R else "--env-manager local"
    assert way_out in (caught.value.hint or "")


@pytest.mark.parametrize("spec", [PYTHON, CONDA], ids=["python", "conda"])
def test_a_project_without_an_image_does_not_run_in_docker(spec: EnvSpec) -> None:
    with pytest.raises(EnvError, match="has no image") as caught:
        registry.choose_manager(spec, "docker")
    assert "docker_env" in (caught.value.hint or "")


def test_machine_without_rattler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvError, match=r"need py-rattler.*reprise-ml\[conda\]"):
        registry.choose_manager(CONDA, None)


def test_unknown_word_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match='no environment manager "poetry"') as caught:
        registry.choose_manager(PYTHON, "poetry")
    assert caught.value.hint == "one of local, virtualenv, conda, docker, uv"


def test_missing_requirements_file_is_refused() -> None:
    with pytest.raises(ProjectError, match=r"nowhere\.txt"):
        registry.choose_manager(PythonEnv(ROOT, dependencies=("-r nowhere.txt",)), None)


def test_machine_without_uv_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise EnvError("uv is neither installed next to reprise nor on PATH")

    monkeypatch.setattr(uv, "_find_program", missing)
    with pytest.raises(EnvError, match="uv is neither installed"):
        registry.choose_manager(PYTHON, None)
    assert registry.choose_manager(PYTHON, "local") == (local, PYTHON)


def test_the_current_environment_costs_no_other_manager() -> None:
    script = """
import sys
from pathlib import Path
from reprise.envs import registry
from reprise.schemas.environment import PythonEnv
registry.choose_manager(PythonEnv(Path()), "local")
assert registry.MANAGERS["local"].NAME == "local" and "virtualenv" in registry.list_words()
assert not {f"reprise.envs.{name}" for name in ("virtualenv", "conda", "docker", "uv")} & set(sys.modules)
assert registry.MANAGERS["virtualenv"].NAME == "virtualenv"
"""
    subprocess.run([sys.executable, "-c", script], check=True)
