"""A client that guesses passwords is slowed; the user whose password it guesses is not kept out."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.server.http import users
from reprise.server.http.attempts import Attempts
from reprise.server.http.users import Users


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _fail(attempts: Attempts, name: str, address: str, times: int, first: int = 0) -> None:
    for number in range(first, first + times):
        attempts.note_failure(name, address, str(number).encode())


def _is_refused(attempts: Attempts, name: str, address: str) -> bool:
    try:
        attempts.refuse_hasty(name, address)
    except TrackingError as error:
        assert error.code == "REQUEST_LIMIT_EXCEEDED"
        return True
    return False


def test_each_failure_after_the_fifth_doubles_the_wait_up_to_a_minute() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    _fail(attempts, "ana", "10.0.0.1", 4)
    assert not _is_refused(attempts, "ana", "10.0.0.1")
    waits = []
    for number in range(5, 20):
        _fail(attempts, "ana", "10.0.0.1", 1, number)
        start = clock.now
        while _is_refused(attempts, "ana", "10.0.0.1"):
            clock.now += 0.5
        waits.append(clock.now - start)
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert max(waits) == 60


def test_only_the_guessing_address_waits_for_a_name() -> None:
    attempts = Attempts(Clock())
    _fail(attempts, "ana", "10.0.0.1", 20)
    assert _is_refused(attempts, "ana", "10.0.0.1")
    assert not _is_refused(attempts, "ana", "10.0.0.2")
    assert not _is_refused(attempts, "ben", "10.0.0.1")


def test_an_address_that_tries_many_names_waits_for_all() -> None:
    attempts = Attempts(Clock())
    for number in range(40):
        _fail(attempts, f"user{number}", "10.0.0.1", 1)
    assert _is_refused(attempts, "another", "10.0.0.1")
    assert not _is_refused(attempts, "another", "10.0.0.2")


def test_a_client_has_a_whole_network_of_ipv6() -> None:
    attempts = Attempts(Clock())
    for number in range(10):
        _fail(attempts, "ana", f"2001:db8::{number:x}", 1)
    assert _is_refused(attempts, "ana", "2001:db8::ffff")
    assert not _is_refused(attempts, "ana", "2001:db8:0:1::1")


def test_success_and_a_quarter_of_an_hour_forgive() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    _fail(attempts, "ana", "10.0.0.1", 10)
    attempts.note_success("ana", "10.0.0.1")
    assert not _is_refused(attempts, "ana", "10.0.0.1")
    _fail(attempts, "ana", "10.0.0.1", 10)
    clock.now += 16 * 60
    _fail(attempts, "ana", "10.0.0.1", 1)
    assert not _is_refused(attempts, "ana", "10.0.0.1")


def test_what_is_remembered_of_guessers_is_bounded() -> None:
    attempts = Attempts(Clock())
    for number in range(30_000):
        attempts.note_failure("x" * 10, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", b"")
    assert len(attempts._pairs) == len(attempts._addresses) == 10_000


def test_guesses_are_refused_and_the_user_comes_in(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another address at once; and a credential that is known already is never slowed."""
    users.put(Path("users"), "ana", "read", password="secret")
    token = users.put(Path("users"), "robot", "read", password=None)
    checked: list[str] = []
    right = users._hash

    def hash_of(salt: str, password: str) -> str:
        checked.append(password)
        return right(salt, password)

    monkeypatch.setattr(users, "_hash", hash_of)

    async def scenario() -> None:
        access = Users(Path("users"))
        assert await access.bearer(_basic("ana", "secret"), "10.0.0.1") is not None
        guesses = [access.bearer(_basic("ana", f"guess{n}"), "10.0.0.1") for n in range(50)]
        answers = await asyncio.gather(*guesses, return_exceptions=True)
        assert answers[:5] == [None] * 5
        assert {getattr(answer, "code", "") for answer in answers[5:]} == {"REQUEST_LIMIT_EXCEEDED"}
        assert len(checked) == 6
        assert await access.bearer(_basic("ana", "secret"), "10.0.0.1") is not None
        assert await access.bearer(_basic("robot", token or ""), "10.0.0.1") is not None
        assert await access.bearer(f"Bearer {token}", "10.0.0.1") is not None

    asyncio.run(scenario())


def test_a_program_that_repeats_a_wrong_password_does_not_slow_its_user(house: Path) -> None:
    users.put(Path("users"), "ana", "read", password="secret")

    async def scenario() -> None:
        access = Users(Path("users"))
        for _ in range(50):
            assert await access.bearer(_basic("ana", "old"), "10.0.0.1") is None
        assert await access.bearer(_basic("ana", "secret"), "10.0.0.1") is not None
        users.put(Path("users"), "ana", "read", password="old")
        assert await access.bearer(_basic("ana", "old"), "10.0.0.1") is not None

    asyncio.run(scenario())


def _basic(name: str, secret: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"
