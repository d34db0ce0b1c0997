"""What of a line is shown, by the rules of terminals."""

from __future__ import annotations

import pytest

from reprise.ui.log.ansi import PLAIN, AnsiStyle, shown

RED = AnsiStyle(fore="1")


def _text(line: str) -> str:
    return "".join(text for text, _ in shown(line)[0])


def _style(codes: str) -> AnsiStyle:
    return shown(f"\x1b[{codes}m")[1]


@pytest.mark.parametrize(
    ("line", "text"),
    (
        ("plain", "plain"),
        ("10%\r 20%\r100%", "100%"),
        ("100%\r20", "200%"),
        ("abc\b\bX", "aXc"),
        ("\b\b\bX", "X"),
        ("dos\r", "dos"),
        ("working\r\x1b[Kdone", "done"),
        ("abcdef\r\x1b[2KX", "X     "),
        ("abcdef\b\b\x1b[1K", "     f"),
        (" 10%\x1b[1000D 20%\x1b[1000D100%", "100%"),
        (" 10% left\x1b[2K\x1b[1Gdone", "done     "),
        (" 10% left\x1b[G\x1b[Kdone", "done"),
        ("ab\x1b[2Dc", "cb"),
        ("name\x1b[6Gok\x1b[Cend", "name ok end"),
        ("\x1b[99999G\x1b[99999Cx\x1b[99999D", " " * 1000 + "x"),
        ("\x1b]8;;http://evil.example\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;a title\x1b\\\x1b[2J\x1b[5;5H\x1b[?25l\x1bPq\x1b\\\x1b(Bx", "x"),
        ("a\x00b\x7fc\x9bd", "abcd"),
        ("\x1b[31", "[31"),
        ("tab\there \N{CHERRY BLOSSOM}", "tab\there \N{CHERRY BLOSSOM}"),
    ),
)
def test_a_line_is_shown_as_a_terminal_would_leave_it(line: str, text: str) -> None:
    assert _text(line) == text


@pytest.mark.parametrize(
    ("codes", "style"),
    (
        ("31", RED),
        ("1;31", AnsiStyle(frozenset({"bold"}), "1")),
        ("91;104", AnsiStyle(fore="9", back="12")),
        ("31;39", PLAIN),
        ("1;4;22", AnsiStyle(frozenset({"underline"}))),
        ("3;23", PLAIN),
        ("31;0", PLAIN),
        ("31;", PLAIN),
        ("", PLAIN),
        ("38;5;9", AnsiStyle(fore="9")),
        ("38;5;226", AnsiStyle(fore="255 255 0")),
        ("48;5;232", AnsiStyle(back="8 8 8")),
        ("38;2;1;2;999;1", AnsiStyle(frozenset({"bold"}), "1 2 255")),
        ("38:2::1:2:3", AnsiStyle(fore="1 2 3")),
        ("38;5", AnsiStyle(fore="0")),
        ("99999999999999999999", PLAIN),
    ),
)
def test_colours_are_those_that_are_asked_for(codes: str, style: AnsiStyle) -> None:
    assert _style(codes) == style


def test_a_colour_goes_on_where_it_was_not_ended() -> None:
    first, style = shown("\x1b[31mred")
    assert (first, style) == ([("red", RED)], RED)
    assert shown("still\x1b[0m not", style) == ([("still", RED), (" not", PLAIN)], PLAIN)


def test_inverse_turns_colours_round() -> None:
    assert _style("7").classes == "inverse f-back b-fore"
    assert _style("7;38;5;226").classes == "inverse f-back b-own"
    assert _style("7;38;5;226").own == [("b", "255 255 0")]


def test_a_line_of_a_colour_for_each_character_is_shown_in_a_few_hundred_pieces() -> None:
    pieces, _ = shown("".join(f"\x1b[{31 + at % 6}mx" for at in range(3000)))
    assert len(pieces) == 501
    assert pieces[-1] == ("x" * 2500, PLAIN)
