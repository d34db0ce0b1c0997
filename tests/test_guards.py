"""The guards of conftest.py do fail a test that reaches out."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from reprise import durable, paths
from tests.conftest import REPOSITORY


def test_the_default_cache_is_out_of_reach() -> None:
    with pytest.raises(OSError):
        durable.write_note(paths.cache_dir() / "x", "x")


def test_the_world_is_out_of_reach() -> None:
    with pytest.raises(AssertionError, match="tried to reach"):
        socket.create_connection(("192.0.2.1", 80))


def test_foreign_programs_are_not_started() -> None:
    with pytest.raises(AssertionError, match="tried to start docker"):
        subprocess.run(["docker", "info"], check=False)


# --- pytest itself, started in odd surroundings ------------------------------------------------------


def pytest_on(path: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Pytest as started by ``nohup ... &`` without a terminal; it finds the programs of ``path`` only."""
    command = f"trap '' INT HUP TERM; umask 077; exec {sys.executable} -m pytest -q -n 0 \"$@\" <&-"
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "TERM", "LANG")}
    return subprocess.run(
        ["/bin/sh", "-c", command, "sh", "-p", "no:cacheprovider", *arguments],
        cwd=REPOSITORY,
        env={**kept, "PATH": path, "TZ": "Pacific/Chatham", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_what_the_machine_lacks_is_left_out_and_told_at_the_end() -> None:
    tests = ("tests/envs/docker/test_manager.py", "tests/ui/test_notes.py", "-k", "shell or note")
    done = pytest_on("/nowhere", *tests)
    assert done.returncode == 0, done.stdout
    *_, docker, summary = done.stdout.splitlines()
    assert docker.endswith(
        "there is no docker program; .ci/docker-engine installs one and starts its engine"
    )
    assert docker.startswith("left out: ") and "skipped" in summary
    done = pytest_on("/nowhere", *tests, CI="true")
    assert done.returncode == 1
    assert "left out in continuous integration: there is no docker program" in done.stdout
    done = pytest_on("/nowhere", *tests, "--quick")
    assert done.returncode == 0, done.stdout
    *_, quick, summary = done.stdout.splitlines()
    assert quick.startswith("left out: the tests that use real tools or are slow")
    assert "skipped" not in summary


@pytest.mark.slow
def test_what_pytest_inherited_does_not_decide() -> None:
    done = pytest_on(
        os.environ["PATH"],
        "tests/tracking/sqlite/test_commits.py::test_an_interrupted_thread_takes_no_write_of_another_along",
        "tests/backends/test_local.py::test_cancel_ends_the_whole_group",
    )
    assert done.returncode == 0, done.stdout
