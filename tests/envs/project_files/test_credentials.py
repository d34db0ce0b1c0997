"""Credentials in URLs: hidden where they would be kept, put back where they are needed."""

from __future__ import annotations

import pytest

from reprise.envs.project_files.credentials import (
    collect_credentials,
    hide_credentials,
    restore_credentials,
)


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("--index-url https://user:pass@host/simple", "--index-url https://host/simple"),
        ("--index-url https://${TOKEN}@host:8080/simple", "--index-url https://host:8080/simple"),
        ("x @ git+https://token@host/team/x.git@abc", "x @ git+https://host/team/x.git@abc"),
    ],
)
def test_round_trip(line: str, bare: str) -> None:
    known = collect_credentials([f"alpha\n{line}\nbeta"])
    assert hide_credentials(line) == bare
    assert restore_credentials(bare, known) == line


@pytest.mark.parametrize(
    "line", ["alpha==1.0 \\", "x @ git+ssh://git@host/team/x.git@abc", "-i https://host/a@b", "-e ."]
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert hide_credentials(line) == line
    assert collect_credentials([line]).sites == ()


def test_other_hosts_get_nothing() -> None:
    known = collect_credentials(["https://user:pass@host/simple"])
    for other in ("https://host.example/simple", "http://host/simple", "https://host:81/simple"):
        assert restore_credentials(other, known) == other


def test_ones_own_are_kept() -> None:
    known = collect_credentials(["https://user:pass@host/simple"])
    assert restore_credentials("https://me:mine@host/simple", known) == "https://me:mine@host/simple"


def test_they_are_not_shown() -> None:
    assert "pass" not in repr(collect_credentials(["https://user:pass@host/simple"]))
