"""Many processes at once, and processes killed at random moments: every environment is whole or not there.

``STRESS_PROCESSES=64 STRESS_KILLS=200`` asks for more of both.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from reprise.envs.cache import (
    contents,
    inventory,
    prune,
    store,
)
from reprise.envs.virtualenv import manager
from reprise.paths import cache_dir
from reprise.runner.maintenance.prune import prune_cache
from reprise.schemas.environment import Policy, PythonEnv
from tests.envs import wheels

REPOSITORY = Path(__file__).resolve().parents[2]
PROCESSES = int(os.environ.get("STRESS_PROCESSES", "12"))
KILLS = int(os.environ.get("STRESS_KILLS", "12"))
PACKAGES = 5
TWO_DAYS = 2 * 86400

# A process that is inside the environment of the requirements it is given, as a run is.
ASK = """
import logging, sys
from pathlib import Path
from reprise.envs.cache import store; from reprise.envs.virtualenv import manager as virtualenv
from reprise.schemas.environment import Policy, PythonEnv
logging.basicConfig(level=logging.INFO, format="%(message)s")
spec = PythonEnv(Path.cwd(), dependencies=tuple(sys.argv[2:]))
with store.use_environment(virtualenv, spec, Policy(), Path(sys.argv[1])) as environment:
    print(environment.prefix)
"""


def ask(log: Path, *dependencies: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ASK, str(log), *dependencies],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def packages(index: Path) -> list[str]:
    names = [f"pack{number}" for number in range(PACKAGES)]
    for name in names:
        wheels.make(index, name, files={f"{name}_more/m{i}.py": f"x = {i}\n" for i in range(40)})
    return names


@pytest.mark.slow
def test_many_processes_make_it_once(index: Path, tmp_path: Path) -> None:
    processes = [ask(tmp_path / f"log{number}", "alpha") for number in range(PROCESSES)]
    answers = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES, answers
    assert len({out for out, _ in answers}) == 1
    told = "".join(err for _, err in answers)
    assert told.count("Created environment") == 1
    assert told.count("Resolved 2 packages") == 1
    assert "waiting for" in told


@pytest.mark.slow
def test_kills_at_random_moments_leave_whole_environments(packages: list[str], tmp_path: Path) -> None:
    chance = random.Random(KILLS)
    log = tmp_path / "env.log"
    _time_of_one(log, packages[0])  # which also resolves
    _remove_all()
    took = _time_of_one(log, packages[0])
    hits = 0
    for number in range(KILLS):
        package = packages[number % PACKAGES]
        _remove_all()
        process = ask(log, package, "alpha")
        time.sleep(chance.uniform(0.1 * took, 1.1 * took))
        with contextlib.suppress(ProcessLookupError):
            if number % 2:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()  # what it started goes on
        process.communicate()
        hits += process.returncode == -signal.SIGKILL
        for entry in inventory.list_entries():
            assert list(contents.find_damage(entry.prefix, hashes=True)) == []
            assert contents.find_change(entry.prefix, entry.marker.contents) is None
        if number % 3 == 0:
            _assert_works(package, log)
    for package in packages:
        _assert_works(package, log)
    assert _left_after_pruning() == []
    print(f"{hits} of {KILLS} kills came before the environment was there")
    assert hits > KILLS // 3


def _remove_all() -> None:
    for entry in inventory.list_entries():
        assert prune.remove_unused(entry.prefix, time.time() + 1)


def _time_of_one(log: Path, package: str) -> float:
    """Seconds that a process takes from its start to a new environment."""
    started = time.monotonic()
    process = ask(log, package, "alpha")
    assert process.communicate()[0]
    return time.monotonic() - started


def _assert_works(package: str, log: Path) -> None:
    spec = PythonEnv(Path.cwd(), dependencies=(package, "alpha"))
    with store.use_environment(manager, spec, Policy(), log) as environment:
        code = f"import alpha, beta, {package}, {package}_more.m39 as m; print(beta.__version__, m.x)"
        python = environment.prefix / "bin" / "python"
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2.0 39\n"


def _left_after_pruning() -> list[str]:
    """The files of the cache that stay when everything in it is old and nobody is at work."""
    _wait_for_compilers()
    old = time.time() - TWO_DAYS
    for path in [cache_dir(), *cache_dir().rglob("*")]:
        os.utime(path, (old, old), follow_symlinks=False)
    prune_cache(0)
    lasting = {"CACHEDIR.TAG", ".gitignore"}
    return [str(path) for path in _files(cache_dir()) if path.name not in lasting]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _wait_for_compilers() -> None:
    """The processes that compile modules in the background end by themselves."""
    while any(str(cache_dir()) in " ".join(_argv(process)) for process in psutil.process_iter()):
        time.sleep(0.1)


def _argv(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
