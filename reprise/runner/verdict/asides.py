"""What a run writes that is of this one run: its times, its ids, its temporary folders.

A timestamp counts as one only when the run went on at that moment, and a duration only when it is no longer
than the run was: whatever else looks like one is data, and data that differs is a difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cache, partial
from typing import NamedTuple, TypeAlias

_SLACK = 2.0  # seconds around a run in which its clock readings lie, for they are rounded
_DAY = 86400.0

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<fraction>[.,]\d{1,9})?)?"
_DATE = r"(?P<year>\d{4})(?P<dash>[-/]?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)"
_ZONE = r"(?P<zone> ?(?:Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d))?"
_MOMENTS = (
    rf"(?<!\d){_DATE}[T _]{_CLOCK}{_ZONE}",
    r"(?<!\d)(?P<year>\d{4})(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)[T_-]"
    r"(?P<hour>\d\d)(?P<between>-?)(?P<minute>\d\d)(?P=between)(?P<second>\d\d)(?!\d)",
    rf"(?P<name>{_MONTHS}) +(?P<day>\d\d?) {_CLOCK}(?: [A-Z]{{3,4}})? (?P<year>\d{{4}})",
    rf"(?<!\d)(?P<day>\d\d?) (?P<name>{_MONTHS}) (?P<year>\d{{4}}),? {_CLOCK}{_ZONE}",
)
_TIME_OF_DAY = rf"(?<![\d:.]){_CLOCK}(?![\d:])"
_EPOCH = r"(?<![\d.])(?P<digits>\d{10}(?:\d{3}){0,3})(?P<fraction>\.\d+)?(?!\d|\.\d)"
_NUMBER = r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?"
# No bare "m": it may be metres as well, and a rate is one of work done, for 9.8 m/s may be a result.
_DURATION = rf"(?P<amount>{_NUMBER}) ?(?P<unit>ns|us|µs|ms|s|secs?|seconds?|mins?|minutes?|h|hours?)\b"
_WORK = (
    r"(?:it|iters?|iterations?|samples?|steps?|examples?|rows?|images?|tokens?|batch(?:es)?|items?"
    r"|records?|requests?|epochs?|files?|lines?|[kKMG]?i?B)"
)
_RATE = rf"{_NUMBER} ?(?:{_WORK}/s(?:ec(?:ond)?)?|m?s/{_WORK})\b"
_PROGRESS = r"\[\d+:\d\d(?::\d\d)?<(?:\d+:\d\d(?::\d\d)?|\?), *(?:[\d.]+|\?) ?[A-Za-z/]+(?:, [^\]]*)?\]"
_SECONDS = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

_SIGNS = (
    ("progress", "<", _PROGRESS),
    ("temporary path", "/", r"(?:/private)?(?:/tmp|/var/tmp|/var/folders/\w+/\w+/T)/[^/\s'\":,)]+"),
    ("address", "0x", r"\bat 0x[0-9a-fA-F]{6,16}\b"),
    ("process", "pid", r"\bpid[ =:]+\d+\b"),
    ("port", ":", r"(?:127\.0\.0\.1|localhost|\[::1\]):\d+"),
)
_FIXED = [(kind, sign, re.compile(pattern)) for kind, sign, pattern in _SIGNS]
"""What shows itself; only a text that has the sign in it is looked through."""

_OF_A_RUN = re.compile(r"/(?:work-v1|scratch-v1)/[0-9a-f]{8,}(?:/[^/\s'\":,)]+)?")
"""A folder of the cache that a run was given, from the part on that names it."""

_BEFORE_PATHS = frozenset(" \t\"'=:(")

IDS = frozenset({"run id", "model id", "artifact location", "job"})
"""Kinds of names that are known to the letter; all others are recognised by what they look like."""


class Aside(NamedTuple):
    """What is of one run alone: ``names`` maps a literal text to what it is; times are ms.

    ``ended`` is None while it goes on.
    """

    names: Mapping[str, str]
    started: int
    ended: int | None

    @property
    def first(self) -> float:
        return self.started / 1000 - _SLACK

    @property
    def last(self) -> float:
        end = self.ended / 1000 if self.ended is not None else datetime.now(UTC).timestamp()
        return end + _SLACK

    def is_moment(self, seconds: float) -> bool:
        """Whether the run went on at this time, in seconds since the epoch."""
        return self.first <= seconds <= self.last

    def is_duration(self, seconds: float) -> bool:
        return 0 <= seconds <= self.last - self.first


Test: TypeAlias = Callable[[Aside, re.Match[str]], bool]
"""Whether what looks like something of a clock is of this run's."""

NOTHING = Aside({}, 0, 0)
"""Of no run: nothing but what shows itself (addresses, temporary paths) is set aside."""


def masked(text: str, aside: Aside, *, log: bool = False) -> str:
    """``text`` with a mark for each thing that is of its run alone; marks cannot be in a text.

    A time of day without a date is one in a ``log`` only.
    """
    text = _without_folders(_without(text, aside.names))
    for kind, sign, pattern in _FIXED:
        if sign in text:
            text = pattern.sub(_mark(kind), text)
    for pattern, test, kind in _clocks():
        if log or test is not _is_of_day:
            text = pattern.sub(partial(_marked, test, kind, aside), text)
    return text


def without_ids(text: str, aside: Aside) -> str:
    """``text`` with a mark for each id, and everything else as it is."""
    return _without(text, {name: kind for name, kind in aside.names.items() if is_id(kind)})


def is_id(kind: str) -> bool:
    """Whether it is a word of :data:`IDS`, or such a thing of a child run: ``run id of train``."""
    return kind.partition(" of ")[0] in IDS


def names(candidates: Iterable[tuple[str | None, str]]) -> dict[str, str]:
    """The literal texts that are long enough to stand for something."""
    return {text: kind for text, kind in candidates if text and len(text) > 3}


def kinds(text: str) -> list[str]:
    """What was set aside in a masked text, each kind once."""
    return list(dict.fromkeys(re.findall("\0([^\0]+)\0", text)))


def _without(text: str, literal: Mapping[str, str]) -> str:
    for name in sorted(literal, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", _mark(literal[name]), text)
    return text


def _without_folders(text: str) -> str:
    """Each path is followed to its start by hand: a search for it would be slow in a line of megabytes."""
    pieces, end = [], 0
    for match in _OF_A_RUN.finditer(text):
        start = match.start()
        while start > end and text[start - 1] not in _BEFORE_PATHS:
            start -= 1
        pieces += [text[end:start], _mark("folder")]
        end = match.end()
    return "".join([*pieces, text[end:]])


def _mark(kind: str) -> str:
    return f"\0{kind}\0"


@cache
def _clocks() -> tuple[tuple[re.Pattern[str], Test, str], ...]:
    """What is looked for in this order, the test that it is what it looks like, and what it is then."""
    found: list[tuple[str, Test, str]] = [(pattern, _is_moment, "time") for pattern in _MOMENTS]
    found += [(_TIME_OF_DAY, _is_of_day, "time"), (_EPOCH, _is_epoch, "time")]
    found += [(_RATE, _is_rate, "rate"), (_DURATION, _is_duration, "duration")]
    return tuple((re.compile(pattern), test, kind) for pattern, test, kind in found)


def _marked(test: Test, kind: str, aside: Aside, match: re.Match[str]) -> str:
    try:
        return _mark(kind) if test(aside, match) else match[0]
    except (ValueError, OverflowError, OSError):  # there is no such day, or none that a clock can tell
        return match[0]


def _is_moment(aside: Aside, match: re.Match[str]) -> bool:
    found = match.groupdict()
    month = found.get("month") or _MONTHS.split("|").index(found["name"]) + 1
    moment = datetime(
        int(found["year"]),
        int(month),
        int(found["day"]),
        int(found["hour"]),
        int(found["minute"]),
        int(found["second"] or 0),
    )
    spread = 0.0 if found["second"] else 60.0  # without seconds, all of that minute is meant
    times = [moment.replace(tzinfo=zone).timestamp() for zone in _zones(found.get("zone"), moment)]
    return any(aside.first - spread <= seconds <= aside.last for seconds in times)


def _zones(written: str | None, moment: datetime) -> list[timezone]:
    """The zones that a time may be of: the one that stands behind it, else UTC's and this machine's."""
    word = (written or "").strip().replace(":", "")
    if word and word[0] in "+-":
        sign = -1 if word[0] == "-" else 1
        return [timezone(sign * timedelta(hours=int(word[1:3]), minutes=int(word[3:5])))]
    here = moment.astimezone().utcoffset() or timedelta()
    return [UTC] if word else [UTC, timezone(here)]


def _is_of_day(aside: Aside, match: re.Match[str]) -> bool:
    of_day = int(match["hour"]) * 3600 + int(match["minute"]) * 60 + int(match["second"] or 0)
    spread = 0.0 if match["second"] else 60.0
    here = datetime.fromtimestamp(aside.first, UTC).astimezone().utcoffset() or timedelta()
    begins = (aside.first - spread + offset.total_seconds() for offset in {timedelta(), here})
    return any((of_day - begin) % _DAY <= aside.last - aside.first + spread for begin in begins)


def _is_epoch(aside: Aside, match: re.Match[str]) -> bool:
    digits = match["digits"]
    return aside.is_moment(int(digits) / 10 ** (len(digits) - 10))


def _is_rate(aside: Aside, match: re.Match[str]) -> bool:
    return True


def _is_duration(aside: Aside, match: re.Match[str]) -> bool:
    unit = match["unit"]
    return aside.is_duration(float(match["amount"]) * _SECONDS["ms" if unit == "ms" else unit[0]])
