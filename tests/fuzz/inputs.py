"""Inputs made of good ones: parts are cut out, doubled, exchanged, nested, and odd words are put in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

ODD = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x80", b"\xed\xa0\x80", b"\x1b]52;c;AA==\x07", b"\xe2\x80\xae", b"\r\n", b"\t",
    b"../", b"/etc/passwd", b"..%2f", b"~", b"$(id)", b"`id`", b"${HOME}", b"{{", b"}}", b"'", b'"', b"\\", b"\\\n", b"#",
    b"&a", b"*a", b"<<: *a", b"!!python/object/apply:os.system [id]", b"--", b"-e ", b"@", b"://", b"[", b"]", b"{", b"}",
    b"null", b"true", b"NaN", b"Infinity", b"-1", b"1e400", b"9" * 30, b"0x7fffffff", b"18446744073709551616", b" " * 50,
    b"[" * 3000, b"{\"a\":" * 3000, b"(" * 3000, b"- " * 3000, b"A" * 5000, b"\n" * 500,
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> bytes:
    """One of ``seeds`` with up to six changes; ``words`` are such as its kind of text knows."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 40)))
        match draw(st.integers(0, 5)):
            case 0:
                data = data[:at] + data[end:]
            case 1:
                data = data[:at] + data[at:end] * draw(st.integers(2, 50)) + data[end:]
            case 2:
                data = data[:at] + draw(st.sampled_from((*ODD, *words))) + data[at:]
            case 3:
                data = data[:at] + draw(st.binary(max_size=8)) + data[end:]
            case 4:
                other = draw(st.sampled_from(seeds))
                data = data[:at] + other[draw(st.integers(0, len(other))) :]
            case _:
                data = data[:at]
    return data


def some(seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> st.SearchStrategy[Any]:
    """Mostly changed good inputs, sometimes bytes of any kind."""
    return st.one_of(mutated(seeds, words), mutated(seeds, words), st.binary(max_size=200))
