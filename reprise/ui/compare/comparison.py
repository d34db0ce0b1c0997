"""Runs side by side: attributes, params, metrics and tags as rows, with differences and best values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from reprise.named_tuple import NamedTuple
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.tracking.views import Goal
from reprise.ui.html import lasted, moment, number
from reprise.ui.numbers import all_finite, natural
from reprise.ui.runs.metric_goals import goal_of

_MOST_ROWS = 400  # rows of a section
_MOST_CELLS = 30_000  # cells of a section, if there are many runs

_WIDTHS = {"narrow": 9, "middle": 14, "wide": 24, "widest": math.inf}
"""Widths of columns by the number of characters that fit."""

Extremes = Mapping[str, Mapping[str, tuple[float, float]]]
"""Minimum and maximum of a metric, by run and key."""

_AS_ATTRIBUTES = {
    tags.USER,
    tags.RUN_NAME,
    tags.SOURCE_NAME,
    tags.GIT_COMMIT,
    tags.DIRTY,
    tags.ENTRY_POINT,
}


class WantedRows(NamedTuple):
    """The options of the reader; ``flipped`` are metrics whose guessed goal is wrong.

    ``baseline`` is the index of the baseline run, or None.
    """

    only_differences: bool = False
    flipped: frozenset[str] = frozenset()
    search: str = ""
    baseline: int | None = None


class Cell(NamedTuple):
    """A value of a run; ``text`` is None if the run has none. ``change`` is the difference from the
    baseline.
    """

    text: str | None
    is_best: bool = False
    change: str = ""


class ComparisonRow(NamedTuple):
    """A row; only metrics have a ``goal``."""

    name: str
    cells: tuple[Cell, ...]
    differs: bool
    is_numeric: bool = False
    goal: Goal | None = None

    @property
    def width(self) -> str:
        """The width of its column if runs are rows: a class of compare.css."""
        texts = (len(cell.text or "") + len(cell.change) + 2 * cell.is_best for cell in self.cells)
        longest = max([len(self.name) + 2, *texts])
        return next(name for name, most in _WIDTHS.items() if longest <= most)


class ComparisonSection(NamedTuple):
    """Rows with a title; hidden are ``equal`` rows without differences, and ``beyond`` rows above the
    limit.
    """

    title: str
    rows: tuple[ComparisonRow, ...]
    equal: int = 0
    beyond: int = 0


def sections(
    runs: Sequence[Run],
    wanted: WantedRows,
    extremes: Extremes | None = None,
    experiments: Mapping[str, str] = MappingProxyType({}),
) -> tuple[ComparisonSection, ...]:
    """Return the sections of the table; with ``extremes``, metrics show the best value of each series.

    ``experiments`` maps experiment ids to names.
    """
    return tuple(
        _section(title, rows, wanted, min(_MOST_ROWS, _MOST_CELLS // max(len(runs), 1)))
        for title, rows in (
            ("Params", _texts(runs, lambda run: run.params, wanted)),
            ("Metrics", _metrics(runs, wanted, extremes)),
            ("Run", _attributes(runs, experiments)),
            ("Tags", _texts(runs, _own_tags, wanted)),
        )
    )


def _section(title: str, rows: Iterable[ComparisonRow], wanted: WantedRows, most: int) -> ComparisonSection:
    sought = wanted.search.lower()
    found = [row for row in rows if sought in row.name.lower()]
    kept = [row for row in found if row.differs] if wanted.only_differences else found
    shown = kept[:most]
    return ComparisonSection(title, tuple(shown), len(found) - len(kept), len(kept) - len(shown))


def _attributes(runs: Sequence[Run], experiments: Mapping[str, str]) -> Iterable[ComparisonRow]:
    facts: tuple[tuple[str, Callable[[Run], str | None]], ...] = (
        ("status", lambda run: run.status.lower()),
        ("started", lambda run: moment(run.start_time)),
        ("duration", lambda run: lasted(run.start_time, run.end_time) or None),
        ("user", lambda run: run.user_id or None),
        ("source", lambda run: run.tags.get(tags.SOURCE_NAME)),
        ("entry point", lambda run: run.tags.get(tags.ENTRY_POINT)),
        ("commit", _commit),
        ("experiment", lambda run: experiments.get(run.experiment_id, run.experiment_id)),
    )
    for name, fact in facts:
        yield _row(name, [fact(run) for run in runs])


def _commit(run: Run) -> str | None:
    commit = run.tags.get(tags.GIT_COMMIT)
    if commit is None:
        return None
    return f"{commit[:12]} with uncommitted changes" if run.tags.get(tags.DIRTY) == "true" else commit[:12]


def _own_tags(run: Run) -> Mapping[str, str]:
    return {key: value for key, value in run.tags.items() if key not in _AS_ATTRIBUTES}


def _texts(
    runs: Sequence[Run], of: Callable[[Run], Mapping[str, str]], wanted: WantedRows
) -> Iterable[ComparisonRow]:
    found = [of(run) for run in runs]
    for name in _names(found):
        values = [one.get(name) for one in found]
        numbers = all_finite(values)
        changes = _changes(values, numbers or [None] * len(values), wanted.baseline)
        yield _row(name, values, changes, is_numeric=numbers is not None)


def _metrics(runs: Sequence[Run], wanted: WantedRows, extremes: Extremes | None) -> Iterable[ComparisonRow]:
    for name in _names([run.metrics for run in runs]):
        goal = goal_of(name)
        if name in wanted.flipped:
            goal = "max" if goal == "min" else "min"
        values = [_value(run, name, goal, extremes) for run in runs]
        texts = [None if value is None else number(value) for value in values]
        changes = _changes(texts, values, wanted.baseline)
        yield _row(name, texts, changes, _best(values, goal), is_numeric=True, goal=goal)


def _value(run: Run, name: str, goal: Goal, extremes: Extremes | None) -> float | None:
    if extremes is not None and (found := extremes.get(run.run_id, {}).get(name)):
        return found[goal == "max"]
    metric = run.metrics.get(name)
    return None if metric is None else metric.value


def _best(values: Sequence[float | None], goal: Goal) -> frozenset[int]:
    """Return the indices of the best value, if there are at least two values."""
    there = {value for value in values if value is not None and not math.isnan(value)}
    if len(there) < 2:
        return frozenset()
    best = min(there) if goal == "min" else max(there)
    return frozenset(at for at, value in enumerate(values) if value == best)


def _changes(
    texts: Sequence[str | None], numbers: Sequence[float | None], baseline: int | None
) -> list[str]:
    if baseline is None:
        return [""] * len(texts)
    return [_change(texts[baseline], numbers[baseline], *pair) for pair in zip(texts, numbers, strict=True)]


def _change(base: str | None, base_number: float | None, text: str | None, value: float | None) -> str:
    """Return ``+0.05``, or ``≠`` if one is not a number, or "" for equal values."""
    if text == base:
        return ""
    if value is None or base_number is None or not math.isfinite(value - base_number):
        return "≠"
    difference = value - base_number
    return f"{difference:+.4g}" if difference else ""


def _row(
    name: str,
    texts: Sequence[str | None],
    changes: Sequence[str] = (),
    best: frozenset[int] = frozenset(),
    *,
    is_numeric: bool = False,
    goal: Goal | None = None,
) -> ComparisonRow:
    cells = tuple(Cell(text, at in best, changes[at] if changes else "") for at, text in enumerate(texts))
    return ComparisonRow(name, cells, len(set(texts)) > 1, is_numeric, goal)


def _names(found: Sequence[Mapping[str, object]]) -> list[str]:
    return sorted({name for one in found for name in one}, key=natural)
