"""Guards that fail a test which would touch the real world, and the fixtures of the whole house."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "example_projects"
FORBIDDEN_PROGRAMS = {"conda", "mamba", "docker", "sbatch", "squeue", "scancel", "kubectl", "ray"}
FORGOTTEN = "/dev/null/this-test-must-use-the-house-fixture"


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No real home, cache, state, store or MLflow setting is in reach of a test."""
    for name in [
        key for key in os.environ if key.startswith(("MLFLOW_", "REPRISE_", "GIT_DIR", "GIT_WORK"))
    ]:
        monkeypatch.delenv(name)
    for name in ("HOME", "REPRISE_CACHE_DIR", "REPRISE_STATE_DIR", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, FORGOTTEN)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.org")
    monkeypatch.setenv("NO_COLOR", "1")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket of the test process reaches loopback and nothing else."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test tried to reach {address}")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(autouse=True)
def _no_foreign_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """conda, docker and clusters are not started by a test that is not about them."""
    real = subprocess.Popen.__init__

    def init(self: subprocess.Popen[Any], args: Any, *rest: Any, **options: Any) -> None:
        program = Path(args if isinstance(args, str) else os.fspath(args[0])).name
        if program in FORBIDDEN_PROGRAMS:
            raise AssertionError(f"a test tried to start {program}")
        real(self, args, *rest, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", init)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private home, cache and state folder; yields the folder that holds them."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("REPRISE_CACHE_DIR", str(home / "cache"))
    monkeypatch.setenv("REPRISE_STATE_DIR", str(home / "state"))
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("XDG_STATE_HOME")
    yield home
