"""The store: one environment per lock, whole or not there, whoever else is at it and whoever is killed."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from reprise.envs import base
from reprise.envs.cache import inventory, marker, store
from reprise.envs.cache.marker import Marker, User
from reprise.envs.virtualenv import manager as virtualenv
from reprise.errors import EnvError
from reprise.file_lock import hold
from reprise.paths import cache_dir
from reprise.schemas.environment import Environment, EnvSpec, Lock, Package, Policy, PythonEnv
from reprise.schemas.job import Command
from tests.envs import wheels

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[3]

# Another process that asks for the environment of the requirement lines it is given.
ASK = """
import logging, sys
from pathlib import Path
from reprise.envs.cache import store; from reprise.envs.virtualenv import manager as virtualenv
from reprise.schemas.environment import Policy, PythonEnv
logging.basicConfig(level=logging.INFO, format="%(message)s")
spec = PythonEnv(Path.cwd(), dependencies=tuple(sys.argv[2:]))
print(store.ensure_environment(virtualenv, spec, Policy(), Path(sys.argv[1])).prefix)
"""


class Recorder:
    """A manager that writes one file; what it does wrong is said by its attributes."""

    NAME = "recorder"
    KEEPS_FOLDER = True
    CHOOSES_PYTHON = True

    python_of = staticmethod(base.python_not_known)
    READS_PROJECT = True
    IS_ISOLATED = False
    PINS_PACKAGES = True
    TAKES_DOCKER_OPTIONS = False
    NOT_CACHED = "not in the cache"

    def __init__(self) -> None:
        self.created = 0
        self.ill: str | None = None
        self.error: BaseException | None = None

    def unusable(self) -> str | None:
        return None

    def settle(self, spec: EnvSpec, policy: Policy) -> Policy:
        return policy

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

    def observe(self, environment: Environment, command: Command, observer: Path, notes: Path) -> Command:
        return command

    def variables_inside(self, command: Command) -> Mapping[str, str]:
        return {}

    def packages(self, lock: Lock) -> tuple[Package, ...]:
        return ()

    takes = staticmethod(base.takes_all)
    read_credentials = staticmethod(base.no_credentials)
    tags = staticmethod(base.no_tags)
    reached_at = staticmethod(base.at_loopback)
    folders = staticmethod(base.folders_of_prefix)
    find_lock_file = staticmethod(base.no_lock_file)
    unpack = staticmethod(base.nothing_to_unpack)
    remove_left_behind = staticmethod(base.nothing_left_behind)
    enter_attached = enter

    def platform_of(self, lock: Lock) -> str:
        return ""

    def unrestorable(self, lock: Lock) -> str | None:
        return None

    def adapt_lock(self, lock: Lock, spec: EnvSpec, policy: Policy, log: Path) -> Lock:
        return lock

    def pack(self, lock: Lock, folder: Path, fetch: base.Fetch, log: Path, *, offline: bool) -> None:
        raise NotImplementedError


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
    first = store.ensure_environment(manager, spec(), Policy(), log)
    assert store.ensure_environment(manager, spec(), Policy(), log) == first
    assert manager.created == 1
    assert first.prefix.parent == cache_dir() / "envs-v1"
    assert (first.prefix / marker.LOCK).read_text() == "the lock\n"


def test_cache_is_marked_as_one(house: Path, log: Path) -> None:
    store.ensure_environment(Recorder(), spec(), Policy(), log)
    assert (
        (cache_dir() / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    )
    assert (cache_dir() / ".gitignore").read_text() == "*\n"


def test_last_use_is_noted(house: Path, log: Path) -> None:
    environment = store.ensure_environment(Recorder(), spec(), Policy(), log)
    os.utime(environment.prefix / marker.NAME, (0, 0))
    store.ensure_environment(Recorder(), spec(), Policy(), log)
    assert (environment.prefix / marker.NAME).stat().st_mtime > 0


def test_nothing_stays_behind_when_creation_fails(house: Path, log: Path) -> None:
    manager = Recorder()
    manager.error = EnvError("no")
    with pytest.raises(EnvError, match="no"):
        store.ensure_environment(manager, spec(), Policy(), log)
    assert not [path for path in (cache_dir() / "envs-v1").iterdir() if path.is_dir()]
    manager.error = None
    store.ensure_environment(manager, spec(), Policy(), log)


def test_one_that_is_ill_when_new_is_refused(house: Path, log: Path) -> None:
    manager = Recorder()
    manager.ill = "it coughs"
    with pytest.raises(EnvError, match="right after its creation: it coughs"):
        store.ensure_environment(manager, spec(), Policy(), log)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda prefix: (prefix / "file").unlink(), "its file is gone"),
        (lambda prefix: (prefix / marker.NAME).unlink(), "it was never finished"),
        (lambda prefix: (prefix / marker.NAME).write_text("{"), "its record cannot be read"),
        (lambda prefix: (prefix / marker.NAME).write_text("[]"), "its record cannot be read"),
        (lambda prefix: rewrite(prefix, digest="00"), "it was created from another lock"),
        (lambda prefix: rewrite(prefix, ill="its check said so"), "its check said so"),
    ],
)
def test_damaged_one_is_made_again_with_the_reason(
    house: Path, log: Path, caplog: pytest.LogCaptureFixture, damage: object, reason: str
) -> None:
    caplog.set_level(logging.INFO)
    manager = Recorder()
    prefix = store.ensure_environment(manager, spec(), Policy(), log).prefix
    assert callable(damage)
    damage(prefix)
    store.ensure_environment(manager, spec(), Policy(), log)
    assert manager.created == 2
    assert reason in caplog.text


def test_unwritable_cache_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REPRISE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(EnvError, match="cannot store the environment in") as caught:
        store.ensure_environment(Recorder(), spec(), Policy(), log)
    assert "REPRISE_CACHE_DIR" in (caught.value.hint or "")


def test_waits_for_programs_of_a_killed_builder(
    house: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that was started while an environment was made keeps others out until it has ended."""
    caplog.set_level(logging.INFO)
    prefix = store.place_of(Recorder().lock(spec(), Policy(), log))
    prefix.parent.mkdir(parents=True)
    held = hold(store.use_lock(prefix), inheritable=True)
    assert held is not None
    orphan = subprocess.Popen(["sleep", "30"], close_fds=False)
    os.close(held)
    asking = threading.Thread(target=store.ensure_environment, args=(Recorder(), spec(), Policy(), log))
    asking.start()
    while "killed process" not in caplog.text:
        time.sleep(0.01)
    assert not (prefix / marker.NAME).exists()
    orphan.kill()
    orphan.wait()
    asking.join()
    assert (prefix / marker.NAME).exists()


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
    environment = store.ensure_environment(virtualenv, spec("alpha"), Policy(), log)
    versions = python(environment, "import alpha, beta; print(alpha.__version__, beta.__version__)")
    assert versions == "1.0 2.0"


def test_local_needs_no_folder(house: Path, log: Path) -> None:
    from reprise.envs import local

    environment = store.ensure_environment(local, spec(), Policy(), log)
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
    first = store.ensure_environment(virtualenv, spec("alpha"), Policy(), log)
    shutil.rmtree(cache_dir())
    assert store.ensure_environment(virtualenv, spec("alpha"), Policy(), log) == first


def test_damaged_one_that_is_in_use_is_left_to_its_users(
    house: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The run that asks may be a step of the very run that is inside: nobody waits for its end."""
    caplog.set_level(logging.INFO)
    manager = Recorder()
    with store.use_environment(manager, spec(), Policy(), log) as first:
        (first.prefix / "file").unlink()
        with store.use_environment(manager, spec(), Policy(), log) as second:
            assert second.prefix == first.prefix.with_name(f"{first.prefix.name}-2")
            assert store.ensure_environment(manager, spec(), Policy(), log) == second
        assert "is in use, but its file is gone: creating another next to it" in caplog.text
        assert not (first.prefix / "file").exists()
    assert store.ensure_environment(manager, spec(), Policy(), log) == first  # free again, and made again
    assert manager.created == 3


def test_it_knows_its_packages_and_its_users_each_once(index: Path, log: Path) -> None:
    users = [User("demo", "/a"), User("other", "/b"), User("demo", "/a")]
    for user in users:
        with store.use_environment(virtualenv, spec("alpha"), Policy(), log, user) as environment:
            pass
    assert marker.list_users(environment.prefix) == users[:2]
    found = Marker.read(environment.prefix)
    assert (found.manager, found.packages, found.digest) == ("virtualenv", 2, environment.lock.digest)
    assert found.python == python(environment, "import platform; print(platform.python_version())")
    (environment.prefix / "pyvenv.cfg").unlink()
    store.ensure_environment(virtualenv, spec("alpha"), Policy(), log)
    assert (
        marker.list_users(environment.prefix) == users[:2]
    )  # who used it is known after it was made again


def test_half_a_line_of_a_killed_process_is_no_user(house: Path, log: Path) -> None:
    with store.use_environment(Recorder(), spec(), Policy(), log, User("demo", "/a")) as environment:
        with (environment.prefix / "reprise-env.users").open("a") as out:
            out.write('["oth')
        assert marker.list_users(environment.prefix) == [User("demo", "/a")]


def test_cache_that_may_only_be_read_is_used(house: Path, log: Path) -> None:
    environment = store.ensure_environment(Recorder(), spec(), Policy(), log)
    folder = environment.prefix.parent
    store.use_lock(environment.prefix).unlink()
    folder.chmod(0o555)
    try:
        with store.use_environment(Recorder(), spec(), Policy(), log) as again:
            assert again == environment
    finally:
        folder.chmod(0o755)


def test_copies_instead_of_links_are_told_once(
    index: Path, log: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        assert Path(elsewhere).stat().st_dev != index.stat().st_dev
        monkeypatch.setenv("UV_CACHE_DIR", elsewhere)
        for wanted in ("alpha", "beta"):
            store.ensure_environment(virtualenv, spec(wanted), Policy(), log)
    assert caplog.text.count("are copied, not linked") == 1
    assert "REPRISE_CACHE_DIR puts both on one" in caplog.text


def test_a_second_environment_shares_its_files_with_the_first(index: Path, log: Path) -> None:
    wheels.make(index, "big", files={"big_data.py": "#" * 1_000_000})
    for wanted in (("big",), ("big", "alpha")):
        store.ensure_environment(virtualenv, spec(*wanted), Policy(), log)
    sizes = [inventory.measure_folder(entry.prefix) for entry in inventory.list_entries()]
    assert min(size.total for size in sizes) > 1_000_000
    assert max(size.own for size in sizes) < 500_000
