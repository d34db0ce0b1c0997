"""local: the Python that the user is in, however that is said."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reprise.envs import local
from reprise.envs.pythons import facts
from reprise.envs.pythons.current import find_current_python
from reprise.envs.pythons.facts import describe_python
from reprise.errors import EnvError
from reprise.process import patched
from reprise.schemas.environment import DockerEnv, Environment, Lock, Policy, PythonEnv
from reprise.schemas.job import Command

SHOW = "import os, sys; print([sys.executable, sys.prefix, os.environ.get('VIRTUAL_ENV')])"


def make_venv(folder: Path) -> Path:
    """A virtual environment with nothing in it; its ``python``."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def make_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def lock_in(root: Path) -> Lock:
    return local.lock(PythonEnv(root), Policy(), root / "log")


def run_inside(lock: Lock, root: Path, program: str = "python") -> list[str | None]:
    """What a command inside sees: its interpreter, the prefix of that, and ``VIRTUAL_ENV``."""
    command = Command(("bash", "-c", f'{program} -c "{SHOW}"'), (), root)
    entered = local.enter(Environment("local", lock, Path()), command)
    environ = patched(os.environ, dict(entered.environ))
    done = subprocess.run(entered.argv, cwd=root, env=environ, check=True, capture_output=True, text=True)
    seen: list[str | None] = json.loads(done.stdout.replace("'", '"').replace("None", "null"))
    return seen


@pytest.fixture
def bare_path(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, with what a command needs and no Python."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("bash", "sh"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.usefixtures("house")
def test_our_own_python_is_entered_without_a_word_or_a_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        lock = lock_in(tmp_path)
    assert caplog.messages == []
    assert json.loads(lock.text)["executable"] == sys.executable
    command = Command(("bash", "-c", "python x.py"), (("A", "1"),), tmp_path)
    assert local.enter(Environment("local", lock, Path()), command) == command


@pytest.mark.usefixtures("house")
def test_our_own_python_is_asked_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(facts, "run", refuse)
    lock_in(tmp_path)


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_an_activated_environment_is_entered_also_when_it_is_not_on_path(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mine = make_venv(tmp_path / "mine")
    monkeypatch.setenv(variable, str(tmp_path / "mine"))
    with caplog.at_level(logging.INFO):
        lock = lock_in(tmp_path)
    assert f"{mine} (Python " in caplog.text
    assert f"activated environment ({variable})" in caplog.text
    assert run_inside(lock, tmp_path) == [str(mine), str(tmp_path / "mine"), str(tmp_path / "mine")]


@pytest.mark.usefixtures("house")
def test_of_two_activated_environments_the_one_that_the_shell_finds_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (make_venv(tmp_path / name) for name in ("one", "two"))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "one"))
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "two"))
    assert find_current_python(tmp_path, os.environ).facts.executable == one
    monkeypatch.setenv("PATH", f"{two.parent}:{one.parent}:{os.environ['PATH']}")
    assert find_current_python(tmp_path, os.environ).facts.executable == two
    lock = lock_in(tmp_path)
    assert run_inside(lock, tmp_path) == [str(two), str(tmp_path / "two"), str(tmp_path / "two")]


@pytest.mark.usefixtures("house")
def test_an_environment_of_conda_without_a_python_is_none_to_be_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "of-r"))
    found = find_current_python(tmp_path, os.environ)
    assert (found.facts.executable, found.broken) == (Path(sys.executable), ())


@pytest.mark.usefixtures("house")
def test_a_virtual_environment_that_is_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "gone"))
    with caplog.at_level(logging.INFO):
        lock_in(tmp_path)
    assert f"{tmp_path / 'gone/bin/python'} does not work" in caplog.text


def test_the_first_python_on_path_that_works(
    bare_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = make_venv(tmp_path / "mine")
    broken = make_program(tmp_path / "shims" / "python", "exit 127")
    monkeypatch.setenv("PATH", f"{broken.parent}:{mine.parent}:{bare_path}")
    found = find_current_python(tmp_path, os.environ)
    assert (found.facts.executable, found.broken) == (mine, (broken,))
    assert run_inside(lock_in(tmp_path), tmp_path)[0] == str(mine)


def test_where_only_python3_is_there_the_command_python_works(bare_path: Path, tmp_path: Path) -> None:
    (bare_path / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    lock = lock_in(tmp_path)
    assert json.loads(lock.text)["executable"] == str(bare_path / "python3")
    for program in ("python", "python3"):
        executable, prefix, _ = run_inside(lock, tmp_path, program)
        assert (executable, prefix) == (str(bare_path / "python3"), sys.base_prefix)


def test_without_any_it_is_ours(bare_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        lock = lock_in(tmp_path)
    assert "the Python that runs reprise, as none on PATH works" in caplog.text
    assert run_inside(lock, tmp_path)[0] == sys.executable


def test_a_shim_of_pyenv_is_followed_as_seen_from_the_project(
    bare_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("one", "two"):
        make_venv(tmp_path / "pyenv" / "versions" / version)
    make_program(tmp_path / "pyenv" / "shims" / "python", "echo a shim is slow >&2; exit 1")
    (tmp_path / "pyenv" / "version").write_text("one\n")
    project = tmp_path / "project" / "step"
    project.mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tmp_path / 'pyenv/shims'}:{bare_path}")

    def taken() -> str:
        return find_current_python(project, os.environ).facts.executable.parents[1].name

    assert taken() == "one"
    (project.parent / ".python-version").write_text("# ours\ntwo\n")
    assert taken() == "two"
    monkeypatch.setenv("PYENV_VERSION", "one:two")
    assert taken() == "one"


def test_another_script_is_asked_what_it_starts(bare_path: Path, tmp_path: Path) -> None:
    mine = make_venv(tmp_path / "mine")
    make_program(bare_path / "python", f'exec {mine} "$@"')
    lock = lock_in(tmp_path)
    assert json.loads(lock.text)["executable"] == str(mine)
    assert run_inside(lock, tmp_path)[0] == str(mine)


@pytest.mark.usefixtures("house")
def test_what_a_python_says_is_remembered_until_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = make_venv(tmp_path / "mine")
    found = describe_python(mine, tmp_path)
    assert found is not None
    asked: list[Path] = []

    def ask(program: Path, folder: Path) -> tuple[str, str, str]:
        asked.append(program)
        return str(program), "3.99.0", "cpython"

    monkeypatch.setattr(facts, "_ask_program", ask)
    assert describe_python(mine, tmp_path) == found
    assert asked == []
    make_venv(tmp_path / "mine")  # made anew
    assert describe_python(mine, tmp_path) == found._replace(version="3.99.0")


@pytest.mark.usefixtures("house")
def test_a_module_of_the_project_is_not_taken_for_one_of_python(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('mine')\n")
    (tmp_path / "platform.py").write_text("raise SystemExit('mine')\n")
    assert describe_python(make_venv(tmp_path / "mine"), tmp_path) is not None


@pytest.mark.usefixtures("house")
def test_a_caller_that_knows_its_python_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A notebook is in its kernel's Python, whatever is activated."""
    mine, other = make_venv(tmp_path / "mine"), make_venv(tmp_path / "other")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "other"))
    monkeypatch.setenv("PATH", f"{other.parent}:{os.environ['PATH']}")
    with caplog.at_level(logging.INFO):
        policy = local.settle(PythonEnv(tmp_path), Policy(current=mine))
        lock = local.lock(PythonEnv(tmp_path), policy, tmp_path / "log")
    assert caplog.messages == []
    assert run_inside(lock, tmp_path) == [str(mine), str(tmp_path / "mine"), str(tmp_path / "mine")]


@pytest.mark.usefixtures("house")
def test_a_python_that_is_gone_is_no_place_to_enter(tmp_path: Path) -> None:
    lock = local.lock(PythonEnv(tmp_path), Policy(current=make_venv(tmp_path / "mine")), tmp_path / "log")
    (tmp_path / "mine" / "bin" / "python").unlink()
    with pytest.raises(EnvError, match="no longer exists on this machine"):
        local.enter(Environment("local", lock, Path()), Command(("true",), (), tmp_path))
    with pytest.raises(EnvError, match="does not work"):
        local.lock(PythonEnv(tmp_path), Policy(current=tmp_path / "mine/bin/python"), tmp_path / "log")


@pytest.mark.usefixtures("house")
def test_path_of_the_command_is_kept(tmp_path: Path) -> None:
    lock = local.lock(PythonEnv(tmp_path), Policy(current=make_venv(tmp_path / "mine")), tmp_path / "log")
    command = Command(("true",), (("PATH", "/first"),), tmp_path)
    entered = local.enter(Environment("local", lock, Path()), command)
    assert dict(entered.environ)["PATH"] == f"{tmp_path / 'mine' / 'bin'}:/first"


@pytest.mark.usefixtures("house")
def test_locks_every_kind_of_project(tmp_path: Path) -> None:
    lock = local.lock(DockerEnv(tmp_path, "image"), Policy(), tmp_path / "log")
    assert lock == local.lock(DockerEnv(tmp_path, "other"), Policy(), tmp_path / "log")
    (python,) = local.packages(lock)
    assert (python.kind, python.origin) == ("python", sys.executable)
