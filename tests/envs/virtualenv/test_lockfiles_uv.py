"""uv.lock beside a pyproject.toml: uv's own check decides, and nothing of it is written by a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reprise.envs.virtualenv import lock_places, lockfiles_uv, manager
from reprise.errors import EnvError, UsageError
from reprise.schemas.environment import Lock, Policy, PythonEnv
from tests.envs import wheels

pytestmark = pytest.mark.slow

ANY = Policy()
LOCKED = Policy(locked=True)


def project(*dependencies: str, more: str = "") -> PythonEnv:
    file = Path.cwd() / "pyproject.toml"
    file.write_text(
        f'[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.8"\n'
        f"dependencies = {json.dumps(dependencies)}\n{more}"
    )
    return PythonEnv(Path.cwd(), file, pyproject=file)


def write(spec: PythonEnv, log: Path, policy: Policy = ANY) -> str:
    (file,) = manager.write_lock(spec, policy, (), log)
    assert file == Path.cwd() / "uv.lock"
    return file.read_text()


def pinned(lock: Lock) -> list[str]:
    lines = json.loads(lock.text)["requirements"]
    return [line.removesuffix(" \\") for line in lines if not line.startswith(" ")]


def test_is_used_while_it_fits(index: Path, log: Path) -> None:
    wheels.make(index, "win", "1.0")
    spec = project("beta", "win ; sys_platform == 'win32'")
    write(spec, log)
    wheels.make(index, "beta", "9.0")
    assert pinned(manager.lock(spec, LOCKED, log)) == ["beta==2.0"]


def test_metadata_that_uv_cannot_read_is_put_right_there_too(index: Path, log: Path) -> None:
    wheels.make(index, "ancient", "0.22.0", requires=["beta (>=2011k)"])
    wheels.make(index, "beta", "2012.0")
    spec = project("ancient==0.22.0")
    assert "ancient" in write(spec, log)
    assert pinned(manager.lock(spec, LOCKED, log)) == ["ancient==0.22.0", "beta==2012.0"]


def test_an_outdated_one_is_told_and_left_alone(
    index: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wheels.make(index, "beta", "1.0")
    before = write(project("beta"), log)
    changed = project("alpha", "beta<2")
    assert pinned(manager.lock(changed, ANY, log)) == ["alpha==1.0", "beta==1.0"]
    assert "uv.lock no longer matches" in caplog.text
    assert Path("uv.lock").read_text() == before
    with pytest.raises(EnvError, match=r"alpha is not in it, beta 2\.0 -> 1\.0") as caught:
        manager.lock(changed, LOCKED, log)
    assert "reprise lock" in (caught.value.hint or "")


def test_versions_that_still_fit_are_kept_when_the_project_changes(index: Path, log: Path) -> None:
    write(project("beta"), log)
    wheels.make(index, "beta", "9.0")
    assert pinned(manager.lock(project("alpha", "beta"), ANY, log)) == ["alpha==1.0", "beta==2.0"]


def test_a_broken_one_is_named(index: Path, log: Path) -> None:
    spec = project("beta")
    Path("uv.lock").write_text("version = \n")
    with pytest.raises(EnvError, match=r"cannot use .*uv\.lock"):
        manager.lock(spec, ANY, log)


def test_locked_wants_one(index: Path, log: Path) -> None:
    with pytest.raises(EnvError, match=r"uv\.lock does not exist"):
        manager.lock(project("beta"), LOCKED, log)


def test_upgrades_everything_or_one_package(index: Path, log: Path) -> None:
    spec = project("alpha", "beta")
    write(spec, log)
    for name in ("alpha", "beta"):
        wheels.make(index, name, "9.0")
    assert 'version = "9.0"' not in write(spec, log)
    assert write(spec, log, Policy(upgrade=("beta",))).count('version = "9.0"') == 1
    assert write(spec, log, Policy(upgrade=())).count('version = "9.0"') == 2
    with pytest.raises(UsageError, match='"gamma" is not in'):
        write(spec, log, Policy(upgrade=("gamma",)))


def test_one_made_as_of_a_date_goes_on_fitting(house: Path, log: Path, dated_index: str) -> None:
    spec = project("beta")
    text = write(spec, log, Policy(as_of="2022-06-01T00:00:00Z"))
    assert lockfiles_uv.as_of(text) == "2022-06-01T00:00:00Z"
    assert pinned(manager.lock(spec, LOCKED, log)) == ["beta==2.0"]
    assert write(spec, log) == text
    assert lockfiles_uv.as_of(write(spec, log, Policy(upgrade=()))) is None
    assert pinned(manager.lock(spec, LOCKED, log)) == ["beta==3.0"]


def test_same_packages_are_the_same_environment_with_and_without_it(
    house: Path, log: Path, dated_index: str
) -> None:
    resolved = manager.lock(project("beta", "win ; sys_platform == 'win32'"), ANY, log)
    write(project("beta"), log)
    assert manager.lock(project("beta"), LOCKED, log).digest == resolved.digest


def test_python_version_file_chooses_the_python(index: Path, log: Path) -> None:
    spec = project("beta")
    assert manager.lock(spec, ANY, log)
    Path(".python-version").write_text("# ours\n3.99\n")
    with pytest.raises(EnvError, match=r"Python 3\.99 is not on this machine"):
        manager.lock(spec, ANY, log)


def test_lock_of_a_workspace_lies_at_its_root(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.uv.workspace]\nmembers = ['a']\n")
    member = tmp_path / "packages" / "a" / "pyproject.toml"
    spec = PythonEnv(member.parent, member, pyproject=member)
    assert lock_places.lock_file_of(spec) == tmp_path / "uv.lock"
    (tmp_path / "packages" / ".git").mkdir(parents=True)
    assert lock_places.lock_file_of(spec) == member.with_name("uv.lock")
