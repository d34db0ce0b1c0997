"""What somebody changed in an environment is noticed, said, and made good at the next use."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reprise.envs.cache import (
    checking,
    contents,
    inventory,
    marker,
    store,
)
from reprise.envs.virtualenv import manager
from reprise.errors import EnvError
from reprise.schemas.environment import Environment, Policy, PythonEnv
from tests.envs import wheels

pytestmark = pytest.mark.slow

Change = Callable[[Path], object]


@pytest.fixture
def made(index: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("UV_COMPILE_BYTECODE", "1")  # nobody writes in the background while we remove
    wheels.make(index, "alpha", "1.0", requires=["beta"], files={"alpha_more/a.py": "x = 1\n"}, hashed=True)
    return again(log)


def again(log: Path) -> Environment:
    return store.ensure_environment(manager, PythonEnv(Path.cwd(), dependencies=("alpha",)), Policy(), log)


def site(environment: Environment) -> Path:
    (found,) = environment.prefix.glob("lib/python*/site-packages")
    return found


def edit(path: Path, text: str) -> None:
    """As an editor does: a new file in the old one's place, so that uv's cache is as it was."""
    path.unlink()
    path.write_text(text)


def a_day_passes(environment: Environment) -> None:
    os.utime(environment.prefix / "reprise-env.checked", (0, 0))


def upgrade(folder: Path) -> None:
    (folder / "beta-2.0.dist-info").rename(folder / "beta-3.0.dist-info")


def test_what_a_power_cut_took_is_seen_when_the_machine_has_started_again(
    made: Environment, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installers do not wait for the disk: of their last files a power cut leaves the names."""
    taken = site(made) / "alpha_more" / "a.py"
    edit(taken, "")
    again(log)
    assert taken.read_text() == ""  # not looked for at each use
    monkeypatch.setattr(marker, "current_boot", lambda: "another start")
    again(log)
    assert taken.read_text() == "x = 1\n"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda site: shutil.rmtree(site / "beta-2.0.dist-info"),
            "its packages were changed: beta 2.0 was removed",
        ),
        (lambda site: (site / "foo-1.5.dist-info").mkdir(), "its packages were changed: foo 1.5 is new"),
        (upgrade, "its packages were changed: beta 2.0 is now 3.0"),
        (lambda site: (site / "mine.py").touch(), "its packages were changed: mine.py is new"),
        (lambda site: (site / "beta.py").unlink(), "its packages were changed: beta.py was removed"),
        (lambda site: shutil.rmtree(site), "site-packages was removed"),
    ],
)
def test_changed_packages_are_noticed_at_once_and_made_good(
    made: Environment, log: Path, caplog: pytest.LogCaptureFixture, change: Change, sentence: str
) -> None:
    caplog.set_level(logging.INFO)
    before = sorted(path.name for path in site(made).iterdir())
    change(site(made))
    assert again(log) == made
    assert sentence in caplog.text
    assert sorted(path.name for path in site(made).iterdir()) == before


def test_compiled_modules_are_no_change(
    made: Environment, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    python = made.prefix / "bin" / "python"
    subprocess.run([python, "-c", "import alpha, beta"], check=True, env=environ)
    (site(made) / "old.pyc").touch()
    a_day_passes(made)
    again(log)
    assert "again" not in caplog.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda site: (site / "alpha_more" / "a.py").unlink(), "a.py of alpha 1.0 was removed"),
        (lambda site: edit(site / "alpha_more" / "a.py", "x = 22\n"), "of alpha 1.0 has 7 bytes, not 6"),
    ],
)
def test_files_are_looked_at_once_a_day(
    made: Environment, log: Path, caplog: pytest.LogCaptureFixture, change: Change, sentence: str
) -> None:
    caplog.set_level(logging.INFO)
    change(site(made))
    again(log)
    assert "again" not in caplog.text
    a_day_passes(made)
    again(log)
    assert sentence in caplog.text
    assert (site(made) / "alpha_more" / "a.py").read_text() == "x = 1\n"


def test_a_check_finds_another_content_of_the_same_size(
    made: Environment, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    edit(site(made) / "alpha_more" / "a.py", "x = 2\n")
    (entry,) = inventory.list_entries()
    os.utime(entry.prefix / marker.NAME, (1000, 1000))
    wrong = checking.check_entry(entry)
    assert wrong
    (sentence,) = wrong
    assert sentence.endswith("alpha_more/a.py of alpha 1.0 has another content")
    assert marker.last_use(entry.prefix) == 1000  # looking is no use
    again(log)
    assert f": {sentence}" in caplog.text
    (entry,) = inventory.list_entries()
    assert checking.check_entry(entry) == []


@pytest.mark.parametrize("text", ["x = 1000\n", "x = 6\n"])
def test_damage_that_comes_from_uvs_cache_is_made_good_there(
    made: Environment, log: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """Whoever writes into a linked file writes into the cache too: a new environment is no better."""
    path = site(made) / "alpha_more" / "a.py"
    assert path.stat().st_nlink > 1
    path.write_text(text)
    (entry,) = inventory.list_entries()
    assert checking.check_entry(entry)
    assert again(log) == made
    assert "downloading alpha again" in caplog.text
    assert path.read_text() == "x = 1\n"
    (entry,) = inventory.list_entries()
    assert checking.check_entry(entry) == []


def test_a_lock_in_an_environment_that_is_not_its_own_is_damage(made: Environment, log: Path) -> None:
    (made.prefix / marker.LOCK).write_text("{}")
    (entry,) = inventory.list_entries()
    with pytest.raises(EnvError, match="is not the lock it was created from"):
        _ = entry.lock
    assert checking.check_entry(entry) == ["its lock is not the lock it was created from"]
    assert again(log) == made
    (entry,) = inventory.list_entries()
    assert entry.lock.digest == made.lock.digest


def test_a_package_that_is_wrong_about_itself_is_used_with_a_warning(
    index: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    wheel = wheels.make(index, "alpha", "1.0", files={"a.py": "x = 1\n"}, hashed=True)
    import zipfile

    with zipfile.ZipFile(wheel) as source:
        files = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(wheel, "w") as target:
        for name, content in files.items():
            target.writestr(name, content if name != "a.py" else b"x = 1000\n")
    made = again(log)
    assert "a.py of alpha 1.0 has 9 bytes, not 6" in caplog.text
    a_day_passes(made)
    caplog.clear()
    again(log)
    assert "again" not in caplog.text


def test_a_linked_project_changes_at_will(index: Path, log: Path) -> None:
    lib = Path.cwd() / "lib"
    lib.mkdir()
    prefix = again(log).prefix
    info = next(prefix.glob("lib/python*/site-packages/alpha-1.0.dist-info"))
    (info / "direct_url.json").write_text(json.dumps({"url": lib.as_uri(), "dir_info": {"editable": True}}))
    assert {file.package for file in contents.list_files(prefix)} == {"beta 2.0"}


def test_conda_packages_say_what_they_consist_of(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.so").write_text("12345")
    (tmp_path / "lib" / "b.sh").write_text("#!/long/prefix")
    (tmp_path / "lib" / "dangling").symlink_to("elsewhere")
    paths = [
        {"_path": "lib/a.so", "path_type": "hardlink", "size_in_bytes": 5, "sha256": "00"},
        {"_path": "lib/b.sh", "path_type": "hardlink", "size_in_bytes": 3, "prefix_placeholder": "/p"},
        {"_path": "lib/dangling", "path_type": "softlink", "size_in_bytes": 9, "sha256": "00"},
        {"_path": "lib/gone.so", "path_type": "hardlink", "size_in_bytes": 5},
        {"_path": "lib/__pycache__/m.pyc", "path_type": "hardlink", "size_in_bytes": 5},
    ]
    facts = {"name": "demo", "version": "1", "paths_data": {"paths": paths}}
    (tmp_path / "conda-meta" / "demo-1-0.json").write_text(json.dumps(facts))
    assert list(map(str, contents.find_damage(tmp_path))) == ["lib/gone.so of demo 1 was removed"]
    assert [item.file for item in contents.find_damage(tmp_path, hashes=True)] == [
        "lib/a.so",
        "lib/gone.so",
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("alpha-1.0.dist-info/RECORD", "of alpha 1.0 is not a file"), ("conda-meta", "cannot be read")],
)
def test_a_list_of_files_that_cannot_be_read_is_damage(
    made: Environment, log: Path, caplog: pytest.LogCaptureFixture, name: str, sentence: str
) -> None:
    caplog.set_level(logging.INFO)
    path = site(made) / name
    if name == "conda-meta":
        (made.prefix / name).mkdir()
        path = made.prefix / name / "demo-1-0.json"
    path.unlink(missing_ok=True)
    path.write_bytes(b'["\0\n,\xff')
    a_day_passes(made)
    again(log)
    assert sentence in caplog.text


def test_of_many_changes_the_first_few_are_named(tmp_path: Path) -> None:
    place = "lib/python3.11/site-packages"
    (tmp_path / place).mkdir(parents=True)
    told = contents.find_change(tmp_path, {place: [f"p{number}-1.dist-info" for number in range(9)]})
    assert told is not None
    assert told.endswith("p3 1 was removed and 5 more")
