"""Backends and environment managers of other packages, installed from a wheel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reprise import projects
from reprise.backends import registry as backends
from reprise.envs import registry as envs
from reprise.errors import UsageError
from tests.conftest import ProjectFolder
from tests.fakes.distributions import install

pytestmark = pytest.mark.slow

MODULES = Path(__file__).parent / "fakes" / "cluster"
PROJECT = {"MLproject": "name: p\nentry_points:\n  main: {command: 'echo in $FAKE_ENV'}\n"}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a backend and an environment manager, built and installed; yields its cluster."""
    wheel = tmp_path / "reprise_fakes-1.0-py3-none-any.whl"
    info = "reprise_fakes-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("reprise_fake_cluster.py", "reprise_fake_env.py"):
            archive.write(MODULES / name, name)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: reprise-fakes\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{info}/entry_points.txt",
            "[reprise.backends]\nfake = reprise_fake_cluster\n"
            "[reprise.env_managers]\nfakeenv = reprise_fake_env\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    site = tmp_path / "site"
    command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--offline", "--no-deps", "--no-cache"]
    subprocess.run(
        [*command, "--target", site, wheel], check=True, env={**os.environ, "HOME": str(tmp_path)}
    )
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    return cluster


def test_a_run_uses_the_backend_and_the_environment_manager_of_a_wheel(
    installed: Path, project: Callable[[Mapping[str, str]], ProjectFolder]
) -> None:
    folder = project(PROJECT)
    config = json.dumps({"root": str(installed)})
    done = folder.reprise("run", str(folder.path), "-b", "fake", "-c", config, "--env-manager", "fakeenv")
    assert done.exit_code == 0, done.err
    assert folder.artifact(folder.runs()[0], "reprise/output.log") == "in of another package\n"


def test_so_does_one_that_another_process_carries(
    installed: Path, project: Callable[[Mapping[str, str]], ProjectFolder]
) -> None:
    folder = project(PROJECT)
    submitted = projects.run(
        str(folder.path),
        backend="fake",
        backend_config={"root": str(installed)},
        env_manager="fakeenv",
        synchronous=False,
    )
    assert submitted.wait()
    assert folder.artifact(folder.runs()[0], "reprise/output.log") == "in of another package\n"


BROKEN = {
    "reprise.backends": "broken = broken_backend",
    "reprise.env_managers": "broken = broken_backend",
}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemError('no licence')", "SystemError: no licence"),
        ("NAME = 'broken'", "lacks "),
    ],
)
def test_an_error_of_a_broken_package_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    (tmp_path / "broken_backend.py").write_text(code)
    install(monkeypatch, tmp_path / "site", "acme-broken", BROKEN, tmp_path / "broken_backend.py")
    monkeypatch.delitem(sys.modules, "broken_backend", raising=False)
    for ask in (backends.get, envs.MANAGERS.__getitem__):
        with pytest.raises(UsageError) as caught:
            ask("broken")
        assert "acme-broken 1.0" in caught.value.message
        assert words in caught.value.message
    monkeypatch.delitem(sys.modules, "broken_backend", raising=False)


def test_names_of_two_packages_and_our_own_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("acme-one", "acme-two"):
        points = {"reprise.backends": f"twice = {name.replace('-', '_')}\nlocal = {name.replace('-', '_')}"}
        install(monkeypatch, tmp_path / name, name, points)
    with pytest.raises(UsageError, match=r"acme-one 1\.0 and acme-two 1\.0"):
        backends.get("twice")
    assert backends.get("local").__name__ == "reprise.backends.local"  # type: ignore[attr-defined]


def test_unknown_names_are_told_with_those_of_packages(
    installed: Path, project: Callable[[Mapping[str, str]], ProjectFolder]
) -> None:
    folder = project(PROJECT)
    backend = folder.run("-b", "fkae")
    assert (backend.exit_code, "fake, local" in backend.err) == (2, True), backend.err
    manager = folder.reprise("run", str(folder.path), "--env-manager", "fakenv")
    assert (manager.exit_code, "docker, uv, fakeenv" in manager.err) == (2, True), manager.err


def test_a_run_with_our_own_names_looks_at_no_installed_package(
    project: Callable[[Mapping[str, str]], ProjectFolder],
) -> None:
    folder = project(PROJECT)
    command = [sys.executable, "-X", "importtime", "-m", "reprise", "run", str(folder.path)]
    done = subprocess.run([*command, "--env-manager", "local"], capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "importlib.metadata" not in imported
