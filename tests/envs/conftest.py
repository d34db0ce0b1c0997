"""What tests of environments share: a folder of wheels as the only index, and a log file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.envs import wheels


@pytest.fixture
def index(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that uv takes packages from; it starts with alpha 1.0, which needs beta 2.0."""
    folder = tmp_path / "index"
    wheels.make(folder, "alpha", "1.0", requires=["beta"])
    wheels.make(folder, "beta", "2.0")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    only_our_python(monkeypatch)
    return folder


def only_our_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other Python of this machine is found, and none is downloaded."""
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("PYENV_ROOT", "/nowhere")
    path = os.environ["PATH"].split(os.pathsep)
    monkeypatch.setenv("PATH", os.pathsep.join(folder for folder in path if "pyenv" not in folder))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "env.log"


@pytest.fixture
def dated_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An index that tells upload times: beta 1.0 of 2021, 2.0 of 2022, 3.0 of 2023."""
    folder = tmp_path / "dated"
    times = {
        wheels.make(folder, "beta", version).name: f"{year}-01-01T00:00:00Z"
        for version, year in (("1.0", 2021), ("2.0", 2022), ("3.0", 2023))
    }
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    only_our_python(monkeypatch)
    with wheels.dated_index(folder, times) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        yield url
