"""Quote a value for its place in a bash text, so that it arrives unchanged.

A value without special characters is never changed. Others are encoded layer by layer: first for the
innermost text that contains the place, last for the outermost.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from reprise.named_tuple import NamedTuple

Encode = Callable[[str], str]

MARK = "\0"
"""Marks a placeholder. Values and commands cannot contain it."""

_OF_BRACES = re.compile(r",|\.\.")
_OF_NAMES = re.compile(r"\w", re.ASCII)


class Refused(Exception):
    """The value cannot be written there; the message completes "the value cannot be given, because ..."."""


class QuotingPlace(NamedTuple):
    """The place of a placeholder: ``kind`` in words, ``encoders`` of its layers, innermost first.

    ``after`` is the kind of what follows the value. ``refusal`` is the reason why a value that needs quotes
    is not allowed there. ``means_more`` are additional special characters there.
    """

    kind: str
    encoders: tuple[Encode, ...] = ()
    after: str = ""
    refusal: str = ""
    means_more: re.Pattern[str] | None = None

    def inside(self, outer: QuotingPlace) -> QuotingPlace:
        """Return this place for a text that is itself at the place ``outer`` of another text."""
        return self._replace(
            kind=f"{self.kind} in {outer.kind}",
            after=f"{self.after or self.kind} in {outer.after or outer.kind}",
            encoders=(*self.encoders, *outer.encoders),
            refusal=self.refusal or outer.refusal,
        )


def quote_at(place: QuotingPlace, value: str) -> str:
    """Return ``value`` as it must be written at ``place``.

    Raises:
        Refused: no text at this place would arrive as the value.
    """
    if is_harmless(value) and not (place.means_more and place.means_more.search(value)):
        return value
    if re.search("[\1\x7f]", value) and place.kind not in (PLAIN.kind, SINGLE.kind):
        raise Refused("it has a character that bash uses internally (1 or 127)")
    if place.refusal:
        raise Refused(place.refusal)
    for encode in place.encoders:
        value = encode(value)
    return value


def in_braces(place: QuotingPlace) -> QuotingPlace:
    """``place`` between the braces of ``{1,2}``."""
    return place._replace(means_more=_OF_BRACES)


def behind_variable(place: QuotingPlace) -> QuotingPlace:
    """``place`` right behind a ``$name``, which the value must not make longer."""

    def apart(value: str) -> str:
        return f'""{value}' if _OF_NAMES.match(value) else value

    if place.kind == DOUBLE.kind:
        return place._replace(encoders=(*place.encoders, apart), means_more=_OF_NAMES)
    if place.kind == HERE_TEXT.kind:
        return place._replace(refusal="it directly follows a variable", means_more=_OF_NAMES)
    return place._replace(means_more=_OF_NAMES)


def is_harmless(value: str) -> bool:
    """Whether no shell sees more in ``value`` than the text of a word."""
    return shlex.quote(value) == value


def without_continuation(value: str) -> str:
    if "\\\n" in value:
        raise Refused("it has a backslash at the end of a line, and is in a here-document")
    return value


def quote_plain(value: str) -> str:
    return shlex.quote(value) if not is_harmless(value) else f"'{value}'"


def after_backslash(value: str) -> str:
    """The first character is quoted already."""
    if value[:1] in ("", "\n"):
        raise Refused("it follows a backslash, which would apply to the next character instead")
    return value[:1] + (shlex.quote(value[1:]) if value[1:] else "")


def in_single_quotes(value: str) -> str:
    return value.replace("'", "'\\''")


def in_double_quotes(value: str) -> str:
    return re.sub(r'([\\"$`])', r"\\\1", value)


def in_double_quotes_after_backslash(value: str) -> str:
    return _keep_backslash(in_double_quotes(value))


def _keep_backslash(encoded: str) -> str:
    """Encode a value after a backslash, which stays a backslash."""
    return f"\\{encoded}" if encoded[:1] in ("", "\n", "\\") else encoded


def in_dollar_quotes(value: str) -> str:
    """As ``$'...'`` reads it; the code for a quote, since a shell without ``$'`` would see its end."""
    return value.replace("\\", "\\\\").replace("'", "\\047")


def in_backticks(value: str) -> str:
    return re.sub(r"([\\`$])", r"\\\1", value)


def in_here_document(value: str) -> str:
    return re.sub(r"([\\$`])", r"\\\1", value)


def in_here_document_after_backslash(value: str) -> str:
    return _keep_backslash(in_here_document(value))


def as_it_is(value: str) -> str:
    return value


def without_tabs(value: str) -> str:
    if "\t" in value:
        raise Refused("it has a tab, and is in a here-document without tabs (<<-)")
    return value


def in_comment(value: str) -> str:
    if "\n" in value:
        raise Refused("it is in a comment, which ends with the line")
    return value


PLAIN = QuotingPlace("plain", (quote_plain,))
ESCAPED = QuotingPlace("after a backslash", (after_backslash,), "plain")
SINGLE = QuotingPlace("single quotes", (in_single_quotes,))
DOUBLE = QuotingPlace("double quotes", (in_double_quotes,))
DOUBLE_ESCAPED = QuotingPlace(
    "double quotes after a backslash", (in_double_quotes_after_backslash,), "double quotes"
)
DOLLAR_QUOTES = QuotingPlace("$'...'", (in_dollar_quotes,))
DOLLAR_QUOTES_OF_SH = QuotingPlace("$'...'", refusal="it is in $'...', which sh may not support")
DOLLAR_ESCAPED = QuotingPlace("$'\\", after="$'...'", refusal="it follows a backslash in $'...'")
AFTER_DOLLAR = QuotingPlace("after a $", refusal="it follows a $ of the shell")
HERE_TEXT = QuotingPlace("here-document", (in_here_document,))
HERE_ESCAPED = QuotingPlace(
    "here-document after a backslash", (in_here_document_after_backslash,), "here-document"
)
HERE_INSIDE = QuotingPlace("here-document", (without_continuation,))
HERE_LITERAL = QuotingPlace("literal here-document", (as_it_is,))
HERE_END = QuotingPlace("end of a here-document", refusal="it is the delimiter of a here-document")
COMMENT = QuotingPlace("comment", (in_comment,))
BACKTICK = QuotingPlace("backticks", (in_backticks,))
PARAMETER = QuotingPlace("${...}", refusal="it is in ${...}")
ARITHMETIC = QuotingPlace("arithmetic", refusal="it is in arithmetic")
