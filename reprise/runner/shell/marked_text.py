"""Bash text with marks for placeholders, read from left to right."""

from __future__ import annotations

from reprise.runner.shell import quoting
from reprise.runner.shell.quoting import MARK, QuotingPlace
from reprise.runner.shell.words import SimpleCommand

_UNSURE = "the command does not make clear where a quoted value would end"


class MarkedText:
    """``places`` are those of the marks before ``at``; ``end`` is the end of the text.

    ``in_pairs``: the marks surround filled-in values. ``refusal`` is the reason why only harmless values
    are allowed in the rest of the text.
    """

    def __init__(self, text: str, in_pairs: bool, refusal: str) -> None:
        self.text = text
        self.in_pairs = in_pairs
        self.refusal = refusal
        self.at = 0
        self.places: list[QuotingPlace] = []
        self.end = quoting.PLAIN
        self.command = SimpleCommand()
        self.name_end = -1
        """Where the last variable ended."""

    def take_mark(self, place: QuotingPlace) -> None:
        """Read the next mark, at ``place`` of a word."""
        if self.name_end == self.at:
            place = quoting.behind_variable(place)
        self.at += 1
        self.command.add_mark(MARK, len(self.places))
        self.add_place(place)

    def add_place(self, place: QuotingPlace) -> None:
        self.places.append(place._replace(refusal=place.refusal or self.refusal))

    def doubt(self) -> None:
        """From here on, nothing is sure."""
        self.refusal = self.refusal or _UNSURE

    def starts(self, text: str, ahead: int = 0) -> bool:
        """Whether ``text`` is next, or follows ``ahead`` characters later."""
        return self.text.startswith(text, self.at + ahead)
