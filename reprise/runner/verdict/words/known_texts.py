"""Texts specific to one run and known exactly: its ids, its addresses, its folders.

This text of one run corresponds only to the text of the other run with the same role.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

SLACK = 2.0
"""Seconds around a run that clock readings may differ, because they are rounded."""

_SHORTEST = 4  # characters of a text that is recognised anywhere
_EDGE = "0-9A-Za-z"
_WORD = re.compile(r"[0-9A-Za-z](?:[\w.-]*[0-9A-Za-z])?")
_ID = re.compile(rf"[{_EDGE}]{{{_SHORTEST},}}")
_NUMBER = re.compile(rf"(?<![{_EDGE}_./-])\d{{1,9}}(?![{_EDGE}_/-]|\.\w)")
_NUMBER_IN_NAME = re.compile(rf"(?<![{_EDGE}.])\d{{1,9}}(?![{_EDGE}]|\.\d)")
_MOST_PIECES = 11  # of the name of a machine: parts, and separators
_SEPARATORS = re.compile(r"([._]+)")
_MARKS = re.compile("\0([^\0=]+)(?:=([^\0]*))?\0")

FOLDER = "project folder"


@dataclass(frozen=True)
class Aside:
    """What is of one run alone: ``names`` maps a literal text to its role.

    ``host`` is the digest of its machine's name, ``processes`` are the numbers of its processes. Times are
    ms;
    ``ended`` is None while it runs. ``offset`` is that of its clock from UTC in seconds, None where it
    is not recorded: then that of this machine counts.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    started: int = 0
    ended: int | None = 0
    host: str | None = None
    processes: frozenset[int] = frozenset()
    offset: int | None = None

    @property
    def first(self) -> float:
        return self.started / 1000 - SLACK

    @property
    def last(self) -> float:
        end = self.ended / 1000 if self.ended is not None else datetime.now(UTC).timestamp()
        return end + SLACK

    @property
    def seconds(self) -> float:
        """Return the duration of the run."""
        return self.last - self.first

    def is_moment(self, seconds: float) -> bool:
        """Return whether the run was running at this time, in seconds since the epoch."""
        return self.first <= seconds <= self.last

    def possible_zones(self, moment: datetime) -> list[timedelta]:
        """The offsets from UTC in which the run may have written ``moment``, which says none itself."""
        if self.offset is not None:
            return [timedelta(), timedelta(seconds=self.offset)]
        return [timedelta(), moment.astimezone().utcoffset() or timedelta()]

    @cached_property
    def literals(self) -> re.Pattern[str] | None:
        """Finds the names that are more than a word, longer ones first: at the edges of words, and paths as
        wholes.
        """
        long = (name for name in self.names if len(name) >= _SHORTEST and not name.isalnum())
        names = sorted(long, key=len, reverse=True)
        found = [
            rf"{re.escape(name)}(?![{_EDGE}_-])" if "/" in name else rf"{re.escape(name)}(?![{_EDGE}])"
            for name in names
        ]
        return re.compile(rf"(?<![{_EDGE}])(?:{'|'.join(found)})") if found else None


NOTHING = Aside()
"""Of no run."""


def collect_names(candidates: Iterable[tuple[str | None, str]]) -> dict[str, str]:
    """The literal texts with their roles; of several roles of one text the first."""
    found: dict[str, str] = {}
    for text, role in candidates:
        if text:
            found.setdefault(text, role)
    return found


def mark_names(text: str, aside: Aside) -> str:
    """``text`` with a mark, which no text holds, for each thing that is known to be of this run alone."""
    if aside.literals is not None:
        text = aside.literals.sub(lambda match: mark_text(aside.names[match[0]]), text)
    # thousands of child runs may have ids, and an expression of them all would be slow
    text = _ID.sub(
        lambda match: mark_text(aside.names[match[0]]) if match[0] in aside.names else match[0], text
    )
    host = aside.host
    return _WORD.sub(lambda match: _mark_host(match[0], host), text) if host else text


def mark_processes(text: str, aside: Aside, *, inside_names: bool = False) -> str:
    """``text`` with a mark for each number that is one of a process of the run.

    A part of a name, as in ``ckpt-4711.pt``, is one only where the names of files are compared.
    """
    if not aside.processes:
        return text
    return (_NUMBER_IN_NAME if inside_names else _NUMBER).sub(
        lambda match: mark_text("own process") if int(match[0]) in aside.processes else match[0], text
    )


def mark_text(kind: str, name: str = "") -> str:
    """Return the mark for a kind of text; ``name`` is that of its field."""
    return f"\0{kind}={name}\0" if name else f"\0{kind}\0"


def read_marks(text: str) -> list[tuple[str, str]]:
    """Kind and name of each mark in a text."""
    if "\0" not in text:
        return []
    return [(match[1], match[2] or "") for match in _MARKS.finditer(text)]


def remove_marks(text: str) -> str:
    """``text`` for people: of each mark its kind."""
    return _MARKS.sub(lambda match: f"({match[1]})", text)


def _mark_host(word: str, host: str) -> str:
    """``word`` with a mark for the name of the machine, which dots and underscores may surround."""
    pieces = _SEPARATORS.split(word)
    for size in range(min(len(pieces), _MOST_PIECES), 0, -2):
        for begin in range(0, len(pieces) - size + 1, 2):
            name = "".join(pieces[begin : begin + size])
            if _digest_word(name) == host:
                before, behind = pieces[:begin], pieces[begin + size :]
                return "".join([*before, mark_text("host"), *behind])
    return word


def _digest_word(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()[:16]
