"""Credentials in URLs: hidden where they would be kept, put back where they are needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reprise.envs import credentials


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(credentials, "_known", {})
    yield


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("--index-url https://user:pass@host/simple", "--index-url https://host/simple"),
        ("--index-url https://${TOKEN}@host:8080/simple", "--index-url https://host:8080/simple"),
        ("x @ git+https://token@host/team/x.git@abc", "x @ git+https://host/team/x.git@abc"),
    ],
)
def test_round_trip(line: str, bare: str) -> None:
    credentials.learn([f"alpha\n{line}\nbeta"])
    assert credentials.hidden(line) == bare
    assert credentials.restored(bare) == line


@pytest.mark.parametrize(
    "line", ["alpha==1.0 \\", "x @ git+ssh://git@host/team/x.git@abc", "-i https://host/a@b", "-e ."]
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert credentials.hidden(line) == line


def test_other_hosts_get_nothing() -> None:
    credentials.learn(["https://user:pass@host/simple"])
    for other in ("https://host.example/simple", "http://host/simple", "https://host:81/simple"):
        assert credentials.restored(other) == other


def test_ones_own_are_kept() -> None:
    credentials.learn(["https://user:pass@host/simple"])
    assert credentials.restored("https://me:mine@host/simple") == "https://me:mine@host/simple"
