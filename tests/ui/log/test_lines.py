"""Lines of a log by number, against the plain way of splitting it."""

from __future__ import annotations

import io
import random

import pytest

from reprise.ui.log.lines import (
    BLOCK,
    HITS,
    LINE_LIMIT,
    LineIndex,
)


def _indexed(content: bytes) -> tuple[LineIndex, io.BytesIO]:
    index, stream = LineIndex(), io.BytesIO(content)
    index.extend(stream)
    return index, stream


def _random_log(seed: int) -> bytes:
    chance = random.Random(seed)
    lines = (
        b"x" * chance.choice((0, 1, 40, 40, 40, 5000, LINE_LIMIT)) for _ in range(chance.randrange(400))
    )
    return b"\n".join(b"%d %b" % (at, line[:-8]) for at, line in enumerate(lines))


@pytest.mark.parametrize("end", (1, 2, 40, 199, 200, 300))
def test_lines_before_a_line_end_there_however_long_they_are(end: int) -> None:
    content = b"".join(b"%d " % at + b"x" * (LINE_LIMIT - 10) + b"\n" for at in range(200))
    index, stream = _indexed(content)
    window = index.before(stream, end, 150)
    assert window.first + len(window.lines) == min(end, 200)
    assert len(window.lines) >= min(end, 30)
    assert window.lines[0].startswith(f"{window.first} ")


@pytest.mark.parametrize("seed", range(12))
def test_any_window_has_the_lines_that_splitting_finds(seed: int) -> None:
    content = _random_log(seed)
    expected = content.decode().split("\n") if content else []
    index, stream = LineIndex(), io.BytesIO(content)
    for size in (*sorted(random.Random(seed).choices(range(len(content) + 1), k=9)), len(content)):
        index.extend(io.BytesIO(content[:size]))
    assert index.total == len(expected)
    for first in {0, 1, len(expected) // 3, len(expected) - 1, len(expected) + 9}:
        window = index.window(stream, first, 30)
        start = min(max(0, first), max(0, len(expected) - 1))
        assert window.first == start
        assert window.lines == expected[start : start + len(window.lines)]
        assert len(window.lines) >= min(30, len(expected) - start, 1)


def test_the_last_line_is_open_until_it_ends() -> None:
    index, stream = _indexed(b"one\ntwo")
    assert (index.total, index.window(stream, 0, 9).is_open) == (2, True)
    index, stream = _indexed(b"one\ntwo\n")
    assert (index.total, index.window(stream, 0, 9).is_open) == (2, False)


def test_a_log_that_shrank_is_counted_anew() -> None:
    index, _ = _indexed(b"one\ntwo\nthree\n")
    stream = io.BytesIO(b"other\n")
    index.extend(stream)
    assert index.window(stream, 0, 9).lines == ["other"]


def test_an_empty_log_has_no_lines() -> None:
    index, stream = _indexed(b"")
    assert index.window(stream, 0, 9)[:3] == (0, [], {})


@pytest.mark.parametrize("length", (LINE_LIMIT + 1, BLOCK * 3, 10_000_000))
@pytest.mark.parametrize("end", (b"", b"\n", b"\nafter\n"))
def test_of_a_long_line_the_head_is_shown_and_its_size_told(length: int, end: bytes) -> None:
    index, stream = _indexed(b"before\n" + b"y" * length + end)
    window = index.window(stream, 0, 9)
    assert window.lines[:2] == ["before", "y" * LINE_LIMIT]
    assert window.cut == {1: length}
    assert window.lines[2:] == (["after"] if end == b"\nafter\n" else [])


@pytest.mark.parametrize("steps", (3000, 300_000))
def test_of_a_long_progress_bar_the_end_is_shown(steps: int) -> None:
    index, stream = _indexed(b"".join(b"\r%7d of many" % step for step in range(steps)) + b"\ndone\n")
    bar, done = index.window(stream, 0, 9).lines
    assert bar.split("\r")[-1] == f"{steps - 1:7} of many"
    assert done == "done"


def test_one_answer_has_bounds_however_long_the_lines_are() -> None:
    index, stream = _indexed((b"z" * LINE_LIMIT + b"\n") * 500)
    window = index.window(stream, 0, 500)
    assert 0 < sum(map(len, window.lines)) < 1_200_000
    assert index.window(stream, len(window.lines), 1).lines == ["z" * LINE_LIMIT]


def test_a_colour_that_is_not_ended_is_told_with_the_lines_after_it() -> None:
    index, stream = _indexed(b"\x1b[31mred\nstill red\n\x1b[0mplain\nplain\n")
    assert index.window(stream, 1, 1).colours == "\x1b[31m"
    assert index.window(stream, 3, 1).colours == ""


def test_bytes_that_are_no_utf8_are_shown_as_such() -> None:
    index, stream = _indexed(b"caf\xe9 \xff\n")
    assert index.window(stream, 0, 1).lines == ["caf\ufffd \ufffd"]


def test_search_finds_lines_through_colours_and_whatever_the_case() -> None:
    index, stream = _indexed(b"Loss \x1b[1m0.5\x1b[0m\nnothing\nLOSS 0.5 and loss 0.5\n")
    assert index.search(stream, "loss 0.5") == ([0, 2], True)
    assert index.search(stream, "[1m") == ([], True)


def test_search_in_a_large_log_numbers_the_lines_right() -> None:
    lines = [b"needle" if at % 70_001 == 70_000 else b"some hay %d" % at for at in range(300_000)]
    index, stream = _indexed(b"\n".join(lines))
    assert index.search(stream, "needle").lines == [70_000, 140_001, 210_002, 280_003]


def test_a_search_that_finds_too_much_says_so() -> None:
    index, stream = _indexed(b"a\n" * (HITS + 5))
    found = index.search(stream, "A")
    assert (len(found.lines), found.is_all) == (HITS, False)
