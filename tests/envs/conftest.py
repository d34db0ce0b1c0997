"""What tests of environments share: a folder of wheels as the only index, and a log file."""

from __future__ import annotations

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
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "env.log"
