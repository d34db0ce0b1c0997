"""``./dev``, and the locked environment that it makes."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from reprise.envs.project_files.requirements import canonical_name
from reprise.envs.virtualenv import lockfiles, pins
from tests.conftest import REPOSITORY

LOCK = REPOSITORY / "requirements.lock"
PYTHONS = ("3.11.0", "3.12.0", "3.13.0", "3.14.0")


def wanted() -> Iterator[Requirement]:
    """What reprise and its development ask for."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    development = yaml.safe_load((REPOSITORY / "python_env.yaml").read_text())
    lines = (*development["build_dependencies"], *development["dependencies"])
    yield from map(Requirement, project["dependencies"])
    yield from (Requirement(line) for line in lines if not line.startswith("-"))


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_what_is_asked_for_on_each_python(python: str) -> None:
    locked = pins.read_pins(
        LOCK.read_text().splitlines(), pins.marker_environment("CPython", python), REPOSITORY
    )
    versions = {pin.name: Version(pin.version) for pin in locked if pin.name}
    missing = [
        str(requirement)
        for requirement in wanted()
        if not requirement.specifier.contains(versions.get(canonical_name(requirement.name), "0"))
    ]
    assert missing == [], "`./dev lock` takes them in"


def test_every_package_of_the_lock_has_hashes() -> None:
    locked = pins.read_pins(LOCK.read_text().splitlines(), None, REPOSITORY)
    assert [pin.head for pin in locked if not pin.hashes] == ["-e ."]


def test_the_lock_is_for_machines_of_all_kinds_and_names_no_host() -> None:
    text = LOCK.read_text()
    said = lockfiles.read_facts(text)
    assert {"linux-64", "linux-aarch64", "osx-64", "osx-arm64"} <= set(said.words)
    assert said.version is not None and lockfiles.series_of(said.version) == "3.11"
    assert "://" not in text


def bare_machine(folder: Path, pythons: dict[str, str]) -> dict[str, str]:
    """A copy of ./dev in ``folder``, and an environment whose PATH has only these programs."""
    programs = folder / "bin"
    programs.mkdir()
    for tool in ("sh", "cat", "cmp", "cp", "dirname", "grep", "rm", "sed"):
        found = shutil.which(tool)
        assert found is not None
        (programs / tool).symlink_to(found)
    for name, script in pythons.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    for name in ("dev", "pyproject.toml", "requirements.lock"):
        shutil.copy(REPOSITORY / name, folder / name)
    return {"PATH": str(programs), "HOME": str(folder)}


@pytest.mark.parametrize(
    ("pythons", "sentence"),
    [
        ({}, "dev: no Python >= 3.11 is on PATH"),
        ({"python3.12": "exit 127", "python3": "exit 1"}, "dev: no Python >= 3.11 is on PATH"),
        (
            {"python3": 'case "$2" in *ensurepip*) exit 1; esac'},
            "dev: python3 cannot make virtual environments",
        ),
    ],
    ids=["none", "a shim and an old one", "no venv"],
)
def test_dev_says_what_a_machine_lacks(pythons: dict[str, str], sentence: str, tmp_path: Path) -> None:
    environ = bare_machine(tmp_path, pythons)
    done = subprocess.run(
        [tmp_path / "dev", "run"], env=environ, check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "or install uv" in done.stderr


def test_dev_tells_its_commands(tmp_path: Path) -> None:
    done = subprocess.run([REPOSITORY / "dev"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert all(f"./dev {verb}" in done.stderr for verb in ("run", "test", "check", "lock", "upgrade"))
