"""What every environment manager of the registry owes to the rest of the house."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from reprise.envs import registry
from reprise.envs.base import EnvManager
from reprise.envs.cache import store
from reprise.process import patched
from reprise.schemas.environment import CondaEnv, DockerEnv, EnvSpec, Policy, PythonEnv
from reprise.schemas.job import Command
from tests.envs import conda_channel, docker_engine
from tests.plugins import stdlib_venv

EVERY: Mapping[str, EnvManager] = {**registry.MANAGERS, stdlib_venv.NAME: stdlib_venv}
"""Our own, and one that another package brings."""
NEEDS = {"docker": [pytest.mark.docker]}
every_manager = pytest.mark.parametrize(
    "manager",
    [pytest.param(each, id=word, marks=NEEDS.get(word, [])) for word, each in EVERY.items()],
)
pytestmark = [every_manager, pytest.mark.usefixtures("index", "registered"), pytest.mark.slow]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MANAGERS", EVERY)


def spec_for(manager: EnvManager) -> EnvSpec:
    """What the manager can satisfy, fresh or as it is."""
    if manager.NAME == "docker":
        return DockerEnv(Path.cwd(), docker_engine.IMAGE)
    if manager.NAME == "conda":
        channels = (conda_channel.shared(),)
        return CondaEnv(Path.cwd(), Path.cwd() / "conda.yaml", None, channels, ("python",))
    return PythonEnv(Path.cwd())


def test_is_listed_under_its_name(manager: EnvManager) -> None:
    assert registry.MANAGERS[manager.NAME] is manager


def test_works_on_this_machine(manager: EnvManager) -> None:
    assert manager.unusable() is None


def test_lock_is_deterministic_text_of_the_manager(manager: EnvManager, log: Path) -> None:
    lock = manager.lock(spec_for(manager), Policy(), log)
    assert lock.manager == manager.NAME
    assert lock.text.endswith("\n")
    assert len(lock.digest) == 64
    assert manager.lock(spec_for(manager), Policy(), log) == lock


def test_chosen_by_its_word(manager: EnvManager) -> None:
    assert registry.choose_manager(spec_for(manager), manager.NAME) == (manager, spec_for(manager))


def test_is_found_again_and_well(manager: EnvManager, log: Path) -> None:
    environment = store.ensure_environment(manager, spec_for(manager), Policy(), log)
    assert environment.manager == manager.NAME
    assert store.ensure_environment(manager, spec_for(manager), Policy(), log) == environment
    if manager.KEEPS_FOLDER:
        assert manager.unhealthy(environment.lock, environment.prefix) is None


def test_is_ill_when_it_was_emptied(manager: EnvManager, log: Path) -> None:
    environment = store.ensure_environment(manager, spec_for(manager), Policy(), log)
    if not manager.KEEPS_FOLDER:
        assert not environment.prefix.exists()
        return
    shutil.rmtree(environment.prefix)
    environment.prefix.mkdir()
    assert manager.unhealthy(environment.lock, environment.prefix)


def test_command_runs_inside(manager: EnvManager, log: Path) -> None:
    environment = store.ensure_environment(manager, spec_for(manager), Policy(), log)
    values = "a 'b' \"c\" $d ; e\n"
    command = Command(
        ("python", "-c", "import sys; print(sys.argv[1])", values), (("GIVEN", "1"),), Path.cwd()
    )
    entered = manager.enter(environment, command)
    assert ("GIVEN", "1") in entered.environ
    done = subprocess.run(
        entered.argv,
        env=patched(os.environ, dict(entered.environ)),
        cwd=entered.cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    if entered.release:
        subprocess.run(entered.release, capture_output=True, check=False)
    assert done.stdout == values + "\n"


def test_a_lock_of_this_machine_can_be_restored_here(manager: EnvManager, log: Path) -> None:
    lock = manager.lock(spec_for(manager), Policy(), log)
    assert manager.unrestorable(lock) is None
    adapted = manager.adapt_lock(lock, spec_for(manager), Policy(), log)
    assert (adapted.manager, manager.packages(adapted)) == (lock.manager, manager.packages(lock))


def test_a_lock_of_another_system_is_refused_with_both_names(manager: EnvManager, log: Path) -> None:
    lock = manager.lock(spec_for(manager), Policy(), log)
    platform = manager.platform_of(lock)
    if not platform or manager.IS_ISOLATED:
        return
    reason = manager.unrestorable(lock._replace(text=lock.text.replace(platform, "win-amd64")))
    assert reason and "win-amd64" in reason and platform.split("-")[0] in reason


def test_lock_files_are_found_where_they_are_written(manager: EnvManager, log: Path) -> None:
    assert manager.find_lock_file(spec_for(manager)) is None
    if not manager.PINS_PACKAGES or manager.IS_ISOLATED:
        return
    (written,) = manager.write_lock(spec_for(manager), Policy(), (), log)
    assert manager.find_lock_file(spec_for(manager)) == written


def test_nothing_is_left_behind_of_a_job_that_never_was(manager: EnvManager) -> None:
    manager.remove_left_behind("no-such-job")


def test_a_users_command_runs_inside_too(manager: EnvManager, log: Path) -> None:
    environment = store.ensure_environment(manager, spec_for(manager), Policy(), log)
    command = Command(("python", "-c", "pass"), (), Path.cwd())
    entered, attached = manager.enter(environment, command), manager.enter_attached(environment, command)
    assert dict(entered.environ) == dict(attached.environ)
