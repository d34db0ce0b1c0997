"""The child runs of two runs: which is which, and how each pair compares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal, TypeAlias

from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.kinship import DRAWN_NAME, RunPair, pair_children, read_family
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import (
    CHILD_RUN,
    Agreement,
    ChildVerdict,
    Finding,
    Part,
    SetAside,
    make_diverged,
    make_part,
    worst_agreement,
)
from reprise.runner.verdict.words.names import mark_name
from reprise.schemas import tags
from reprise.schemas.entities import Run

_NAMED = 200  # children whose random names are looked for in texts; their ids always are


class Compared(NamedTuple):
    """What the comparison of two runs gives: ``children`` are those in which something is not identical.

    ``has_results``: metrics, artifacts or models of the runs or of their children decide;
    ``has_parameters``: parameters that the script logged do.
    """

    parts: tuple[Part, ...]
    children: tuple[ChildVerdict, ...] = ()
    has_results: bool = False
    has_parameters: bool = False


Comparison: TypeAlias = Callable[[Recorded, Recorded, Sequence[RunPair]], Compared]


def pair_descendants(a: Recorded, b: Recorded) -> tuple[RunPair, ...]:
    """The runs nested in both, at any depth; from here on ``a`` and ``b`` know the ids of their own.

    Raises:
        TrackingError: they cannot be read, or are too many.
    """
    families = [read_family(run.tracking, run.run) for run in (a, b)]
    plain = [partial(mark_name, aside=one.make_aside(other)) for one, other in ((a, b), (b, a))]
    pairs = pair_children(families[0], families[1], plain[0], plain[1])
    a.kin, b.kin = (dict(_kin_names(pairs, side, "")) for side in ("a", "b"))
    return pairs


def _kin_names(pairs: Sequence[RunPair], side: Literal["a", "b"], above: str) -> Iterator[tuple[str, str]]:
    """The texts that are of child runs, and what each is, in the same words for both runs."""
    for pair in pairs:
        if pair.a is None or pair.b is None:
            continue
        run: Run = getattr(pair, side)
        path = f"{above}{pair.name}"
        yield run.run_id, f"run id of {path}"
        if DRAWN_NAME.fullmatch(run.run_name) and len(pairs) <= _NAMED:
            yield run.run_name, f"run name of {path}"
        if job := run.tags.get(tags.JOB):
            yield job, f"job of {path}"
        for number, link in enumerate(run.model_outputs, 1):
            yield link.model_id.removeprefix("m-"), f"model id of {path} #{number}"
        yield from _kin_names(pair.children, side, f"{path}/")


def compare_children(a: Recorded, b: Recorded, pairs: Sequence[RunPair], compare: Comparison) -> Compared:
    """A part for each child; ``compare`` compares two runs whose children are paired already."""
    judged = [_judge_pair(a, b, pair, compare) for pair in pairs]
    parts = [*_compare_numbers(pairs), *(item.part for item in judged)]
    children = [item.verdict for item in judged if item.verdict is not None]
    return Compared(tuple(parts), tuple(children), any(item.has_results for item in judged))


def _compare_numbers(pairs: Sequence[RunPair]) -> Iterator[Part]:
    was = sum(pair.a is not None for pair in pairs)
    found = sum(pair.b is not None for pair in pairs)
    if was != found:
        yield make_part(CHILD_RUN, "", make_diverged(note=f"{found}, was {was}"))


class _Judged(NamedTuple):
    part: Part
    verdict: ChildVerdict | None = None
    has_results: bool = False


def _judge_pair(a: Recorded, b: Recorded, pair: RunPair, compare: Comparison) -> _Judged:
    if pair.a is None or pair.b is None:
        found = make_diverged(note="is new" if pair.a is None else "is missing")
        return _Judged(make_part(CHILD_RUN, pair.name, found))
    one, other = a.open_nested(pair.a), b.open_nested(pair.b)
    try:
        compared = compare(one, other, pair.children)
    finally:
        one.forget_files()
        other.forget_files()
    agreement, decisive = worst_agreement(compared.parts)
    place = decisive.place if decisive and agreement is not Agreement.IDENTICAL else ""
    note = decisive.note if decisive and place else ""
    found = Finding(agreement, place, note, set_aside=_set_aside(compared.parts))
    telling = tuple(
        item for item in compared.parts if item.agreement is not Agreement.IDENTICAL or not item.decides
    )
    verdict = ChildVerdict(
        pair.name, pair.a.run_id, pair.b.run_id, agreement, place, telling, compared.children
    )
    is_same = all(item.agreement is Agreement.IDENTICAL for item in compared.parts)
    return _Judged(
        make_part(CHILD_RUN, pair.name, found), None if is_same else verdict, compared.has_results
    )


def _set_aside(parts: Sequence[Part]) -> tuple[SetAside, ...]:
    return tuple(dict.fromkeys(aside for item in parts for aside in item.set_aside))
