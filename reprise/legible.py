"""Text from outside, safe to show: on a terminal and in a page.

Names, messages and file names are shown by :func:`make_legible`, which leaves nothing that a reader does
not see: controls, what turns the direction of text, what has no width. What a program printed keeps its
colours and the lines that overwrite themselves: :class:`OutputFilter` for a terminal, ``ui.ansi`` for a
page; both know escape sequences by :data:`SEQUENCE`.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

# Patterns stay text: every command imports them, and few of them meet what they are for.
# Printable to Python, and yet without a mark on the screen: fillers, joiners and variation selectors.
_UNMARKED = (
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_EMOJI_JOINERS = "\u200d\ufe0f"  # they make one picture of several, and follow one
_HIDDEN = (
    "[\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)

SEQUENCE = (
    r"\x1b(?:\[(?P<parameters>[0-?]*)[ -/]*(?P<letter>[@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-OQ-WYZ\\`-~])|[\x00-\x08\x0a-\x1f\x7f-\x9f]"
)
"""An escape sequence or a control character in one line; ``letter`` is that of a control sequence."""

COLOUR = "m"
_PASSED = r"\x1b\[(?:[\d;:]{0,64}m|\d{0,4}[CDGK])|[\t\n\r\b]"
_UNFINISHED = r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b\n]*\x1b?|[PX^_][^\x1b\n]*\x1b?|[ -/]*)\Z"
_LONGEST = 4096  # characters of an incomplete sequence
_OWN_COLOUR = r"[345]8[;:](?:5[;:]\d*|2(?:[;:]\d*){3})"  # in which an 8 is an amount
_CONCEALED = r"(?:^|;)0*8(?=[;:]|$)"


def make_legible(text: str) -> str:
    """``text`` with an escape, as ``\\x1b`` or ``\\u202e``, for each character that cannot be seen.

    Line breaks and tabs stay, and so do the joiners inside of an emoji.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if _is_seen(char, text[at - 1] if at else "") else escape_character(char)
        for at, char in enumerate(text)
    )


def make_legible_line(text: str) -> str:
    """As :func:`make_legible`, in one line, with single spaces."""
    return make_legible(" ".join(text.split()))


def escape_character(char: str) -> str:
    """As Python and JSON write it: ``\\x1b``, ``\\u202e``, ``\\U000e0041``."""
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def escape_hidden(text: str) -> str:
    """``text`` of a log or a page with an escape for what turns its direction, and for what has no width.

    What scripts need to join or part letters stays.
    """
    return text if text.isascii() else re.sub(_HIDDEN, lambda match: escape_character(match[0]), text)


def _is_seen(char: str, before: str) -> bool:
    if char in _EMOJI_JOINERS:
        return before != "" and (unicodedata.category(before) in ("So", "Sk") or before == "\ufe0f")
    if char in "\n\t\u3000":  # the last one is the space of Chinese and Japanese
        return True
    return char.isprintable() and re.match(_UNMARKED, char) is None


class OutputFilter:
    """What a program printed, piece by piece, for a terminal: colours pass, and moves within the line.

    All else that a terminal obeys is left out: questions it answers, the title, the clipboard, links, moves
    to other lines, concealed text. An escape sequence ends with its line at the latest.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> str:
        """What can be shown now that ``data`` has come."""
        text = self._rest + self._decoder.decode(data)
        unfinished = re.compile(_UNFINISHED).search(text, max(0, text.rfind("\n") + 1))
        start = unfinished.start() if unfinished else len(text)
        self._rest = _shortened(text[start:])
        return _filtered(text[:start])

    def finish(self) -> str:
        """What is left at the end, without a sequence that never ended, and with the colours reset."""
        rest, self._rest = self._rest + self._decoder.decode(b"", final=True), ""
        return _filtered(rest) + "\x1b[0m"


def _shortened(unfinished: str) -> str:
    """The start of an endless sequence is enough to know what it is, and that it does not pass."""
    return unfinished if len(unfinished) <= _LONGEST else f"{unfinished[:2]}?{unfinished[-1]}"


def _filtered(text: str) -> str:
    lines = text.split("\n")
    return escape_hidden("\n".join(re.sub(SEQUENCE, _passed, line) for line in lines))


def _passed(match: re.Match[str]) -> str:
    if match["letter"] == COLOUR and re.search(_CONCEALED, re.sub(_OWN_COLOUR, "", match["parameters"])):
        return ""
    return match[0] if re.fullmatch(_PASSED, match[0]) else ""
