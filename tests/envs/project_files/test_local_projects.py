"""What counts as a local project's sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reprise.envs.project_files.local_projects import digest_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in (
        "pyproject.toml",
        "module.py",
        "src/pkg/__init__.py",
        "flat/__init__.py",
        "flat/data.json",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def write(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("changed")

    return change


@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml",
        "setup.py",
        "module.py",
        "src/pkg/new.py",
        "src/pkg/deep/data.bin",
        "flat/data.json",
    ],
)
def test_sources_count(project: Path, name: str) -> None:
    before = digest_project(project, editable=False)
    write(name)(project)
    assert digest_project(project, editable=False) != before


@pytest.mark.parametrize(
    "name",
    [
        "mlruns/0/meta.yaml",
        "data/train.csv",
        "model.pkl",
        ".git/HEAD",
        "flat/__pycache__/x.pyc",
        "src/pkg.egg-info/PKG-INFO",
    ],
)
def test_outputs_do_not(project: Path, name: str) -> None:
    before = digest_project(project, editable=False)
    write(name)(project)
    assert digest_project(project, editable=False) == before


def test_only_build_files_of_an_editable_project_count(project: Path) -> None:
    before = digest_project(project, editable=True)
    write("flat/data.json")(project)
    assert digest_project(project, editable=True) == before
    write("setup.cfg")(project)
    assert digest_project(project, editable=True) != before


def test_moving_a_file_counts(project: Path) -> None:
    before = digest_project(project, editable=False)
    (project / "flat/data.json").rename(project / "flat/other.json")
    assert digest_project(project, editable=False) != before


def test_same_sources_elsewhere_are_the_same(project: Path, tmp_path: Path) -> None:
    before = digest_project(project, editable=False)
    assert digest_project(project.rename(tmp_path / "elsewhere"), editable=False) == before


def test_archive_is_its_bytes(tmp_path: Path) -> None:
    wheel = tmp_path / "x.whl"
    wheel.write_bytes(b"1")
    before = digest_project(wheel, editable=False)
    wheel.write_bytes(b"2")
    assert digest_project(wheel, editable=False) != before
