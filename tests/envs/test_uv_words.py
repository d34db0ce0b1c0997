"""The words of uv that hints are made of: what the real uv says today is understood.

uv promises no words. Where it says the same otherwise, a hint is lost and uv's own explanation is shown:
then ``reprise/envs/pypi/uv.py`` has to learn the new words. No other test depends on them.
"""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from reprise.envs.cache import store
from reprise.envs.virtualenv import manager
from reprise.errors import EnvError
from reprise.paths import cache_dir
from reprise.schemas.environment import Policy, PythonEnv
from tests.envs import wheels

pytestmark = pytest.mark.slow

Hint = Callable[..., str]
ANY = Policy()


@pytest.fixture
def hint(house: Path, log: Path) -> Hint:
    """``hint(requirement, policy=ANY)``: what the refusal of it suggests."""

    def refusal(*dependencies: str, policy: Policy = ANY) -> str:
        root = Path.cwd()
        spec = PythonEnv(root, root / "python_env.yaml", dependencies=dependencies)
        with pytest.raises(EnvError) as caught:
            manager.lock(spec, policy, log)
        return caught.value.hint or ""

    return refusal


def test_an_unknown_package(index: Path, hint: Hint) -> None:
    assert hint("no-such-package").startswith('no index has a package "no-such-package"')


def test_an_unknown_version(index: Path, hint: Hint) -> None:
    assert hint("beta==1.5") == 'the index has no version of "beta" that fits beta==1.5: check the pin'


def test_requirements_that_exclude_each_other(index: Path, hint: Hint) -> None:
    wheels.make(index, "beta", "1.0")
    wheels.make(index, "strict", "1.0", requires=["beta>=2"])
    assert hint("strict", "beta<2").startswith("the requirements are in conflict")


def make_broken(index: Path) -> None:
    """The sources of a package that cannot be built."""
    folder = Path("broken-1.0")
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text("raise SystemExit('no compiler')\n")
    with tarfile.open(index / "broken-1.0.tar.gz", "w:gz") as archive:
        archive.add(folder)


def test_a_package_that_must_be_built_and_cannot(index: Path, hint: Hint) -> None:
    make_broken(index)
    assert hint("broken").startswith("there is no wheel of broken==1.0")


@pytest.mark.parametrize("has_sources", [True, False], ids=["a build that fails", "wheels only"])
def test_a_python_that_was_named_and_the_pythons_that_have_wheels(
    index: Path, log: Path, *, has_sources: bool
) -> None:
    if has_sources:
        make_broken(index)
    for python in ("cp38", "cp39"):
        wheels.make(index, "broken", "1.0", tag=wheels.compiled_for(python))
    root, version = Path.cwd(), ".".join(map(str, sys.version_info[:3]))
    spec = PythonEnv(root, root / "python_env.yaml", version, dependencies=("broken==1.0", "alpha"))
    with pytest.raises(EnvError) as caught:
        store.ensure_environment(manager, spec, ANY, log)
    hint = caught.value.hint or ""
    assert "wheels for Python 3.8 and 3.9: select one (--python" in hint
    assert hint.startswith("broken 1.0") is has_sources


def test_refused_credentials(
    index: Path, hint: Hint, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels.make(tmp_path / "private", "epsilon", "5.0")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    with wheels.guarded_index(tmp_path / "private", "user", "secret") as address:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://user:wrong@{address}/simple")
        assert "denied access" in hint("epsilon")
    assert "wrong" not in log.read_text()


def test_an_index_without_times(hint: Hint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels.make(tmp_path / "plain", "epsilon", "5.0")
    with wheels.guarded_index(tmp_path / "plain", "user", "secret") as address:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://user:secret@{address}/simple")
        said = hint("epsilon", policy=Policy(as_of="2022-06-01T00:00:00Z"))
    assert said.startswith("the index has no upload times")


def test_a_package_of_a_later_time(dated_index: str, hint: Hint) -> None:
    said = hint("beta", policy=Policy(as_of="2020-06-01T00:00:00Z"))
    assert said.startswith("beta has no matching version from before 2020-06-01")


def test_what_is_missing_offline(index: Path, hint: Hint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(cache_dir() / "empty"))
    said = hint("nowhere", policy=Policy(offline=True))
    assert said.startswith("nowhere is not in uv's cache, and --offline does not allow downloads")
