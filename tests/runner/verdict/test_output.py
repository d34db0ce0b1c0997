"""What runs printed: each stream is compared with its own, whatever the order of both was."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.backends.kept_log import KeptLog, split_streams, streams_beside
from reprise.runner.verdict.values import Agreement
from tests.runner.verdict.runs import Made, part

OUT, ERR = b"o 1\no 2\n", b"e 1\ne 2\n"
TOGETHER = b"o 1\ne 1\no 2\ne 2\n"
APART = "0 o\n4 e\n8 o\n12 e\n16 -\n"


@pytest.mark.parametrize(
    ("output", "streams", "word", "where"),
    [
        (OUT + ERR, "0 o\n8 e\n16 -\n", "identical", ""),
        (ERR + OUT, "0 e\n8 o\n16 -\n", "identical", ""),
        (b"o 2\no 1\n" + ERR, "0 o\n8 e\n16 -\n", "diverged", "output log, stdout, line 1"),
        (OUT + b"e 1\n", "0 o\n8 e\n12 -\n", "diverged", "output log, stderr, line 2"),
        (OUT, "0 o\n", "diverged", "output log, stderr, line 1"),
        (OUT + ERR, "", "diverged", "output log, line 2"),
        (OUT + ERR, "0 o\n8 nonsense\n", "diverged", "output log, line 2"),
        (OUT + ERR, "0 o\n80 e\n8 o\n", "diverged", "output log, line 2"),
    ],
)
def test_streams_are_compared_each_with_its_own(
    made: Made, output: bytes, streams: str, word: str, where: str
) -> None:
    one, other = made.run(output=TOGETHER, streams=APART), made.run(output=output, streams=streams)
    found = made.verdict(one, other)
    assert (found.word, found.where) == (word, where)


def test_a_stream_that_is_no_text(made: Made) -> None:
    one, other = made.run(output=b"\xff\n", streams="0 o\n"), made.run(output=b"\xfe\n", streams="0 o\n")
    log = part(made.verdict(one, other), "output log")
    assert (log.agreement, log.where) == (Agreement.NOT_COMPARABLE, "stdout")


@given(st.lists(st.tuples(st.sampled_from("oe"), st.binary(max_size=5))), st.binary(max_size=4))
def test_every_byte_is_kept_with_its_stream(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[str, bytes]], before: bytes
) -> None:
    path = tmp_path_factory.mktemp("kept") / "output.log"
    path.write_bytes(before)
    log = KeptLog(path)
    for stream, data in pieces:
        log.add(stream, data)
    log.close()
    found = split_streams(path.read_bytes(), streams_beside(path).read_text())
    for stream in "oe":
        assert found.get(stream, b"") == b"".join(data for name, data in pieces if name == stream)
    assert found.get("-", b"") == before


def test_lines_are_not_torn(tmp_path: Path) -> None:
    """Each stream comes in pieces that end anywhere; the lines of the log are whole."""
    chance = random.Random(3)
    lines = {stream: [f"{stream} {number}\n".encode() * 3 for number in range(50)] for stream in "oe"}
    left = {stream: b"".join(found) for stream, found in lines.items()}
    log = KeptLog(tmp_path / "output.log")
    while any(left.values()):
        stream = chance.choice("oe")
        size = chance.randint(1, 9)
        log.add(stream, left[stream][:size])
        left[stream] = left[stream][size:]
    log.close()
    kept = (tmp_path / "output.log").read_bytes().splitlines(keepends=True)
    assert sorted(kept) == sorted(b"".join(lines["o"] + lines["e"]).splitlines(keepends=True))
