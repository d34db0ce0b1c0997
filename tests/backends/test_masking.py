"""Secrets do not stay in the log of a job, in whatever pieces they come."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from reprise.backends.kept_log import STDERR, STDOUT, KeptLog, split_streams
from reprise.backends.masking import Masker

SECRETS = ("0123456789abcdef", "abcabcabd", "pass word")


def masked(pieces: list[bytes]) -> bytes:
    masker = Masker(SECRETS)
    return b"".join([*map(masker.mask, pieces), masker.rest()])


def in_pieces(text: bytes, chosen: random.Random) -> list[bytes]:
    cuts = sorted(chosen.choices(range(len(text) + 1), k=chosen.randint(0, 12)))
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def test_a_secret_is_masked_wherever_it_is_cut() -> None:
    chosen = random.Random(7)
    for _ in range(500):
        words = chosen.choices([*SECRETS, "0123", "abcabc", "x", " ", "\n", "abcabcabcabd", "pass"], k=8)
        text = "".join(words)
        expected = text
        for secret in sorted(SECRETS, key=len, reverse=True):
            expected = expected.replace(secret, "******")
        assert masked(in_pieces(text.encode(), chosen)).decode() == expected


def test_what_holds_no_secret_comes_whole_and_at_once() -> None:
    masker = Masker(SECRETS)
    assert masker.mask(b"loss 0.5\n") == b"loss 0.5\n"
    assert masker.mask(b"012") == b""
    assert masker.mask(b"4") == b"0124"
    assert masker.mask(b"a") + masker.rest() == b"a"


def test_short_texts_are_no_secrets_to_look_for() -> None:
    assert Masker(("a", "true", "")).mask(b"a true word") == b"a true word"


def test_the_log_is_masked_on_each_stream(tmp_path: Path) -> None:
    kept = KeptLog(tmp_path / "output.log", SECRETS)
    kept.add(STDOUT, b"token=01234567")
    kept.add(STDERR, b"pass ")
    kept.add(STDOUT, b"89abcdef\n")
    kept.add(STDERR, b"word\nand abcabca")
    kept.close()
    data = (tmp_path / "output.log").read_bytes()
    found = split_streams(data, (tmp_path / "output.streams").read_text())
    assert found == {STDOUT: b"token=******\n", STDERR: b"******\nand abcabca"}


@pytest.mark.parametrize("size", [1, 7, 16, 4096])
def test_no_byte_is_lost(size: int) -> None:
    text = bytes(range(256)) * 40
    assert masked([text[begin : begin + size] for begin in range(0, len(text), size)]) == text
