"""Packages that are built from source: by the tools of the time that --as-of names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprise.envs.cache import store
from reprise.envs.virtualenv import manager
from reprise.schemas.environment import Policy, PythonEnv
from tests.envs import wheels
from tests.envs.conftest import only_our_python

pytestmark = pytest.mark.slow

MAKER = """
import pathlib, zipfile
VERSION = "{}"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "needy-1.0-py3-none-any.whl"
    files = {{
        "needy.py": f"built_by = {{VERSION!r}}",
        "needy-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: needy\\nVersion: 1.0\\n",
        "needy-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    files["needy-1.0.dist-info/RECORD"] = "".join(f"{{file}},,\\n" for file in files)
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
    return name
"""
BUILD = '[build-system]\nrequires = ["maker"]\nbuild-backend = "maker"\n'


@pytest.fixture
def dated(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An index with needy 1.0 of 2021 as source only, built by maker: 1.0 of 2020, 3.0 of 2025."""
    folder = tmp_path / "dated"
    files = {
        wheels.make(
            folder, "maker", version, files={"maker.py": MAKER.format(version)}
        ): f"{year}-01-01T00:00:00Z"
        for version, year in (("1.0", 2020), ("3.0", 2025))
    }
    files[wheels.make_source(folder, "needy", "1.0", files={"pyproject.toml": BUILD})] = (
        "2021-01-01T00:00:00Z"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    only_our_python(monkeypatch)
    with wheels.dated_index(folder, {file.name: time for file, time in files.items()}) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        yield


def built_by(policy: Policy, log: Path) -> str:
    spec = PythonEnv(Path.cwd(), Path.cwd() / "python_env.yaml", dependencies=("needy",))
    environment = store.ensure_environment(manager, spec, policy, log)
    python = environment.prefix / "bin" / "python"
    code = "import needy; print(needy.built_by)"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_a_package_is_built_by_the_tools_of_its_time(dated: None, log: Path) -> None:
    assert built_by(Policy(as_of="2022-01-01T00:00:00Z"), log) == "1.0"


def test_without_a_date_it_is_built_by_the_newest(dated: None, log: Path) -> None:
    assert built_by(Policy(), log) == "3.0"


def test_a_lock_of_a_date_builds_as_of_that_date_too(dated: None, log: Path) -> None:
    spec = PythonEnv(Path.cwd(), Path.cwd() / "python_env.yaml", dependencies=("needy",))
    manager.write_lock(spec, Policy(as_of="2022-01-01T00:00:00Z"), (), log)
    assert built_by(Policy(), log) == "1.0"
