"""requirements.lock: written, checked, used; with real uv, and real pip to read it."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reprise.envs.cache import store
from reprise.envs.virtualenv import lock_places, lockfiles, manager
from reprise.errors import EnvError, UsageError
from reprise.paths import cache_dir
from reprise.schemas.environment import Environment, Lock, Policy, PythonEnv
from reprise.schemas.platforms import current_platform
from tests.envs import wheels

pytestmark = pytest.mark.slow

ANY = Policy()
LOCKED = Policy(locked=True)
RUNNING = ".".join(map(str, sys.version_info[:3]))


def spec(*dependencies: str, **fields: Any) -> PythonEnv:
    root = Path.cwd()
    return PythonEnv(root, root / "python_env.yaml", dependencies=dependencies, **fields)


def write(spec: PythonEnv, log: Path, policy: Policy = ANY, *platforms: str) -> Path:
    (file,) = manager.write_lock(spec, policy, platforms, log)
    return file


def lock(spec: PythonEnv, log: Path, policy: Policy = ANY) -> Lock:
    return manager.lock(spec, policy, log)


def heads(text: str) -> list[str]:
    return [line.removesuffix(" \\") for line in text.splitlines() if not line.startswith(("#", " ", "--"))]


def pinned(lock: Lock) -> list[str]:
    return heads("\n".join(json.loads(lock.text)["requirements"]))


def digest(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_says_what_it_is_and_nothing_of_this_machine(index: Path, log: Path) -> None:
    file = write(spec("alpha"), log)
    assert file == Path.cwd() / "requirements.lock"
    text = file.read_text()
    assert heads(text) == ["alpha==1.0", "beta==2.0"]
    said = lockfiles.read_facts(text)
    assert said.python == f"CPython {RUNNING}"
    assert said.platforms == current_platform()
    assert said.spec and said.spec.startswith("sha256:")
    assert str(index) not in text
    assert str(Path.cwd()) not in text


def test_pip_installs_from_it(index: Path, log: Path, tmp_path: Path) -> None:
    file = write(spec("alpha"), log)
    target = tmp_path / "installed"
    arguments = ["install", "--require-hashes", "-r", file.name, "--target", str(target), "--no-cache-dir"]
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True, capture_output=True)
    assert (target / "beta.py").read_text() == "__version__ = '2.0'\n"


def test_same_packages_are_the_same_environment_with_and_without_it(index: Path, log: Path) -> None:
    resolved = lock(spec("alpha"), log)
    write(spec("alpha"), log)
    assert lock(spec("alpha"), log).digest == resolved.digest
    assert lock(spec("alpha"), log, LOCKED).digest == resolved.digest


def test_decides_although_the_index_has_newer_versions(
    index: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    write(spec("alpha"), log)
    wheels.make(index, "beta", "9.0")
    assert pinned(lock(spec("alpha"), log)) == ["alpha==1.0", "beta==2.0"]
    assert "Took 2 packages from requirements.lock" in caplog.text
    Path("requirements.lock").unlink()
    assert pinned(lock(spec("alpha"), log)) == ["alpha==1.0", "beta==9.0"]


def test_one_of_ours_needs_no_index(index: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(spec("alpha"), log)
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    assert pinned(lock(spec("alpha"), log, Policy(locked=True, offline=True))) == [
        "alpha==1.0",
        "beta==2.0",
    ]


def test_what_no_longer_fits_is_told_and_left_alone(
    index: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wheels.make(index, "beta", "1.0")
    file = write(spec("alpha"), log)
    before = file.read_bytes()
    changed = spec("alpha", "beta<2")
    for _ in range(2):
        caplog.clear()
        assert pinned(lock(changed, log)) == ["alpha==1.0", "beta==1.0"]
        (said,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert "requirements.lock no longer matches" in said
        assert 'beta 2.0 -> 1.0 ("beta<2")' in said
        assert "resolved again for this run" in said
    assert file.read_bytes() == before


def test_locked_refuses_what_does_not_fit(index: Path, log: Path) -> None:
    with pytest.raises(EnvError, match=r"has no lock, .*requirements\.lock does not exist") as caught:
        lock(spec("alpha"), log, LOCKED)
    assert "reprise lock" in (caught.value.hint or "")
    write(spec("alpha"), log)
    wheels.make(index, "zeta", "1.0")
    with pytest.raises(EnvError, match=r'no longer matches .*: zeta is not in it \("zeta"\)') as caught:
        lock(spec("alpha", "zeta"), log, LOCKED)
    assert "reprise lock" in (caught.value.hint or "")
    with pytest.raises(EnvError, match="nothing requires alpha"):
        lock(spec("beta"), log, LOCKED)


def test_words_that_change_nothing_still_fit(index: Path, log: Path) -> None:
    first = lock(spec("alpha"), log)
    write(spec("alpha"), log)
    assert lock(spec("alpha>=0.5", "beta"), log, LOCKED).digest == first.digest


def test_one_of_another_tool_is_used_where_it_fits(index: Path, log: Path) -> None:
    wheels.make(index, "beta", "1.0")
    own = digest(index / "beta-1.0-py3-none-any.whl")
    Path("requirements.lock").write_text(
        "#\n# This file is autogenerated by pip-compile\n#\n--index-url https://host/simple\n\n"
        "alpha[extra]==1.0\n    # via -r requirements.in\n"
        f"Beta==1.0 ; python_version >= '3.8' \\\n    --hash=sha256:{own} \\\n"
        f"    --hash=sha256:{'0' * 64}\n"
        "colorama==0.4.6 ; sys_platform == 'win32'\n"
    )
    found = lock(spec("alpha"), log, LOCKED)
    assert pinned(found) == ["alpha==1.0", "beta==1.0"]
    assert f"    --hash=sha256:{own}" in json.loads(found.text)["requirements"]
    with pytest.raises(EnvError, match=r'beta 1\.0 -> 2\.0 \("beta>1"\)'):
        lock(spec("alpha", "beta>1"), log, LOCKED)


def test_hashes_of_no_file_of_the_index_are_refused(index: Path, log: Path) -> None:
    Path("requirements.lock").write_text(f"beta==2.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(EnvError, match=r"no file of the index has a hash of beta==2\.0"):
        lock(spec("beta"), log)


def test_the_very_python_of_the_lock_is_taken_where_it_is(index: Path, log: Path) -> None:
    file = write(spec("alpha"), log)
    file.write_text(file.read_text().replace(RUNNING, "3.1.1"))
    assert json.loads(lock(spec("alpha"), log, LOCKED).text)["python"] == RUNNING


def test_locking_again_keeps_versions_and_upgrade_does_not(index: Path, log: Path) -> None:
    file = write(spec("alpha"), log)
    first = file.read_bytes()
    wheels.make(index, "beta", "9.0")
    wheels.make(index, "alpha", "9.0", requires=["beta"])
    assert write(spec("alpha"), log).read_bytes() == first
    write(spec("alpha"), log, Policy(upgrade=("BETA",)))
    assert heads(file.read_text()) == ["alpha==1.0", "beta==9.0"]
    write(spec("alpha"), log, Policy(upgrade=()))
    assert heads(file.read_text()) == ["alpha==9.0", "beta==9.0"]
    with pytest.raises(UsageError, match='"gamma" is not in '):
        write(spec("alpha"), log, Policy(upgrade=("gamma",)))


def test_several_platforms_are_one_file_with_markers(index: Path, log: Path) -> None:
    wheels.make(index, "win", "1.0")
    asked = spec("alpha", "win ; sys_platform == 'win32'")
    others = ("linux-64", "win-64", "osx-arm64", "linux-aarch64")
    file = write(asked, log, ANY, *others)
    assert heads(file.read_text())[2] == "win==1.0 ; sys_platform == 'win32'"
    assert pinned(lock(asked, log, LOCKED)) == ["alpha==1.0", "beta==2.0"]
    before = file.read_bytes()
    assert write(asked, log).read_bytes() == before
    with pytest.raises(UsageError, match="amiga"):
        write(asked, log, ANY, "amiga")


def test_of_another_platform_is_checked_before_it_is_used(index: Path, log: Path) -> None:
    other = "win-64"
    wheels.make(index, "win", "1.0")
    write(spec("alpha", "win ; sys_platform == 'win32'"), log, ANY, other)
    with pytest.raises(EnvError, match="nothing requires win"):
        lock(spec("alpha", "win ; sys_platform == 'win32'"), log, LOCKED)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("python_env.yaml", "requirements.lock"),
        ("envs/conda.yaml", "requirements.lock"),
        ("gpu.yaml", "gpu.lock"),
        ("requirements-dev.txt", "requirements-dev.lock"),
        (None, "requirements.lock"),
    ],
)
def test_its_name_comes_from_the_environment_file(file: str | None, name: str) -> None:
    root = Path("/project")
    assert lock_places.lock_file_of(PythonEnv(root, root / file if file else None)) == root / name


def test_requirements_are_shown_without_their_secrets_and_hashes(index: Path, log: Path) -> None:
    write(spec("alpha"), log)
    beta = index / "beta-2.0-py3-none-any.whl"
    asked = spec(
        "alpha", f"beta==2.0 --hash=sha256:{digest(beta)}", "zeta @ https://me:secret@127.0.0.1:9/z.whl"
    )
    with pytest.raises(EnvError) as caught:
        lock(asked, log, LOCKED)
    assert "secret" not in caught.value.message
    assert "secret" not in log.read_text()


def test_credentials_are_not_in_it(
    index: Path, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels.make(tmp_path / "private", "epsilon", "5.0")
    monkeypatch.delenv("PIP_NO_INDEX")
    with wheels.guarded_index(tmp_path / "private", "user", "secret") as address:
        Path("requirements.txt").write_text(f"--index-url http://user:secret@{address}/simple\nepsilon\n")
        text = write(spec("-r requirements.txt"), log).read_text()
    assert "secret" not in text
    assert f"--index-url http://{address}/simple\n" in text


def test_as_of_is_the_time_up_to_which_packages_are_taken(
    house: Path, log: Path, dated_index: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert pinned(lock(spec("beta"), log)) == ["beta==3.0"]
    assert pinned(lock(spec("beta"), log, Policy(as_of="2022-06-01T00:00:00Z"))) == ["beta==2.0"]
    assert pinned(lock(spec("beta"), log, Policy(as_of="2021-06-01T00:00:00Z"))) == ["beta==1.0"]
    with pytest.raises(EnvError, match="beta"):
        lock(spec("beta"), log, Policy(as_of="2020-06-01T00:00:00Z"))


def test_a_lock_stays_at_its_date_until_it_is_told_otherwise(
    house: Path, log: Path, dated_index: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(spec("beta"), log, Policy(as_of="2021-06-01T00:00:00Z"))
    assert "# as of: 2021-06-01T00:00:00Z\n" in file.read_text()
    write(spec("beta>=1"), log)
    assert "# as of: 2021-06-01T00:00:00Z\nbeta==1.0" in file.read_text()
    assert pinned(lock(spec("beta>=1"), log, Policy(as_of="2022-06-01T00:00:00Z"))) == ["beta==1.0"]
    assert "takes precedence over --as-of" in caplog.text
    write(spec("beta"), log, Policy(upgrade=()))
    assert heads(file.read_text()) == ["beta==3.0"]
    assert "as of" not in file.read_text()


def test_offline_downloads_no_python(index: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_PYTHON_DOWNLOADS")
    with pytest.raises(
        EnvError,
        match=r"Python 3\.99 is not on this machine, and --offline "
        r"does not allow",
    ):
        lock(spec(python="3.99"), log, Policy(offline=True))


def installed(environment: Environment) -> dict[str, str]:
    """Every file of the packages with its digest; bytecode aside."""
    (packages,) = environment.prefix.glob("lib/*/site-packages")
    return {
        path.relative_to(packages).as_posix(): digest(path)
        for path in packages.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_the_lock_of_a_run_makes_the_same_environment_again(index: Path, log: Path) -> None:
    first = store.ensure_environment(manager, spec("alpha"), Policy(), log)
    files = installed(first)
    kept = first.lock.text
    shutil.rmtree(cache_dir())
    wheels.make(index, "beta", "9.0")
    again = store.from_lock(manager, Lock("virtualenv", kept), Policy(), log)
    assert again.lock.digest == first.lock.digest
    assert again.prefix == first.prefix
    assert installed(again) == files
