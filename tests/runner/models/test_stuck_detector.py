"""What the requests of a worker tell of it."""

from __future__ import annotations

import time

import pytest

from reprise.runner.models.stuck_detector import READY_SECONDS, Pulse

TIMEOUT = 60.0


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which only the test lets go on."""
    moments = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: moments[-1])
    return moments


def test_two_requests_one_after_the_other_without_an_answer_are_too_many(now: list[float]) -> None:
    pulse = Pulse(TIMEOUT)
    pulse.note_answer()
    for began in (1000.0, 1030.0):  # at once
        now.append(began + TIMEOUT)
        pulse.note_missed(began)
    assert not pulse.is_stuck
    now.append(1061 + TIMEOUT)
    pulse.note_missed(1061)
    assert pulse.is_stuck


def test_an_answer_between_them_is_a_sign_of_life(now: list[float]) -> None:
    pulse = Pulse(TIMEOUT)
    for began in (1000.0, 1100.0, 1200.0):
        now.append(began + TIMEOUT)
        pulse.note_missed(began)
        pulse.note_answer()
    assert not pulse.is_stuck


def test_a_request_that_waited_for_the_worker_tells_nothing_of_it(now: list[float]) -> None:
    pulse = Pulse(TIMEOUT)
    pulse.note_answer()
    for began in (1000.0, 1100.0, 1200.0):
        now.append(began + TIMEOUT / 2)
        pulse.note_missed(began)
    assert not pulse.is_stuck


def test_the_first_answer_may_take_as_long_as_a_model_takes_to_load(now: list[float]) -> None:
    pulse = Pulse(TIMEOUT)
    for began in (1000.0, 1100.0, 1000.0 + READY_SECONDS):
        now.append(began + TIMEOUT)
        pulse.note_missed(began)
        assert not pulse.is_stuck
    now.append(now[-1] + 2 * TIMEOUT)
    pulse.note_missed(now[-1] - TIMEOUT)
    assert pulse.is_stuck
