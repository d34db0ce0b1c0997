"""What a run cost, in texts: durations, rates and memory, where the words beside them say so."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from reprise.runner.verdict.words.known_texts import Aside, mark_text

KindOfField: TypeAlias = Callable[[str], str | None]
"""Why the values of a field do not decide, by its name; None where they do."""

_CORES = 64
"""How many times longer than the run a duration may be: the run may have parallel jobs."""

_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][+-]?\d+)?"
_UNITS = {
    1e-9: "ns nanosecond nanoseconds",
    1e-6: "us µs microsecond microseconds",
    1e-3: "ms msec msecs millis millisecond milliseconds",
    1.0: "s sec secs second seconds",
    60.0: "m min mins minute minutes",
    3600.0: "h hr hrs hour hours",
    86400.0: "d day days",
}
_SECONDS = {unit: seconds for seconds, units in _UNITS.items() for unit in units.split()}
_UNIT = "|".join(sorted(_SECONDS, key=len, reverse=True))
_PIECE = rf"{_NUMBER} ?(?:{_UNIT})"
_AMOUNT = re.compile(
    rf"(?<![\w.])(?:(?P<colons>(?:\d+ days?, )?\d{{1,3}}:\d\d(?::\d\d(?:\.\d+)?)?)(?![:\d])"
    rf"|(?P<duration>{_PIECE}(?:,? ?(?:and )?{_PIECE})*)(?!\w)"
    rf"|(?P<memory>{_NUMBER} ?(?:[kKMGT]i?B|[KMGT]|bytes|B))(?!\w)"
    rf"|(?P<bare>{_NUMBER}))(?!\w|\.\d)"
)
_WORK = (
    "it|iters?|iterations?|samples?|steps?|examples?|rows?|images?|imgs?|tokens?|tok|batch(?:es)?|items?|records?"
    "|requests?|req|epochs?|files?|lines?|docs?|sentences?|words?|frames?|trials?|[kKMGT]?i?B|bytes"
)
_RATE = re.compile(
    rf"(?<![\w.]){_NUMBER} ?[kKMGT]?(?:(?:{_WORK})(?:/| per )s(?:ec(?:ond)?)?"
    rf"|[mµu]?s(?:/| per )(?:{_WORK}))\b"
)
_PROGRESS = re.compile(
    # tqdm's, without the rest in the brackets; rich's; and that of Keras
    r"(?<=\[)\d+:\d\d(?::\d\d)?(?:<(?:\d+:\d\d(?::\d\d)?|\?))?, *(?:[\d.]+|\?) ?\w*/\w+(?=[,\]])"
    r"|\d+:\d\d:\d\d ?[•<] ?(?:\d+:\d\d:\d\d|-+:-+:-+)(?: ?•? ?[\d.]+ ?\w+/s)?"
    r"|(?<=\d )- \d+s(?= - )"
    r"|(?<=[━=#\]] )(?:- )?(?:ETA: *)?(?:\d+s|\d+:\d\d(?::\d\d)?)(?= |$)"
)
_TIMEDELTA = re.compile(r"(?<![\d:.])(?:\d+ days?, )?\d{1,3}:\d\d:\d\d\.\d{6}(?!\d)")
_FIELD = re.compile(
    r"(?<![\w.])((?:[A-Za-z_][\w.()/-]* ){0,3}[A-Za-z_][\w.()/-]*)[\"'`*|]*[ \t]*[:=|][ \t\"'`*(]*$"
)
_LIST = re.compile(
    r"(?<![\w.])([A-Za-z_]\w*(?:\.\.\.\w+)?)([\"'&;#\w]*\s*[:=]\s*(?:\w+\()?)\[[\d\s.,eE+-]*\]"
)
_SHORTENED = ("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time")
"""Names that scikit-learn shows as ``me...me`` where it shortens the results of a search."""
_SPOKEN = re.compile(
    r"\b(?:took|taken|takes|elapsed|lasted|spent|waited|slept|eta|remaining|left|runtime|walltime|real|user|sys"
    r"|times?|durations?|overhead\b.{0,30}\bwas|time taken\b.{0,24})"
    r"[ \t]*(?:[:=~(]|of|is|was|about)?[ \t]*$",
    re.IGNORECASE,
)
_WITHIN = re.compile(
    r"\b(?:done|finished|completed|ended|stopped|ran|fit|fitted|trained|evaluated|tested|validated|scored|predicted"
    r"|loaded|read|written|wrote|saved|dumped|built|compiled|installed|prepared|resolved|audited|downloaded|fetched"
    r"|computed|calculated|processed|preprocessed|generated|tokenized|encoded|collected|passed|failed|executed|started"
    r"|initiali[sz]ed|created|exported|converted|transformed|indexed|cached|uploaded|succeeded)\b"
    r".{0,60} (?:in|after|within)[ \t:]*$|(?:^|\s)--- $",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r" ?(?:elapsed|remaining|left)\b| ?(?:/|per) ?(?:step|epoch|iteration|it|iter|batch|sample|fit|fold)\b",
    re.IGNORECASE,
)
_TOTALS = frozenset({"total", "remaining", "eta", "elapsed", "took", "left", "spent", "user", "sys", "in"})
_MEMORY_BESIDE = re.compile(r"\b(?:memory|mem|rss|vram|ram|allocated|reserved)\b.{0,24}$", re.IGNORECASE)
_MEMORY_BEHIND = re.compile(
    r" (?:of )?(?:memory|ram|vram|rss|allocated|reserved|used|free)\b", re.IGNORECASE
)
_NEAR = 80  # characters before an amount that may say what it is


def mark_fields(text: str, kind_of_field: KindOfField) -> str:
    """``text`` with a mark for each number, or list of them, behind a name that says that it is a cost."""
    text = _LIST.sub(lambda match: _list_mark(match, kind_of_field), text)
    return _AMOUNT.sub(lambda match: _field_mark(match, kind_of_field) or match[0], text)


def mark_costs(text: str, aside: Aside, kind_of_field: KindOfField) -> str:
    """Return ``text``, a line of a log, with a mark for each duration, rate and use of memory."""
    text = _LIST.sub(lambda match: _list_mark(match, kind_of_field), text)
    text = _PROGRESS.sub(mark_text("progress"), text)
    text = _RATE.sub(mark_text("rate"), text)
    text = _TIMEDELTA.sub(mark_text("duration"), text)

    def mark_match(match: re.Match[str]) -> str:
        return _field_mark(match, kind_of_field) or _spoken_mark(match, aside) or match[0]

    return _AMOUNT.sub(mark_match, text)


def _list_mark(match: re.Match[str], kind_of_field: KindOfField) -> str:
    begin, dots, end = match[1].partition("...")
    whole = [name for name in _SHORTENED if dots and name.startswith(begin) and name.endswith(end)]
    kind = kind_of_field(whole[0] if whole else match[1])
    return f"{match[1]}{match[2]}{mark_text(kind, match[1])}" if kind else match[0]


def _field_mark(match: re.Match[str], kind_of_field: KindOfField) -> str | None:
    named = _FIELD.search(_text_before(match))
    kind = kind_of_field(named[1]) if named else None
    return mark_text(kind, named[1]) if named and kind else None


def _spoken_mark(match: re.Match[str], aside: Aside) -> str | None:
    before, behind = _text_before(match), match.string[match.end() : match.end() + _NEAR]
    if match["memory"]:
        is_memory = _MEMORY_BESIDE.search(before) or _MEMORY_BEHIND.match(behind)
        return mark_text("memory") if is_memory else None
    if match["bare"] and ("." not in match["bare"] or re.match(r" ?[\w%]", behind)):
        return None  # a count of something, more likely than seconds
    seconds = _read_seconds(match)
    if seconds > aside.seconds * _CORES:
        return None
    named = _FIELD.search(before)
    if named:
        return mark_text("duration") if named[1].lower() in _TOTALS else None
    is_spoken = _SPOKEN.search(before) or _WITHIN.search(before)
    if is_spoken or (match["duration"] and _AFTER.match(behind)):
        return mark_text("duration")
    return None


def _text_before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - _NEAR) : match.start()]


def _read_seconds(match: re.Match[str]) -> float:
    if match["bare"]:
        return float(match["bare"].replace(",", ""))
    if match["colons"]:
        days, _, clock = match["colons"].rpartition(", ")
        parts = [float(part) for part in clock.split(":")]
        seconds = sum(part * 60.0**place for place, part in enumerate(reversed(parts)))
        return seconds + (int(days.split()[0]) * 86400 if days else 0)
    pieces = re.findall(rf"({_NUMBER}) ?({_UNIT})", match["duration"])
    return sum((float(number.replace(",", "")) * _SECONDS[unit] for number, unit in pieces), 0.0)
