"""Where things lie."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from reprise import paths
from reprise.errors import UsageError


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


def test_without_any_home_it_is_told_which_variables_help(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("user_cache_path", "user_state_path"):
        monkeypatch.setattr(platformdirs, name, nobody)
    monkeypatch.delenv("REPRISE_CACHE_DIR")
    monkeypatch.delenv("REPRISE_STATE_DIR")
    with pytest.raises(UsageError, match="no home folder is known") as caught:
        paths.cache_dir()
    assert caught.value.hint == "set HOME or REPRISE_CACHE_DIR"
    with pytest.raises(UsageError):
        paths.state_dir()
