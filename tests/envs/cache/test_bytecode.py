"""Compiled modules are made once, and shared by every environment with the same packages."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reprise.envs.cache import bytecode, store
from reprise.envs.virtualenv import manager
from reprise.paths import cache_dir
from reprise.schemas.environment import Environment, Policy, PythonEnv
from tests.envs import wheels

pytestmark = pytest.mark.slow

PACKAGE = {
    "gamma/__init__.py": "def raise_it():\n    raise ValueError('from gamma')\n",
    "gamma/deep/__init__.py": "value = 1\n",
    "gamma/tests/__init__.py": "unused = 1\n",
    "gamma/template.py": "def {{ name }}():\n",
}


def make(index: Path, log: Path, *dependencies: str) -> Environment:
    spec = PythonEnv(Path.cwd(), dependencies=dependencies)
    return store.ensure_environment(manager, spec, Policy(), log)


def site(environment: Environment) -> Path:
    return next(environment.prefix.glob("lib/python3*/site-packages"))


def compiled(environment: Environment) -> set[str]:
    return {path.relative_to(site(environment)).as_posix() for path in site(environment).rglob("*.pyc")}


def until(condition: Callable[[], object]) -> None:
    while not condition():
        time.sleep(0.02)


@pytest.fixture
def gamma(index: Path) -> Path:
    return wheels.make(index, "gamma", files=PACKAGE, hashed=True)


def test_is_compiled_after_the_environment_is_there(index: Path, log: Path, gamma: Path) -> None:
    environment = make(index, log, "gamma")
    until(lambda: any("deep" in name for name in compiled(environment)))
    until(lambda: not list((cache_dir() / bytecode.FOLDER).rglob(".making-*")))
    assert not [name for name in compiled(environment) if "tests/" in name or "template" in name]


def test_second_environment_has_it_at_once(index: Path, log: Path, gamma: Path) -> None:
    first = make(index, log, "gamma")
    until(lambda: any("deep" in name for name in compiled(first)))
    second = make(index, log, "gamma", "beta")
    assert second.prefix != first.prefix
    shared = compiled(first) & compiled(second)
    assert any("deep" in name for name in shared)
    assert all((site(first) / name).samefile(site(second) / name) for name in shared)


def test_compiled_modules_are_used_and_tell_where_their_source_lies(
    index: Path, log: Path, gamma: Path
) -> None:
    first = make(index, log, "gamma")
    until(lambda: any("deep" in name for name in compiled(first)))
    second = make(index, log, "gamma", "beta")
    python = second.prefix / "bin" / "python"
    done = subprocess.run(
        [python, "-v", "-c", "import gamma; gamma.raise_it()"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert f"code object from '{site(second)}/gamma/__pycache__" in done.stderr
    assert f'File "{site(second)}/gamma/__init__.py", line 2, in raise_it' in done.stderr


def test_an_edited_module_is_what_runs(index: Path, log: Path, gamma: Path) -> None:
    environment = make(index, log, "gamma")
    until(lambda: any("deep" in name for name in compiled(environment)))
    source = site(environment) / "gamma" / "deep" / "__init__.py"
    kept = source.stat()
    source.unlink()  # a link into uv's cache
    source.write_text("value = 2\n")
    os.utime(source, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    python = environment.prefix / "bin" / "python"
    done = subprocess.run([python, "-c", "import gamma.deep as d; print(d.value)"], capture_output=True)
    assert done.stdout == b"2\n"


def test_another_version_shares_nothing(index: Path, log: Path, gamma: Path) -> None:
    first = make(index, log, "gamma")
    until(lambda: any("deep" in name for name in compiled(first)))
    wheels.make(
        index, "gamma", "2.0", files={**PACKAGE, "gamma/deep/__init__.py": "value = 3\n"}, hashed=True
    )
    second = make(index, log, "gamma==2.0")
    until(lambda: any("deep" in name for name in compiled(second)))
    python = second.prefix / "bin" / "python"
    done = subprocess.run([python, "-c", "import gamma.deep as d; print(d.value)"], capture_output=True)
    assert done.stdout == b"3\n"


def test_removing_the_environment_meanwhile_harms_nothing(index: Path, log: Path, gamma: Path) -> None:
    environment = make(index, log, "gamma")
    work = [(str(cache_dir() / bytecode.FOLDER / "tag" / ("0" * 64)), ["gamma/__init__.py"])]
    bytecode._compile_all(environment.prefix / "gone", work)
    assert not (environment.prefix / "gone").exists()
    assert not list((cache_dir() / bytecode.FOLDER).rglob(".making-*0000*"))
