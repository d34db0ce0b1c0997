"""Clock readings in prose and in logs: they only count if the run was running at that time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from typing import TypeAlias

from reprise.runner.verdict.words.known_texts import Aside, mark_text

_DAY = 86400.0
_TIMES = (str, int, float, Decimal)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<name>(?:{'|'.join(_MONTHS)})[a-z]*\.?)"
_WEEKDAY = r"(?:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? +)?"
_TIME = (
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d{1,9})?)?"
    r"(?: ?(?P<half>[AaPp]\.?[Mm]\b\.?))?"
)
_ZONE = r"(?P<zone> ?(?:Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d\b))?"
_DATES = (
    r"(?<![\d.])(?P<year>\d{4})(?P<dash>[-/.]?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)(?!\d)",
    r"(?<![\d.])(?P<day>\d\d?)(?P<dash>[-/.])(?P<month>\d\d?)(?P=dash)(?P<year>\d{4})(?!\d)",
    r"(?<![\d.])(?P<month>\d\d?)(?P<dash>[-/])(?P<day>\d\d?)(?P=dash)(?P<year>\d{4})(?!\d)",
    rf"(?<![\w]){_WEEKDAY}(?P<day>\d\d?)(?:st|nd|rd|th)?[ /-]{_MONTH}[/-]?,? ?(?P<year>\d{{4}})(?!\d)",
    rf"(?<![\w]){_WEEKDAY}{_MONTH} +(?P<day>\d\d?)(?:st|nd|rd|th)?,? +(?P<year>\d{{4}})(?!\d)",
)
_SHORT_DATES = (
    r"(?<![\d.])(?P<year>\d\d)(?P<dash>[-/.])(?P<month>\d\d)(?P=dash)(?P<day>\d\d)(?!\d)",
    r"(?<![\d.])(?P<day>\d\d?)(?P<dash>[-/.])(?P<month>\d\d?)(?P=dash)(?P<year>\d\d)(?!\d)",
    r"(?<![\d.])(?P<month>\d\d?)(?P<dash>[-/])(?P<day>\d\d?)(?P=dash)(?P<year>\d\d)(?!\d)",
)
"""With two digits of the year they are dates only where a time follows."""
_BETWEEN = r"(?:[T_]|,? +(?:at +)?|:|-)"
_PACKED = (
    r"(?<!\d)(?P<year>\d{4})(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)(?:[T_-]?)"
    r"(?P<hour>\d\d)(?P<between>[-_h]?)(?P<minute>\d\d)(?:(?P=between)(?P<second>\d\d))?(?:Z|(?!\d))"
)
_ASCTIME = (
    rf"(?<!\w){_WEEKDAY}{_MONTH} +(?P<day>\d\d?) {_TIME}(?: [A-Z]{{3,4}})? (?P<year>\d{{4}})(?!\d)",
    rf"(?<!\w){_WEEKDAY}{_MONTH} +(?P<day>\d\d?) {_TIME}(?! \d{{4}}\b)",
)
_DASHED_TIME = r"(?<!\d)(?P<hour>\d\d)(?P<between>[-_.h])(?P<minute>\d\d)(?P=between)(?P<second>\d\d)(?!\d)"
_EPOCH = r"(?<![\d.])(?P<digits>\d{10}(?:\d{3}){0,3})(?P<fraction>\.\d+)?(?!\d|\.\d)"

Test: TypeAlias = Callable[[Aside, re.Match[str]], bool]
"""Whether what looks like a reading of a clock is one of this run's."""


def mark_clocks(text: str, aside: Aside, *, epochs: bool) -> str:
    """Return ``text`` with a mark for each date and time during the run.

    Args:
        epochs: seconds since 1970 count as a time, too.
    """
    for pattern, test in _compile_forms():
        text = pattern.sub(partial(_mark_match, test, aside), text)
    if epochs:
        text = _compile_pattern(_EPOCH).sub(partial(_mark_match, _is_epoch, aside), text)
    return text


def mark_times_of_day(name: str, aside: Aside) -> str:
    """``name``, that of a file, with a mark for each time of day that is written without colons."""
    return _compile_pattern(_DASHED_TIME).sub(partial(_mark_match, _is_of_day, aside), name)


@cache
def _compile_forms() -> tuple[tuple[re.Pattern[str], Test], ...]:
    """Dates with a time before dates alone, and those before times alone."""
    return tuple((re.compile(pattern, re.IGNORECASE), test) for pattern, test in _make_patterns())


@cache
def _compile_pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _make_patterns() -> Iterator[tuple[str, Test]]:
    for date in (*_DATES, *_SHORT_DATES):
        yield rf"{date}{_BETWEEN}{_TIME}{_ZONE}", _is_moment
    yield from ((pattern, _is_moment) for pattern in (*_ASCTIME, _PACKED))
    yield from ((pattern, _is_moment) for pattern in _DATES)
    yield rf"(?<![\d:.]){_TIME}(?![\d:])", _is_of_day


def _mark_match(test: Test, aside: Aside, match: re.Match[str]) -> str:
    try:
        return mark_text("clock") if test(aside, match) else match[0]
    except (ValueError, OverflowError, OSError):  # an invalid date
        return match[0]


def _is_moment(aside: Aside, match: re.Match[str]) -> bool:
    found = match.groupdict()
    hour = _parse_hour(match) if found.get("hour") else 0
    moment = datetime(
        _parse_year(aside, found.get("year")),
        _parse_month(found),
        int(found["day"]),
        hour,
        int(found.get("minute") or 0),
        int(found.get("second") or 0),
    )
    spread = 1.0 if found.get("second") else 60.0  # without seconds, all of that minute is meant
    if not found.get("hour"):
        spread = _DAY
    times = (
        (moment - offset).replace(tzinfo=UTC).timestamp() for offset in _find_offsets(aside, match, moment)
    )
    return any(aside.first - spread < seconds <= aside.last for seconds in times)


def _parse_year(aside: Aside, text: str | None) -> int:
    """Four digits, two of this century, or none: then it is the year in which the run began."""
    if text is None:
        return datetime.fromtimestamp(aside.first, UTC).year
    return int(text) + (2000 if len(text) == 2 else 0)


def _parse_month(found: dict[str, str | None]) -> int:
    if name := found.get("name"):
        return _MONTHS.index(name[:3].lower()) + 1
    return int(found["month"] or 0)


def _parse_hour(match: re.Match[str]) -> int:
    """Of a clock of 24 hours."""
    hour = int(match["hour"])
    half = match.groupdict().get("half")
    return hour if not half else hour % 12 + (12 if half[0] in "Pp" else 0)


def _find_offsets(aside: Aside, match: re.Match[str], moment: datetime) -> list[timedelta]:
    """Return the offset after the time, else that of the run."""
    word = (match.groupdict().get("zone") or "").strip().replace(":", "")
    if word and word[0] in "+-":
        sign = -1 if word[0] == "-" else 1
        return [sign * timedelta(hours=int(word[1:3]), minutes=int(word[3:5]))]
    return [timedelta()] if word else aside.possible_zones(moment)


def _is_of_day(aside: Aside, match: re.Match[str]) -> bool:
    """Return whether it is a time of day during the run; a one-digit hour is a duration."""
    if len(match["hour"]) == 1 and not match.groupdict().get("half"):
        return False
    of_day = _parse_hour(match) * 3600 + int(match["minute"]) * 60 + int(match["second"] or 0)
    if of_day >= _DAY or int(match["minute"]) > 59:
        return False
    spread = 1.0 if match["second"] else 60.0
    begin = datetime.fromtimestamp(aside.first, UTC)
    begins = (
        aside.first - spread + offset.total_seconds()
        for offset in aside.possible_zones(begin.replace(tzinfo=None))
    )
    return any((of_day - begin) % _DAY <= aside.seconds + spread for begin in begins)


def _is_epoch(aside: Aside, match: re.Match[str]) -> bool:
    digits = match["digits"]
    return aside.is_moment(int(digits) / 10 ** (len(digits) - 10))


def is_of_another_time(value: object, aside: Aside) -> bool:
    """Whether ``value`` is a date or a time outside of the run, give or take a day.

    Also False if it is not a time, or if the time of the run is not known.
    """
    seconds = _read_moment(str(value).strip()) if isinstance(value, _TIMES) else None
    if seconds is None or not aside.started:
        return False
    return not aside.first - _DAY <= seconds <= aside.last + _DAY


def _read_moment(text: str) -> float | None:
    """Seconds since the epoch; None for what is written in none of the forms that data has."""
    if number := _compile_pattern(_EPOCH).fullmatch(text):
        digits: str = number["digits"]
        return int(digits) / 10.0 ** (len(digits) - 10)
    try:
        moment = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
