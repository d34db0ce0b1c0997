"""The comparison itself: part by part, and child runs as their parents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from reprise.errors import RepriseError, TrackingError
from reprise.runner.verdict import deciding_parts
from reprise.runner.verdict.artifacts import compare_artifacts, compare_logged_models
from reprise.runner.verdict.causes import find_causes, find_reservations
from reprise.runner.verdict.children import Compared, compare_children, pair_descendants
from reprise.runner.verdict.environment import compare_environments
from reprise.runner.verdict.folding import fold_reads, fold_reads_of_child
from reprise.runner.verdict.kinship import RunPair
from reprise.runner.verdict.metrics import compare_series
from reprise.runner.verdict.mlmodel.models import ModelSubject, compare_subject
from reprise.runner.verdict.output import compare_output
from reprise.runner.verdict.own_tags import compare_own_tags
from reprise.runner.verdict.parameters_inputs import compare_inputs, compare_parameters, is_declared
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.source import compare_sources
from reprise.runner.verdict.values import (
    CHILD_RUN,
    IDENTICAL,
    OUTPUT_LOG,
    REPRODUCED,
    Finding,
    Part,
    Verdict,
    make_diverged,
    make_part,
    make_unknown,
    set_aside,
    worst_agreement,
)
from reprise.schemas import tags
from reprise.schemas.tolerance import IGNORED, Tolerance

_RESULTS = ("metric", "artifact", "model", "predictions")
"""What a script computes; parameters and tags may be the same whatever it does."""

_Steps: TypeAlias = Sequence[tuple[str, Callable[[], Iterable[Part]]]]


def compare_recorded(
    a: Recorded, b: Recorded, tolerance: Tolerance, subject: ModelSubject | None = None
) -> Verdict:
    """The verdict on run ``b``, which is to have come out as ``a`` did.

    What cannot be read is a part that cannot be compared, never an error.
    """
    pairs, unread = _pair_children(a, b)
    failed = all(run.has_failed for run in (a, b))
    rules = deciding_parts.with_output_log(tolerance) if failed else tolerance
    found, reason = _compare_families(a, b, pairs, rules, subject), ""
    if not found.has_results and not deciding_parts.kind_decides(OUTPUT_LOG, rules):
        others, reason = deciding_parts.rules_without_results(found, rules)
        found = _compare_families(a, b, pairs, others, subject) if others != rules else found
    parts = (*found.parts, *unread)
    agreement, decisive = worst_agreement(parts)
    if agreement in REPRODUCED:
        parts = fold_reads(parts)
    return Verdict(
        a.run_id,
        b.run_id,
        agreement,
        decisive.place if decisive and agreement not in REPRODUCED else "",
        tolerance,
        parts,
        failed,
        reservations=(*find_reservations(a, b), *((reason,) if reason else ())),
        causes=() if agreement in REPRODUCED else find_causes(a, b, parts, found.children),
        children=tuple(map(fold_reads_of_child, found.children)),
    )


def _pair_children(a: Recorded, b: Recorded) -> tuple[Sequence[RunPair], tuple[Part, ...]]:
    try:
        return pair_descendants(a, b), ()
    except (RepriseError, OSError) as error:
        return (), (make_part(CHILD_RUN, "", make_unknown(f"they cannot be read: {error}")),)


def _compare_families(
    a: Recorded,
    b: Recorded,
    pairs: Sequence[RunPair],
    rules: Tolerance,
    subject: ModelSubject | None = None,
    *,
    beside: tuple[Recorded, Recorded] | None = None,
) -> Compared:
    """Two runs with their children; ``beside`` are the runs that they are nested in."""

    def compare_below(one: Recorded, other: Recorded, below: Sequence[RunPair]) -> Compared:
        return _compare_families(one, other, below, rules, beside=(a, b))

    children = compare_children(a, b, pairs, compare_below)
    performed = beside is None or bool(a.record or b.record)  # and not opened by a script
    steps: _Steps = (
        *(_what_went_in(a, b, beside) if performed else ()),
        ("parameter", partial(compare_parameters, a, b, rules)),
        ("metric", partial(_compare_metrics, a, b, rules)),
        ("artifact", partial(compare_artifacts, a, b, rules)),
        ("model", partial(compare_logged_models, a, b, rules)),
        ("predictions", lambda: [compare_subject(subject, a, b, rules)] if subject else []),
        ("tag", partial(compare_own_tags, a, b, rules)),
        (CHILD_RUN, lambda: children.parts),
        ("exit code", lambda: [make_part("exit code", "", _compare_ends(a, b, performed=performed))]),
        (OUTPUT_LOG, lambda: [make_part(OUTPUT_LOG, "", compare_output(a, b, rules))] if performed else []),
    )
    parts = [item for kind, step in steps for item in _attempt_step(kind, step)]
    parts = [
        item._replace(decides=item.decides and deciding_parts.kind_decides(item.kind, rules))
        for item in parts
    ]
    decided = [item for item in parts if item.decides]
    return Compared(
        tuple(parts),
        children.children,
        children.has_results or any(item.kind in _RESULTS for item in decided),
        any(item.kind == "parameter" and not is_declared(item.name, a, b) for item in decided),
    )


def _what_went_in(a: Recorded, b: Recorded, beside: tuple[Recorded, Recorded] | None) -> _Steps:
    """The source of a step that is of its parent's project is its parent's."""
    steps: _Steps = (
        ("environment", lambda: [make_part("environment", "", compare_environments(a, b))]),
        ("input", partial(compare_inputs, a, b)),
    )
    if beside and a.has_project_of(beside[0]) and b.has_project_of(beside[1]):
        return steps
    return ("source", lambda: [make_part("source", "", compare_sources(a, b))]), *steps


def _attempt_step(kind: str, step: Callable[[], Iterable[Part]]) -> Iterator[Part]:
    try:
        yield from step()
    except (RepriseError, OSError) as error:
        yield make_part(kind, "", make_unknown(f"it cannot be read: {error}"))


def _compare_metrics(a: Recorded, b: Recorded, rules: Tolerance) -> Iterator[Part]:
    for name in sorted({*a.run.metrics, *b.run.metrics}):
        kind = rules.kind_of_metric(name)
        if kind == IGNORED:
            yield make_part("metric", name, _compare_metric(a, b, name, rules), decides=False)
        elif kind:
            yield make_part("metric", name, set_aside(kind, name))
        else:
            yield make_part("metric", name, _compare_metric(a, b, name, rules))


def _compare_metric(a: Recorded, b: Recorded, name: str, rules: Tolerance) -> Finding:
    if name not in a.run.metrics or name not in b.run.metrics:
        there = a if name in a.run.metrics else b
        step = min((point.step for point in there.metric_history(name)), default=0)
        return make_diverged(note="is missing" if there is a else "is new", step=step)
    try:
        one, other = a.metric_history(name), b.metric_history(name)
    except TrackingError as error:
        return make_unknown(f"it cannot be read: {error.message}")
    if not one or not other:
        return make_unknown("its points cannot be read")
    return compare_series(one, other, rules.of_metric(name))


def describe_end(run: Recorded) -> str:
    """``0, FINISHED``"""
    return f"{run.run.tags.get(tags.EXIT_CODE) or 'not recorded'}, {run.run.status}"


def _compare_ends(a: Recorded, b: Recorded, *, performed: bool) -> Finding:
    """The exit codes and the status; the status alone of runs that a script opened, and may leave open."""
    if not performed:
        same = a.run.status == b.run.status
        return IDENTICAL if same else make_diverged(note=f"{b.run.status}; was {a.run.status}")
    for run in (a, b):
        if not run.has_ended:
            return make_unknown(f"run {run.run_id[:8]} is {run.run.status}")
    codes = [run.run.tags.get(tags.EXIT_CODE) for run in (a, b)]
    ends = [describe_end(run) for run in (a, b)]
    if a.run.status == b.run.status and None in codes:
        return make_unknown(f"the exit code of run {(a, b)[codes.index(None)].run_id[:8]} is not recorded")
    if ends[0] != ends[1]:
        return make_diverged(note=f"{ends[1]}; was {ends[0]}")
    return IDENTICAL._replace(note=ends[0])
