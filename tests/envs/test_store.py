"""The store: one environment per lock, whole or not there, whoever else is at it and whoever is killed."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from reprise.envs import base, marker, store, virtualenv
from reprise.envs.marker import Marker
from reprise.errors import EnvError
from reprise.lock import hold
from reprise.paths import cache_dir
from reprise.schemas.environment import Environment, EnvSpec, Lock, Package, Policy, PythonEnv
from reprise.schemas.job import Command

REPOSITORY = Path(__file__).resolve().parents[2]

# Another process that asks for the environment of the requirement lines it is given.
ASK = """
import logging, sys
from pathlib import Path
from reprise.envs import store, virtualenv
from reprise.schemas.environment import Policy, PythonEnv
logging.basicConfig(level=logging.INFO, format="%(message)s")
spec = PythonEnv(Path.cwd(), dependencies=tuple(sys.argv[2:]))
print(store.ensure(virtualenv, spec, Policy(), Path(sys.argv[1])).prefix)
"""


class Recorder:
    """A manager that writes one file; what it does wrong is said by its attributes."""

    NAME = "recorder"
    KEEPS_FOLDER = True

    def __init__(self) -> None:
        self.created = 0
        self.ill: str | None = None
        self.error: BaseException | None = None

    def unusable(self) -> str | None:
        return None

    def lock(self, spec: EnvSpec, policy: Policy, log: Path) -> Lock:
        return Lock(self.NAME, "the lock\n")

    def create(self, lock: Lock, prefix: Path, policy: Policy, log: Path) -> None:
        assert list(prefix.iterdir()) == []
        self.created += 1
        (prefix / "file").write_text("made")
        if self.error:
            raise self.error

    def unhealthy(self, lock: Lock, prefix: Path) -> str | None:
        return self.ill if self.ill else (None if (prefix / "file").exists() else "its file is gone")

    def enter(self, environment: Environment, command: Command) -> Command:
        return command

    def write_lock(
        self, spec: EnvSpec, policy: Policy, platforms: Sequence[str], log: Path
    ) -> tuple[Path, ...]:
        raise NotImplementedError

    def packages(self, lock: Lock) -> tuple[Package, ...]:
        return ()

    takes = staticmethod(base.takes_all)
    tags = staticmethod(base.no_tags)
    reached_at = staticmethod(base.at_loopback)


def spec(*dependencies: str) -> PythonEnv:
    return PythonEnv(Path.cwd(), dependencies=dependencies)


def rewrite(prefix: Path, **fields: str) -> None:
    Marker.read(prefix)._replace(**fields).write(prefix)  # type: ignore[arg-type]


def python(environment: Environment, code: str) -> str:
    result = subprocess.run(
        [environment.prefix / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def ask(log: Path, *dependencies: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ASK, str(log), *dependencies],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_is_made_once_and_found_again(house: Path, log: Path) -> None:
    manager = Recorder()
    first = store.ensure(manager, spec(), Policy(), log)
    assert store.ensure(manager, spec(), Policy(), log) == first
    assert manager.created == 1
    assert first.prefix.parent == cache_dir() / "envs-v1"
    assert (first.prefix / marker.LOCK).read_text() == "the lock\n"


def test_cache_is_marked_as_one(house: Path, log: Path) -> None:
    store.ensure(Recorder(), spec(), Policy(), log)
    assert (
        (cache_dir() / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    )
    assert (cache_dir() / ".gitignore").read_text() == "*\n"


def test_last_use_is_noted(house: Path, log: Path) -> None:
    environment = store.ensure(Recorder(), spec(), Policy(), log)
    os.utime(environment.prefix / marker.NAME, (0, 0))
    store.ensure(Recorder(), spec(), Policy(), log)
    assert (environment.prefix / marker.NAME).stat().st_mtime > 0


def test_nothing_stays_behind_when_creation_fails(house: Path, log: Path) -> None:
    manager = Recorder()
    manager.error = EnvError("no")
    with pytest.raises(EnvError, match="no"):
        store.ensure(manager, spec(), Policy(), log)
    assert not [path for path in (cache_dir() / "envs-v1").iterdir() if path.is_dir()]
    manager.error = None
    store.ensure(manager, spec(), Policy(), log)


def test_one_that_is_ill_when_new_is_refused(house: Path, log: Path) -> None:
    manager = Recorder()
    manager.ill = "it coughs"
    with pytest.raises(EnvError, match="right after it was made: it coughs"):
        store.ensure(manager, spec(), Policy(), log)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda prefix: (prefix / "file").unlink(), "its file is gone"),
        (lambda prefix: (prefix / marker.NAME).unlink(), "it was never finished"),
        (lambda prefix: (prefix / marker.NAME).write_text("{"), "its record cannot be read"),
        (lambda prefix: (prefix / marker.NAME).write_text("[]"), "its record cannot be read"),
        (lambda prefix: rewrite(prefix, digest="00"), "it was made from another lock"),
        (lambda prefix: rewrite(prefix, ill="its check said so"), "its check said so"),
    ],
)
def test_damaged_one_is_made_again_with_the_reason(
    house: Path, log: Path, caplog: pytest.LogCaptureFixture, damage: object, reason: str
) -> None:
    caplog.set_level(logging.INFO)
    manager = Recorder()
    prefix = store.ensure(manager, spec(), Policy(), log).prefix
    assert callable(damage)
    damage(prefix)
    store.ensure(manager, spec(), Policy(), log)
    assert manager.created == 2
    assert reason in caplog.text


def test_unwritable_cache_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REPRISE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(EnvError, match="cannot be kept in") as caught:
        store.ensure(Recorder(), spec(), Policy(), log)
    assert "REPRISE_CACHE_DIR" in (caught.value.hint or "")


def test_waits_for_programs_of_a_killed_builder(
    house: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that was started while an environment was made keeps others out until it has ended."""
    caplog.set_level(logging.INFO)
    prefix = store.place(Recorder().lock(spec(), Policy(), log))
    prefix.parent.mkdir(parents=True)
    held = hold(store.use_lock(prefix), inheritable=True)
    assert held is not None
    orphan = subprocess.Popen(["sleep", "30"], close_fds=False)
    os.close(held)
    asking = threading.Thread(target=store.ensure, args=(Recorder(), spec(), Policy(), log))
    asking.start()
    while "killed process" not in caplog.text:
        time.sleep(0.01)
    assert not (prefix / marker.NAME).exists()
    orphan.kill()
    orphan.wait()
    asking.join()
    assert (prefix / marker.NAME).exists()


def test_eight_processes_make_it_once(index: Path, tmp_path: Path) -> None:
    logs = [tmp_path / f"log{number}" for number in range(8)]
    processes = [ask(log, "alpha") for log in logs]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, answers
    assert len({out for out, _ in answers}) == 1
    told = "".join(err for _, err in answers)
    assert told.count("Created environment") == 1
    assert told.count("Resolved 2 packages") == 1
    assert "waiting for" in told


# Files that exist from a certain moment on, below the cache; the process is killed when they appear.
MOMENTS = {
    "resolving": "locks-v1/*",
    "environment started": "envs-v1/virtualenv-*/pyvenv.cfg",
    "installing": "envs-v1/virtualenv-*/lib/python3*/site-packages/beta*",
    "installed": "envs-v1/virtualenv-*/lib/python3*/site-packages/alpha*",
    "marking": f"envs-v1/virtualenv-*/{marker.LOCK}",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_kill_9_at_any_moment_leaves_all_or_nothing(index: Path, log: Path, moment: str) -> None:
    process = ask(log, "alpha")
    while process.poll() is None and not any(cache_dir().glob(MOMENTS[moment])):
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    environment = store.ensure(virtualenv, spec("alpha"), Policy(), log)
    versions = python(environment, "import alpha, beta; print(alpha.__version__, beta.__version__)")
    assert versions == "1.0 2.0"


def test_local_needs_no_folder(house: Path, log: Path) -> None:
    from reprise.envs import local

    environment = store.ensure(local, spec(), Policy(), log)
    assert not cache_dir().exists()
    assert json.loads(environment.lock.text)["executable"] == sys.executable
    assert not log.exists()


def test_borrowed_duties_do_nothing(tmp_path: Path) -> None:
    lock = Lock("x", "")
    assert base.always_usable() is None
    assert base.always_healthy(lock, tmp_path) is None
    base.nothing_to_create(lock, tmp_path, Policy(), tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "work"]


def test_deleted_cache_is_made_again_with_the_same_lock(index: Path, log: Path) -> None:
    first = store.ensure(virtualenv, spec("alpha"), Policy(), log)
    shutil.rmtree(cache_dir())
    assert store.ensure(virtualenv, spec("alpha"), Policy(), log) == first
