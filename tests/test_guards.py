"""The guards of conftest.py do fail a test that reaches out."""

from __future__ import annotations

import socket
import subprocess

import pytest

from reprise import paths


def test_the_default_cache_is_out_of_reach() -> None:
    with pytest.raises(OSError):
        paths.write_atomically(paths.cache_dir() / "x", "x")


def test_the_world_is_out_of_reach() -> None:
    with pytest.raises(AssertionError, match="tried to reach"):
        socket.create_connection(("192.0.2.1", 80))


def test_foreign_programs_are_not_started() -> None:
    with pytest.raises(AssertionError, match="tried to start docker"):
        subprocess.run(["docker", "info"], check=False)
