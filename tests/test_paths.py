"""Where things lie."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import platformdirs
import pytest

from reprise import durable, paths
from reprise.errors import UsageError
from reprise.tracking.sqlite.store import EmbeddedStore


def test_a_store_is_found_upward_as_git_finds_its_folder(tmp_path: Path) -> None:
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert paths.find_store(tmp_path / "a" / "b") == tmp_path / "mlruns"
    (tmp_path / "a" / "mlruns").mkdir()
    assert paths.find_store(tmp_path / "a" / "b") == tmp_path / "a" / "mlruns"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "link/x", "a\0b"])
def test_a_name_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to("/etc")
    with pytest.raises((UsageError, ValueError)):
        paths.confined(root, name, "the artifact")


def test_the_folders_of_the_platform_follow_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("REPRISE_CACHE_DIR", "REPRISE_STATE_DIR", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for home in (tmp_path / "a", tmp_path / "b"):
        monkeypatch.setenv("HOME", str(home))
        assert paths.cache_dir().is_relative_to(home)
        assert paths.state_dir().is_relative_to(home)
        assert paths.cache_dir() != paths.state_dir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert paths.cache_dir() == tmp_path / "c" / "reprise"


@pytest.mark.parametrize("given", [None, "", " ", "/x", " /x/y ", "x"])
def test_the_folders_are_those_of_the_platform(given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "STATE"):
        monkeypatch.delenv(f"REPRISE_{name}_DIR")
        if given is None:
            monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
        else:
            monkeypatch.setenv(f"XDG_{name}_HOME", given)
    assert paths.cache_dir() == platformdirs.user_cache_path("reprise", appauthor=False)
    assert paths.state_dir() == platformdirs.user_state_path("reprise", appauthor=False)


@pytest.mark.parametrize("given", ["", "no folder", "."])
def test_temporary_files_are_where_python_puts_them(
    given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / given) if given else "")
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert paths.temporary_dir() == tempfile.gettempdir()


def test_without_any_home_it_is_told_which_variables_help(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def nobody(*_: object, **__: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("user_cache_path", "user_state_path"):
        monkeypatch.setattr(platformdirs, name, nobody)
    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "no home"))
    monkeypatch.delenv("REPRISE_CACHE_DIR")
    monkeypatch.delenv("REPRISE_STATE_DIR")
    with pytest.raises(UsageError, match="no home folder is known") as caught:
        paths.cache_dir()
    assert caught.value.hint == "set HOME or REPRISE_CACHE_DIR"
    with pytest.raises(UsageError):
        paths.state_dir()


def test_a_shared_cache_keeps_its_mode(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = house / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    monkeypatch.setenv(paths.CACHE_VARIABLE, str(shared))
    durable.write_file(shared / "env-v1" / "file", "x")
    assert stat.S_IMODE(shared.stat().st_mode) == 0o2775
    assert stat.S_IMODE((shared / "env-v1").stat().st_mode) & 0o055


def test_a_store_the_cache_and_the_state_are_private(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the user lets others read what they make."""
    for variable in (paths.CACHE_VARIABLE, paths.STATE_VARIABLE):
        monkeypatch.setenv(variable, str(house / variable))
    before = os.umask(0o022)
    try:
        with EmbeddedStore(house / "mlruns") as store:
            store.create_run("0", start_time=1, user_id="")
        durable.write_file(paths.cache_dir() / "env-v1" / "file", "x")
        durable.write_file(paths.state_dir() / "errors" / "file", "x")
    finally:
        os.umask(before)
    for folder in (house / "mlruns", house / paths.CACHE_VARIABLE, house / paths.STATE_VARIABLE):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
