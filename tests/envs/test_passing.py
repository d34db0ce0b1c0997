"""Projects that install themselves: from a folder that stays, and from a checkout that goes again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reprise.envs.cache import store
from reprise.envs.virtualenv import manager
from reprise.errors import EnvError
from reprise.schemas.environment import Environment, Lock, Policy, PythonEnv
from tests.envs.virtualenv.test_manager import local_project, run

pytestmark = pytest.mark.slow

ANY = Policy()
PYPROJECT = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["gamma"]\n'


def checkout(name: str, value: int = 1) -> Path:
    """A project with a package in ./lib, in a folder of its own."""
    root = Path.cwd() / name
    local_project(root / "lib", value)
    (root / ".git").mkdir()
    return root


def spec(root: Path, *lines: str, **fields: Any) -> PythonEnv:
    return PythonEnv(root, root / "python_env.yaml", dependencies=lines, **fields)


def facts(lock: Lock) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(lock.text)
    return content


def ensure(spec: PythonEnv, log: Path) -> Environment:
    return store.ensure_environment(manager, spec, ANY, log)


@pytest.mark.parametrize("line", ["./lib", "-e ./lib", "-e lib", "gamma @ file://{root}/lib"])
def test_second_checkout_of_the_same_sources_finds_the_environment(
    index: Path, log: Path, line: str
) -> None:
    first = checkout("one")
    made = ensure(spec(first, line.format(root=first), passing=True), log)
    assert run(made, "import gamma; print(gamma.value)") == "1"
    assert str(Path.cwd()) not in made.lock.text
    assert facts(made.lock)["requirements"] == ["./lib"]
    shutil.rmtree(first)
    second = checkout("two")
    again = ensure(spec(second, line.format(root=second), passing=True), log)
    assert again.prefix == made.prefix
    assert again.lock.root == second
    assert run(again, "import gamma; print(gamma.value)") == "1"


def test_other_sources_are_another_environment(index: Path, log: Path) -> None:
    first = ensure(spec(checkout("one"), "-e ./lib", passing=True), log)
    second = ensure(spec(checkout("two", value=2), "-e ./lib", passing=True), log)
    assert second.prefix != first.prefix
    assert run(second, "import gamma; print(gamma.value)") == "2"
    assert run(first, "import gamma; print(gamma.value)") == "1"


def test_an_editable_project_of_a_folder_that_stays_is_linked(index: Path, log: Path) -> None:
    root = checkout("one")
    made = ensure(spec(root, "-e ./lib"), log)
    assert facts(made.lock)["root"] == str(root)
    local_project(root / "lib", 2)
    assert run(made, "import gamma; print(gamma.value)") == "2"


def test_a_built_project_is_the_same_environment_in_every_folder(index: Path, log: Path) -> None:
    first, second = checkout("one"), checkout("two")
    assert ensure(spec(first, "./lib"), log).prefix == ensure(spec(second, "./lib"), log).prefix


@pytest.mark.parametrize(
    "sources",
    [
        '[tool.uv.sources]\ngamma = {path = "lib", editable = true}\n',
        '[tool.uv.sources]\ngamma = {path = "lib"}\n',
        '[tool.uv.sources]\ngamma = {workspace = true}\n[tool.uv.workspace]\nmembers = ["lib"]\n',
    ],
)
def test_sources_of_uv_are_packages_of_the_project(index: Path, log: Path, sources: str) -> None:
    specs = []
    for name in ("one", "two"):
        file = checkout(name) / "pyproject.toml"
        file.write_text(PYPROJECT + sources)
        specs.append(PythonEnv(file.parent, file, pyproject=file, passing=True))
    first, second = (ensure(found, log) for found in specs)
    assert first.prefix == second.prefix
    assert facts(first.lock)["requirements"] == ["./lib"]
    local_project(specs[1].root / "lib", 3)
    changed = ensure(specs[1], log)
    assert run(changed, "import gamma; print(gamma.value)") == "3"
    manager.write_lock(specs[1], ANY, (), log)
    assert ensure(specs[1], log).prefix == changed.prefix


def test_a_project_that_installs_itself_is_built(index: Path, log: Path) -> None:
    specs = []
    for name in ("one", "two"):
        local_project(Path(name), 5)
        file = Path(name).absolute() / "pyproject.toml"
        specs.append(PythonEnv(file.parent, file, pyproject=file, passing=True))
    first, second = (ensure(found, log) for found in specs)
    assert first.prefix == second.prefix
    shutil.rmtree("one")
    assert run(first, "import gamma; print(gamma.value)") == "5"


def test_find_links_of_the_project_are_found_in_its_checkout(
    index: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS")
    root = Path.cwd() / "one"
    shutil.copytree(index, root / "wheels")
    (root / "requirements.txt").write_text("--find-links ./wheels\nbeta\n")
    made = ensure(spec(root, "-r requirements.txt", passing=True), log)
    assert facts(made.lock)["sources"] == ["--find-links ./wheels"]
    assert str(root) not in made.lock.text
    assert run(made, "import beta; print(beta.__version__)") == "2.0"


def test_packages_of_a_repository_are_pinned_to_a_commit(index: Path, log: Path) -> None:
    repository = Path.cwd() / "repository"
    local_project(repository, 1)
    commit = git(repository, "init", "-q") or git(repository, "add", ".") or commit_all(repository)
    for line in (f"gamma @ git+file://{repository}", f"-e git+file://{repository}#egg=gamma"):
        made = ensure(spec(Path.cwd(), line), log)
        assert facts(made.lock)["requirements"] == [f"gamma @ git+file://{repository}@{commit}"]
        assert run(made, "import gamma; print(gamma.value)") == "1"


def test_a_lock_alone_asks_for_its_project(index: Path, log: Path) -> None:
    root = checkout("one")
    made = ensure(spec(root, "./lib", passing=True), log)
    shutil.rmtree(made.prefix)
    with pytest.raises(EnvError, match=r"installs \./lib of its project, which is not available"):
        store.from_lock(manager, made.lock._replace(root=None), ANY, log)
    local_project(root / "lib", 2)
    with pytest.raises(EnvError, match=r"installs \./lib in .*, which does not match the lock"):
        store.from_lock(manager, made.lock, ANY, log)
    local_project(root / "lib", 1)
    assert store.from_lock(manager, made.lock, ANY, log).prefix == made.prefix


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit_all(folder: Path) -> str:
    git(folder, "commit", "-q", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


def test_a_known_project_starts_no_program(index: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = checkout("one")
    manager.write_lock(spec(root, "beta"), ANY, (), log)
    first = manager.lock(spec(root, "beta"), ANY, log)

    def refuse(self: object, args: Any, *rest: Any, **options: Any) -> None:
        raise AssertionError(f"started {os.fspath(args[0])}")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    assert manager.lock(spec(root, "beta"), ANY, log) == first
