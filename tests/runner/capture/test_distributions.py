"""What is installed for an interpreter, asked once until something is put in or taken out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reprise.errors import EnvError
from reprise.runner.capture.distributions import list_installed


@pytest.fixture
def environ(house: Path, tmp_path: Path) -> dict[str, str]:
    """The variables by which a virtual environment with nothing in it is entered."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def install(environ: dict[str, str], name: str, origin: dict[str, object] | None = None) -> None:
    (site,) = Path(environ["PATH"].split(os.pathsep)[0]).parent.glob("lib/python*/site-packages")
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))


def test_versions_and_origins(environ: dict[str, str]) -> None:
    commit = "a" * 40
    install(environ, "plain")
    install(environ, "editable", {"url": "file:///home/me/lib", "dir_info": {"editable": True}})
    vcs = {"vcs": "git", "commit_id": commit}
    install(environ, "cloned", {"url": "https://user:password@host/repo", "vcs_info": vcs})
    found = list_installed(environ)
    assert found.executable.startswith(environ["PATH"].split(os.pathsep)[0])
    assert [tuple(package) for package in found.packages] == [
        ("cloned", "1.0", f"git+https://host/repo@{commit}", False),
        ("editable", "1.0", "file:///home/me/lib", True),
        ("plain", "1.0", "", False),
    ]


def test_what_was_installed_since_is_seen(environ: dict[str, str]) -> None:
    install(environ, "first")
    assert [package.name for package in list_installed(environ).packages] == ["first"]
    install(environ, "second")
    assert [package.name for package in list_installed(environ).packages] == ["first", "second"]


def test_folders_on_the_python_path_count(environ: dict[str, str], tmp_path: Path) -> None:
    assert list_installed(environ).packages == ()
    info = tmp_path / "more" / "added-2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: added\nVersion: 2\n")
    found = list_installed(environ | {"PYTHONPATH": str(tmp_path / "more")})
    assert [package.name for package in found.packages] == ["added"]


def test_an_interpreter_that_is_not_there_or_broken_is_told(house: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="no python"):
        list_installed({"PATH": str(tmp_path)})
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho nonsense\n")
    broken.chmod(0o755)
    with pytest.raises(EnvError, match="cannot list the packages"):
        list_installed({"PATH": str(tmp_path)})
