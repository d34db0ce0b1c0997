"""Without a terminal, a line says that something takes long."""

from __future__ import annotations

import logging

import pytest

from reprise import progress
from tests.conftest import eventually


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> list[str]:
    monkeypatch.setattr(progress, "FIRST_LINE", 0.01)
    monkeypatch.setattr(progress, "_LINES", tuple(number / 50 for number in range(1, 3000)))
    caplog.set_level(logging.INFO, "reprise")
    return caplog.messages


def test_a_spinner_tells_of_what_takes_long(caplog: pytest.LogCaptureFixture, lines: list[str]) -> None:
    with progress.spinner("Fetching https://user:secret@h/x.git") as describe:
        assert eventually(lambda: any("Fetching" in line for line in caplog.messages))
        describe("Unpacking")
        assert eventually(lambda: any("Unpacking (0 s)" in line for line in caplog.messages))
    assert "secret" not in caplog.text
    said = len(caplog.messages)
    with progress.bar("Downloading x", None) as advance:
        assert eventually(lambda: any("Downloading x" in line for line in caplog.messages[said:]))
        advance(1.0)


def test_what_is_done_at_once_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "reprise")
    with progress.spinner("Fetching"), progress.bar("Downloading", 3.0) as advance:
        advance(3.0)
    assert caplog.messages == []
