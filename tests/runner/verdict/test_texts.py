"""Texts: what is of one run alone is set aside when it can be nothing else; the rest counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.runner.verdict.asides import Aside
from reprise.runner.verdict.texts import compare_texts, decoded
from reprise.runner.verdict.values import Agreement
from reprise.schemas.tolerance import EXACT, Closeness

FIRST = datetime(2024, 5, 1, 10, 0, 0, tzinfo=UTC)
SECOND = datetime(2024, 6, 2, 15, 30, 0, tzinfo=UTC)
ID_A, ID_B = "a" * 32, "b" * 32


def of(run_id: str, start: datetime, seconds: float = 60) -> Aside:
    started = int(start.timestamp() * 1000)
    return Aside({run_id: "run id"}, started, started + int(seconds * 1000))


A, B = of(ID_A, FIRST), of(ID_B, SECOND)


def compared(a: str, b: str, closeness: Closeness = EXACT, *, log: bool = True) -> Agreement:
    return compare_texts(a, b, closeness, A, B, log=log).agreement


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S.123456+00:00",
        "%Y/%m/%d %H:%M:%S INFO",
        "%Y%m%d-%H%M%S",
        "%b %d %H:%M:%S %Y",
        "%d %b %Y %H:%M:%S GMT",
        "%H:%M:%S",
        "%s",
    ],
)
def test_times_of_the_runs_are_set_aside(form: str) -> None:
    one, other = (_written(form, start + timedelta(seconds=5)) for start in (FIRST, SECOND))
    assert compared(one, other) is Agreement.WITHIN_TOLERANCE
    # Read by the other run, they are data of some other day.
    assert compared(other, one) is Agreement.DIVERGED


def _written(form: str, moment: datetime) -> str:
    epoch = str(int(moment.timestamp()))
    return f"at {epoch if form == '%s' else moment.strftime(form)}."


def test_a_time_with_a_zone_is_read_in_it() -> None:
    assert compared("2024-05-01T12:00:05+02:00", "2024-06-02T10:30:05-05:00") is Agreement.WITHIN_TOLERANCE
    assert compared("2024-05-01T10:00:05+02:00", "2024-06-02T15:30:05-05:00") is Agreement.DIVERGED


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("epoch took 3.2 s", "epoch took 4.1 s"),
        ("waited 12 ms", "waited 13 ms"),
        ("98.1 samples/s", "103.7 samples/s"),
        ("100%|#####| 10/10 [00:01<00:00,  9.51it/s]", "100%|#####| 10/10 [00:02<00:00,  4.2it/s]"),
        (" 10%|#\r 50%|##\r100% done", "100% done"),
        ("<object at 0x7f3a12345678>", "<object at 0x7f3a87654321>"),
        ("saved /tmp/tmpab12cd34/model.bin", "saved /tmp/tmpzz98yx76/model.bin"),
        ("in '/c/work-v1/0123456789abcdef/demo/t.py'", "in '/other/c/work-v1/fedcba9876543210/demo/t.py'"),
        ("Serving on http://127.0.0.1:40123/", "Serving on http://127.0.0.1:5050/"),
        ("one\ntwo\n", "one\r\ntwo\r\n"),
    ],
)
def test_what_is_never_the_same_twice_is_set_aside(a: str, b: str) -> None:
    assert compared(a, b) is Agreement.WITHIN_TOLERANCE


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("horizon 5 h", "horizon 6 h"),
        ("distance 12 m", "distance 13 m"),
        ("speed 9.8 m/s", "speed 3.2 m/s"),
        ("born 1990-01-01", "born 1991-01-01"),
        ("saved /tmp/tmpab12cd34/a.bin", "saved /tmp/tmpab12cd34/b.bin"),
        ("model 1714557605999", "model 1714557605998"),
        ("epoch 1", "epoch 2"),
        ("a\nb", "a"),
        ("a\n", "a"),
    ],
)
def test_what_only_looks_like_it_counts(a: str, b: str) -> None:
    """Longer than the run was, a length, another day: that is data."""
    found = compare_texts(a, b, EXACT, A._replace(started=0, ended=10_000), B, log=True)
    assert found.agreement is Agreement.DIVERGED


def test_ids_of_the_runs_alone_are_identical() -> None:
    assert compared(f"run {ID_A} ended", f"run {ID_B} ended") is Agreement.IDENTICAL
    assert compared(f"run {ID_A} ended", f"run {ID_B} ended\r") is Agreement.WITHIN_TOLERANCE
    assert compared(f"run {ID_A} ended", f"run {'c' * 32} ended") is Agreement.DIVERGED
    assert compared(f"run {ID_B} ended", f"run {ID_A} ended") is Agreement.DIVERGED


def test_decimal_numbers_are_close_and_whole_ones_are_exact() -> None:
    close = Closeness(1e-6)
    assert (
        compared("loss=0.12345678, 3 left", "loss=0.12345679, 3 left", close) is Agreement.WITHIN_TOLERANCE
    )
    assert compared("loss=0.12345678", "loss=0.12345679") is Agreement.DIVERGED
    assert compared("loss=0.1234", "loss=0.1235", close) is Agreement.DIVERGED
    assert compared("seen 10000000", "seen 10000001", close) is Agreement.DIVERGED
    assert compared("v1.2.3", "v1.2.4", Closeness(0.5)) is Agreement.DIVERGED


def test_a_time_of_day_alone_is_one_in_a_log_only() -> None:
    assert compared("at 10:00:05", "at 15:30:07") is Agreement.WITHIN_TOLERANCE
    assert compared("at 10:00:05", "at 15:30:07", log=False) is Agreement.DIVERGED


def test_it_says_which_line_and_what() -> None:
    found = compare_texts("same\nloss 1\n", "same\nloss 2\n")
    assert (found.where, found.note) == ("line 2", '"loss 2", was "loss 1"')
    assert compare_texts("a\nb", "b\na").note == "the same lines in another order"


@given(st.text(min_size=1, max_size=60), st.data())
def test_another_character_is_never_identical(text: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda character: character != text[position]))
    changed = text[:position] + other + text[position + 1 :]
    assert compared(text, changed) is not Agreement.IDENTICAL


def test_what_is_a_text() -> None:
    assert decoded("é".encode()) == "é"
    assert decoded(b"a\0b") is None
    assert decoded(b"\xff") is None


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01 00:00:00",
        "9999-99-99 99:99:99",
        "2024-05-01T10:00:05+99:99",
        "1e99999999999999999999999",
        f"{'x' * 300_000}/work-v1/",
        "9" * 300_000,
        "1." * 100_000,
        f"[{'9' * 100_000}",
    ],
    ids=lambda text: text[:12],
)
def test_whatever_a_text_holds_there_is_an_answer(text: str) -> None:
    assert compared(text, f"{text}!", Closeness(1e-6)) is Agreement.DIVERGED
    wide = B._replace(started=10**18, ended=10**18)
    compare_texts("at 10:00:05", "at 10:00:06", EXACT, wide, wide, log=True)
