"""Packages of a lock for another machine: unpacked by uv, nothing of that machine runs."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

import pytest

from reprise.envs import packing
from reprise.envs.packing import Machine
from reprise.envs.virtualenv import manager
from reprise.errors import EnvError
from reprise.schemas.environment import Lock, Policy, PythonEnv
from tests.envs import wheels

HERE = Machine(".".join(map(str, sys.version_info[:3])), "x86_64", "2.36")
ELSEWHERE = HERE._replace(architecture="aarch64")

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, info = "delta-1.0-py3-none-any.whl", "delta-1.0.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("delta.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: delta\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""

pytestmark = pytest.mark.usefixtures("house")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    wheels.make(
        folder, "beta", "2.0", requires=["gamma"], files={"beta_tool.py": "def main(): print('beta')\n"}
    )
    wheels.make(folder, "gamma", files={"broken.py": "{{ template }}\n"})
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    return folder


@pytest.fixture
def lock(index: Path, tmp_path: Path) -> Lock:
    spec = PythonEnv(tmp_path, tmp_path / "python_env.yaml", python=HERE.python, dependencies=("beta",))
    return manager.lock(spec, Policy(), tmp_path / "log")


def source_archive(folder: Path) -> Path:
    """A package that builds itself without anything else."""
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: delta\nVersion: 1.0\n",
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND,
    }
    path = folder / "delta-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"delta-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("machine", [HERE, ELSEWHERE], ids=["here", "elsewhere"])
def test_the_closure_of_the_lock_is_unpacked(lock: Lock, tmp_path: Path, machine: Machine) -> None:
    packing.unpack_lock(lock, tmp_path / "packages", machine, Policy(), tmp_path / "log")
    assert {"beta.py", "gamma.py", "beta_tool.py"} <= contents(tmp_path / "packages").keys()


def test_a_wheel_that_is_not_the_locked_one_is_refused(
    lock: Lock, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels.make(index, "gamma", files={"evil.py": "\n"})
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))  # which would have the locked one
    with pytest.raises(EnvError, match="are not available"):
        packing.unpack_lock(lock, tmp_path / "packages", HERE, Policy(), tmp_path / "log")


def test_what_is_made_is_the_same_bytes_and_names_no_folder_of_ours(
    lock: Lock, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for name in ("one", "other"):
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / f"cache of {name}"))
        for wheel in index.iterdir():
            wheel.touch()
        packing.unpack_lock(lock, tmp_path / name, HERE, Policy(), tmp_path / "log")
        packing.compile_modules(lock, tmp_path / name, "/opt/site", tmp_path / "log")
        made.append(contents(tmp_path / name))
    assert made[0] == made[1]
    compiled = tmp_path / "one" / "__pycache__" / f"beta.{sys.implementation.cache_tag}.pyc"
    assert b"/opt/site/beta.py" in compiled.read_bytes()
    assert str(tmp_path).encode() not in compiled.read_bytes()


@pytest.mark.parametrize(
    ("machine", "builds"),
    [
        (HERE, True),
        (HERE._replace(glibc="2.39"), True),
        (HERE._replace(glibc="2.31"), False),
        (HERE._replace(glibc=""), False),
        (ELSEWHERE, False),
    ],
)
def test_sources_are_built_only_for_a_machine_that_can_run_what_is_made(
    lock: Lock, index: Path, tmp_path: Path, machine: Machine, builds: bool
) -> None:
    digest = hashlib.sha256(source_archive(index).read_bytes()).hexdigest()
    facts = json.loads(lock.text)
    facts |= {
        "platform": "linux-x86_64-glibc2.36",
        "requirements": ["delta==1.0 \\", f"    --hash=sha256:{digest}"],
    }
    made = Lock(lock.manager, json.dumps(facts))
    if builds:
        packing.unpack_lock(made, tmp_path / "packages", machine, Policy(), tmp_path / "log")
        assert (tmp_path / "packages" / "delta.py").is_file()
        return
    with pytest.raises(EnvError, match="delta"):
        packing.unpack_lock(made, tmp_path / "packages", machine, Policy(), tmp_path / "log")


def test_packages_of_a_folder_are_refused(lock: Lock, tmp_path: Path) -> None:
    facts = {**json.loads(lock.text), "local": [{"path": "lib/own", "editable": True}]}
    with pytest.raises(EnvError, match="lib/own"):
        own = Lock(lock.manager, json.dumps(facts))
        packing.unpack_lock(own, tmp_path / "packages", HERE, Policy(), tmp_path / "log")
