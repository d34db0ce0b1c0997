"""The importance of params for a metric, estimated from runs, with notes on its reliability.

Runs are ranked by the metric, so that outliers do not dominate; a forest learns the ranks from the params
(:mod:`reprise.ui.compare.forest`). Deterministic: the same runs give the same result.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from reprise.named_tuple import NamedTuple
from reprise.ui.compare.forest import examine
from reprise.ui.numbers import all_finite

FEW = 10
"""With fewer runs an importance is little more than a guess."""

LEAST = 4
_MOST = 300  # params that are used
_TIMES = 6  # orders of categories
_DECADES = 2.0  # a param with a larger span is used by its logarithm
_CLEAR = 0.3  # minimum rank correlation with a direction
_MISSING = -0.1  # the value of a run without the param, outside 0 to 1


class Param(NamedTuple):
    """A param. ``share`` is its part of :attr:`Importance.explained`; ``correlation`` is Spearman's, None
    for text.

    ``alike`` are params with the same information in these runs: which of them matters cannot be known.
    """

    name: str
    share: float
    direction: str
    correlation: float | None
    values: int
    alike: tuple[str, ...] = ()


class Importance(NamedTuple):
    """The result. ``explained`` is the predicted share of the ranking of held-out runs, 0 to 1.

    ``doubts`` are sentences on its reliability, or why there is no result; ``constant`` counts params that
    do not vary.
    """

    params: tuple[Param, ...]
    explained: float
    runs: int
    constant: int
    doubts: tuple[str, ...]


class _Column(NamedTuple):
    """A param in all runs: ``places`` of numbers between 0 and 1, or ``texts``."""

    name: str
    texts: tuple[str | None, ...]
    places: tuple[float | None, ...] | None


def importance(params: Sequence[Mapping[str, str]], metric: Sequence[float | None]) -> Importance:
    """Return the importance of each param for ``metric``; both are by run, None for a run without the
    metric.
    """
    there = [at for at, value in enumerate(metric) if value is not None and math.isfinite(value)]
    chosen = [params[at] for at in there]
    ranked = _ranks([metric[at] or 0.0 for at in there])
    names = sorted({name for one in chosen for name in one})
    columns = [_column(name, chosen) for name in names]
    varying = [column for column in columns if len(set(column.texts)) > 1]
    groups = _alike(varying[:_MOST])
    doubts = _doubts(len(there), len(metric), len(varying))
    constant = len(columns) - len(varying)
    nothing = ""
    if not groups:
        nothing = "No param varies among these runs."
    elif len(set(ranked)) == 1:
        nothing = "This metric is the same in all of these runs."
    if nothing or len(there) < LEAST:
        told = (*doubts, nothing) if nothing and len(there) >= LEAST else doubts
        return Importance((), 0.0, len(there), constant, told)
    found = examine(_codings([group[0] for group in groups]), ranked)
    explained = min(max(found.explained, 0.0), 1.0)
    gains = [max(gain, 0.0) for gain in found.worse]
    total = sum(gains) or 1.0
    judged = sorted(zip(gains, groups, strict=True), key=lambda one: (-one[0], one[1][0].name))
    found_out = tuple(_param(group, explained * gain / total, ranked) for gain, group in judged)
    if explained < 0.1:
        doubts = (
            *doubts,
            "The params hardly explain this metric: the results below may be chance.",
        )
    return Importance(found_out, explained, len(there), constant, doubts)


def _alike(columns: Sequence[_Column]) -> list[list[_Column]]:
    """Return groups of columns with the same information; numeric columns come first.

    Such columns share their importance, so that a third column would look larger than both.
    """
    groups: dict[tuple[float, ...], list[_Column]] = defaultdict(list)
    for column in sorted(columns, key=lambda column: column.places is None):
        groups[_division(column)].append(column)
    return [*groups.values()]


def _division(column: _Column) -> tuple[float, ...]:
    """Return which runs a column distinguishes, with the order of its numbers if it distinguishes most
    runs.
    """
    values: Sequence[float | str | None] = column.places or column.texts
    known: dict[float | str | None, int] = {}
    division = tuple(known.setdefault(value, len(known)) for value in values)
    if column.places is None or 2 * len(known) <= len(values):
        return division
    ranks = _ranks([_MISSING if place is None else place for place in column.places])
    turned = [len(ranks) - 1 - rank for rank in ranks]
    return (-1.0, *min(ranks, turned))


def _doubts(there: int, asked: int, varying: int) -> tuple[str, ...]:
    found = []
    if there < LEAST:
        found.append(
            f"At least {LEAST} runs with a finite value of this metric are needed; there are {there}."
        )
    elif there < FEW:
        found.append(f"These are only {there} runs: take it as a hint. Use {FEW} or more runs.")
    if LEAST <= there < 2 * varying:
        found.append(
            f"There are {varying} params that vary and only {there} runs:"
            " some may look important by chance."
        )
    if there < asked:
        left_out = "1 run is" if asked - there == 1 else f"{asked - there} runs are"
        found.append(f"{left_out} left out, without a finite value of this metric.")
    if varying > _MOST:
        found.append(f"Only the first {_MOST} of {varying} params, by name, are used.")
    return tuple(found)


def _column(name: str, params: Sequence[Mapping[str, str]]) -> _Column:
    texts = tuple(one.get(name) for one in params)
    numbers = all_finite(texts)
    return _Column(name, texts, None if numbers is None else _placed(numbers))


def _placed(numbers: Sequence[float | None]) -> tuple[float | None, ...]:
    """Return numbers scaled to 0 to 1, by logarithms if all are positive and span decades."""
    there = [number for number in numbers if number is not None]
    if there and min(there) > 0 and math.log10(max(there)) - math.log10(min(there)) > _DECADES:
        numbers = [None if number is None else math.log10(number) for number in numbers]
        there = [number for number in numbers if number is not None]
    lowest = min(there, default=0.0)
    span = (max(there, default=0.0) - lowest) or 1.0
    if math.isinf(span):
        order = sorted(set(there))
        lowest, span = 0.0, float(len(order))
        numbers = [None if number is None else float(order.index(number)) for number in numbers]
    return tuple(None if number is None else (number - lowest) / span for number in numbers)


def _codings(columns: Sequence[_Column]) -> list[list[list[float]]]:
    """Return the columns as numbers; categories have no order, so each call uses a different one."""
    chance = random.Random(11)
    times = _TIMES if any(column.places is None for column in columns) else 1
    return [[_coded(column, chance) for column in columns] for _ in range(times)]


def _coded(column: _Column, chance: random.Random) -> list[float]:
    if column.places is not None:
        return [_MISSING if place is None else place for place in column.places]
    words = sorted({text for text in column.texts if text is not None})
    order: dict[str | None, float] = {
        word: float(at) for at, word in enumerate(chance.sample(words, len(words)))
    }
    return [order.get(text, -1.0) for text in column.texts]


def _param(group: Sequence[_Column], share: float, ranked: Sequence[float]) -> Param:
    column, *others = group
    alike = tuple(other.name for other in others)
    values = len({text for text in column.texts if text is not None})
    if column.places is None:
        return Param(column.name, share, _highest(column.texts, ranked), None, values, alike)
    pairs = [(place, rank) for place, rank in zip(column.places, ranked, strict=True) if place is not None]
    correlation = _spearman(pairs)
    return Param(column.name, share, _direction(correlation), correlation, values, alike)


def _direction(correlation: float | None) -> str:
    if correlation is None or abs(correlation) < _CLEAR:
        return "no clear direction"
    return f"the larger, the {'higher' if correlation > 0 else 'lower'}"


def _highest(texts: Sequence[str | None], ranked: Sequence[float]) -> str:
    """Return the category with the highest mean rank that has more than one run."""
    found: dict[str, list[float]] = defaultdict(list)
    for text, rank in zip(texts, ranked, strict=True):
        if text is not None:
            found[text].append(rank)
    several = {text: fmean(ranks) for text, ranks in found.items() if len(ranks) > 1}
    if len(several) < 2:
        return "no clear direction"
    return f"highest with {max(sorted(several), key=several.__getitem__)}"


def _spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return the rank correlation, or None for fewer than three pairs or a side that does not vary."""
    if len(pairs) < 3:
        return None
    one, other = (_ranks([pair[side] for pair in pairs]) for side in (0, 1))
    mean = fmean(one)
    over = sum((a - mean) * (b - mean) for a, b in zip(one, other, strict=True))
    under = math.sqrt(sum((a - mean) ** 2 for a in one) * sum((b - mean) ** 2 for b in other))
    return over / under if under else None


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, from 0; equal values share their mean rank."""
    places: dict[float, list[int]] = defaultdict(list)
    for rank, value in enumerate(sorted(values)):
        places[value].append(rank)
    return [(places[value][0] + places[value][-1]) / 2 for value in values]
