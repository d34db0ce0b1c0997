"""Finding the Python that a project asks for, among those of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reprise.envs.base import current_interpreter
from reprise.envs.pythons import interpreters
from reprise.errors import EnvError
from reprise.process import Completed

SERIES = f"{sys.version_info.major}.{sys.version_info.minor}"
VERSION = ".".join(map(str, sys.version_info[:3]))


@pytest.fixture(autouse=True)
def offline(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only our own interpreter is on this machine."""
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("PYENV_ROOT", str(house / "pyenv"))
    monkeypatch.setenv("PATH", "/bin")


@pytest.mark.parametrize(
    "request_",
    [
        None,
        SERIES,
        VERSION,
        f"{SERIES}.*",
        f"{SERIES}.x",
        f"=={SERIES}.*",
        f">={SERIES},<4",
        f"~={VERSION}",
    ],
)
def test_requests_that_ours_satisfies(request_: str | None, log: Path) -> None:
    found = interpreters.find_interpreter(request_, log)
    assert found.path.samefile(current_interpreter())
    assert (found.implementation, found.version) == ("CPython", VERSION)
    assert os.uname().machine in found.platform


@pytest.mark.parametrize("request_", ["3.99", f"{SERIES}.99", "<3.3", "no such thing"])
def test_requests_that_nothing_satisfies(request_: str, log: Path) -> None:
    with pytest.raises(EnvError, match=f"Python {request_} is not on this machine$") as caught:
        interpreters.find_interpreter(request_, log)
    assert VERSION in (caught.value.hint or "")


def test_pyenv_versions_are_seen_and_its_shims_are_not(
    house: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shims = house / "pyenv" / "shims"
    shims.mkdir(parents=True)
    broken = shims / f"python{SERIES}"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    version = house / "pyenv" / "versions" / "3.9.1" / "bin"
    version.mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{shims}:/bin")
    path = interpreters._search_path().split(os.pathsep)
    assert path == [str(current_interpreter().parent), "/bin", str(version)]


def test_what_does_not_start_is_told(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(interpreters, "_ask_uv", lambda *_: Completed(0, f"{program}\n", ""))
    with pytest.raises(EnvError, match="does not start") as caught:
        interpreters.find_interpreter("3.7", log)
    assert caught.value.hint == "broken"
