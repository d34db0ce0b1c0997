"""Text from outside on a terminal: what passes, what is shown as an escape, and what is left out."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.legible import OutputFilter, escape_hidden, make_legible
from tests.conftest import REPOSITORY

# What a terminal does with a sequence; none of these is for a log to ask.
REFUSED = (
    "\x1b]0;title\x07",
    "\x1b]2;title\x1b\\",
    "\x1b]52;c;cm0gLXJmIH4=\x07",
    "\x1b]8;;http://evil.example\x1b\\",
    "\x1b]1337;File=inline=1:AAAA\x07",
    "\x1b]10;?\x07",
    "\x1b[c",
    "\x1b[>c",
    "\x1b[5n",
    "\x1b[6n",
    "\x1b[?1049h",
    "\x1b[?25l",
    "\x1b[2J",
    "\x1b[H",
    "\x1b[5;5H",
    "\x1b[3A",
    "\x1b[B",
    "\x1b[1E",
    "\x1b[1F",
    "\x1b[1L",
    "\x1b[1;5r",
    "\x1b[8m",
    "\x1b[0;8m",
    "\x1b[8;31m",
    "\x1b[>4;2m",
    "\x1b[?4m",
    "\x1b[5i",
    "\x1b[21t",
    "\x1bP$qm\x1b\\",
    "\x1b_Gi=31;AAAA\x1b\\",
    "\x1b^private\x1b\\",
    "\x1bc",
    "\x1b7",
    "\x1bM",
    "\x1b(0",
    "\x1b#8",
    "\x07",
    "\x05",
    "\x0b",
    "\x0c",
    "\x0e",
    "\x7f",
    "\x85",
    "\x9b6n",
    "\x9d0;t\x07",
)
PASSED = (
    "\x1b[31m",
    "\x1b[0m",
    "\x1b[m",
    "\x1b[38;5;8m",
    "\x1b[38;2;8;8;8m",
    "\x1b[48:2::8:8:8m",
    "\x1b[1;4;31m",
    "\r",
    "\b",
    "\t",
    "\x1b[K",
    "\x1b[2K",
    "\x1b[1000D",
    "\x1b[12G",
    "\x1b[C",
)


def _filtered(text: str, size: int = 1 << 20) -> str:
    data = text.encode()
    output = OutputFilter()
    shown = "".join(output.feed(data[at : at + size]) for at in range(0, len(data), size))
    return (shown + output.finish()).removesuffix("\x1b[0m")


@pytest.mark.parametrize("size", (1, 3, 1 << 20))
@pytest.mark.parametrize("sequence", REFUSED)
def test_nothing_that_a_terminal_obeys_beyond_the_line_passes(sequence: str, size: int) -> None:
    shown = _filtered(f"before{sequence}after\n", size)
    assert shown.isprintable() or shown.rstrip("\n").isprintable()
    assert shown.startswith("before")
    assert shown.endswith("after\n")


@pytest.mark.parametrize("size", (1, 2, 1 << 20))
@pytest.mark.parametrize("sequence", PASSED)
def test_colours_and_progress_bars_pass(sequence: str, size: int) -> None:
    text = f"ä {sequence}line\nnext"
    assert _filtered(text, size) == text


def test_a_sequence_without_an_end_takes_its_line_and_no_memory() -> None:
    output = OutputFilter()
    for _ in range(300):
        assert output.feed(b"\x1b]52;c;" + b"A" * 9000) == ""
    assert output.feed(b"A\nnext\n") == "\nnext\n"


@given(st.text(alphabet="\x1b[]PX^_\\;:?08 mKGDCHJcnhl\x07\n\r\b\x9b\x9dA\u202e"), st.integers(1, 7))
def test_pieces_decide_nothing_and_only_known_sequences_pass(text: str, size: int) -> None:
    whole = _filtered(text)
    assert _filtered(text, size) == whole
    for part in whole.split("\x1b")[1:]:
        assert part[0] == "["
        assert part[1:].lstrip("0123456789;:")[0] in "mCDGK"
    assert set(whole) <= set("\x1b[]PX^_\\;:?08 mKGDCHJcnhl\n\r\bA" + "u202e")


@pytest.mark.parametrize(
    ("name", "shown"),
    (
        ("plain", "plain"),
        ("naïve 名前 🍒", "naïve 名前 🍒"),
        ("👩\u200d🔬 ❤\ufe0f 👍🏽", "👩\u200d🔬 ❤\ufe0f 👍🏽"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("ad\u200bmin", "ad\\u200bmin"),
        ("ad\u200dmin", "ad\\u200dmin"),
        ("ad\ufe01min", "ad\\ufe01min"),
        ("ad\u3164min", "ad\\u3164min"),
        ("a\U000e0041\U000e007f", "a\\U000e0041\\U000e007f"),
        ("a\U000e0100", "a\\U000e0100"),
        ("\x1b[31mred\x9b0m", "\\x1b[31mred\\x9b0m"),
        ("half \udc80", "half \\udc80"),
        ("a\rb", "a\\x0db"),
        ("a\u2000b\xa0c 東\u3000京", "a\\u2000b\\xa0c 東\u3000京"),
    ),
)
def test_a_name_hides_nothing(name: str, shown: str) -> None:
    assert make_legible(name) == shown


def test_a_log_keeps_the_joiners_of_scripts() -> None:
    assert escape_hidden("می\u200cخواهم x\u202ey\ufeff") == "می\u200cخواهم x\\u202ey\\ufeff"


def test_texts_reach_a_terminal_by_one_door() -> None:
    """``click.echo`` of a text from outside stands in modules that make it legible."""
    doors = {"show.py", "messages.py", "outcomes.py"}
    elsewhere = {
        f"{path.name}: {ast.unparse(node)}"
        for path in (REPOSITORY / "reprise" / "cli").glob("*.py")
        if path.name not in doors
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("click.echo", "print")
    }
    assert elsewhere == {
        "diff.py: click.echo()",
        "diff.py: click.echo(_coloured(make_legible(line.expandtabs())))",
        "diff.py: click.echo(click.style(make_legible_line(text), bold=True))",
        "env.py: click.echo(make_legible(found.lock.text), nl=False)",
        "experiments.py: click.echo(made)",  # an id
        "lineage_tree.py: click.echo(click.style(make_legible_line(_title(found.version)), bold=True))",
        "lineage_tree.py: click.echo(line)",  # its nodes are legible
        "run.py: click.echo()",
        "run.py: click.echo(click.get_current_context().get_help())",
        "run_project.py: print(started.run_id, flush=True)",
        "serving_options.py: click.echo(err=True)",
        "shortcuts.py: print('\\n'.join(lines))",  # our own help
        "shortcuts.py: print(file=sys.stderr)",
        "sweep.py: click.echo()",
        "users.py: click.echo(made)",  # a token
    }
