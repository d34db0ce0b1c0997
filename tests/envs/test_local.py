"""local: the environment in which reprise is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reprise.envs import local
from reprise.schemas.environment import DockerEnv, Environment, Lock, Policy
from reprise.schemas.job import Command

COMMAND = Command(("bash", "-c", "python x.py"), (("A", "1"),), Path("/project"))
HERE = Environment("local", Lock("local", ""), Path("/venv"))


def test_inside_a_virtual_environment_its_python_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/venv")
    monkeypatch.setattr(sys, "executable", "/venv/bin/python3")
    entered = local.enter(HERE, COMMAND)
    assert entered.environ == (("A", "1"), ("PATH", f"/venv/bin:{os.environ['PATH']}"))
    assert (entered.argv, entered.cwd) == (COMMAND.argv, COMMAND.cwd)


def test_outside_of_one_the_shell_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert local.enter(HERE, COMMAND) == COMMAND


def test_path_of_the_command_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/venv")
    monkeypatch.setattr(sys, "executable", "/venv/bin/python3")
    command = Command(COMMAND.argv, (("PATH", "/first"),), COMMAND.cwd)
    assert dict(local.enter(HERE, command).environ)["PATH"] == "/venv/bin:/first"


def test_locks_every_kind_of_project(tmp_path: Path) -> None:
    lock = local.lock(DockerEnv(tmp_path, "image"), Policy(), tmp_path / "log")
    assert lock == local.lock(DockerEnv(tmp_path, "other"), Policy(), tmp_path / "log")
    assert f'"executable": "{sys.executable}"' in lock.text
