"""The comparison itself: part by part, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from reprise.errors import RepriseError, TrackingError
from reprise.runner.record import LOG_ARTIFACT
from reprise.runner.verdict.artifacts import compare_artifacts, compare_logged_models, compare_output
from reprise.runner.verdict.environment import compare_environments
from reprise.runner.verdict.given import compare_inputs, compare_parameters
from reprise.runner.verdict.metrics import compare_series
from reprise.runner.verdict.models import Subject, compare_subject
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.source import compare_sources
from reprise.runner.verdict.values import (
    IDENTICAL,
    Finding,
    Part,
    Verdict,
    diverged,
    part,
    unknown,
    verdict,
)
from reprise.schemas import tags
from reprise.schemas.tolerance import EXACT, Tolerance


def compare_runs(a: Recorded, b: Recorded, tolerance: Tolerance, subject: Subject | None = None) -> Verdict:
    """The verdict on run ``b``, which is to have come out as ``a`` did.

    What cannot be read is a part that cannot be compared, never an error.
    """
    steps: tuple[tuple[str, Callable[[], Iterable[Part]]], ...] = (
        ("source", lambda: [part("source", "", compare_sources(a, b))]),
        ("environment", lambda: [part("environment", "", compare_environments(a, b))]),
        ("input", partial(compare_inputs, a, b)),
        ("parameter", partial(compare_parameters, a, b)),
        ("metric", partial(_metrics, a, b, tolerance)),
        ("artifact", partial(compare_artifacts, a, b, tolerance)),
        ("model", partial(compare_logged_models, a, b, tolerance)),
        ("predictions", lambda: [compare_subject(subject, a, b, tolerance)] if subject else []),
        ("output log", lambda: [part("output log", "", compare_output(a, b, tolerance, LOG_ARTIFACT))]),
        ("exit code", lambda: [part("exit code", "", _ends(a, b))]),
    )
    parts = [found for kind, step in steps for found in _attempted(kind, step)]
    decided = [
        found._replace(decides=found.decides and found.kind not in tolerance.ignore) for found in parts
    ]
    return verdict(a.run_id, b.run_id, tolerance, decided)


def _attempted(kind: str, step: Callable[[], Iterable[Part]]) -> Iterator[Part]:
    try:
        yield from step()
    except (RepriseError, OSError) as error:
        yield part(kind, "", unknown(f"it cannot be read: {error}"))


def _metrics(a: Recorded, b: Recorded, tolerance: Tolerance) -> Iterator[Part]:
    names = [*a.run.metrics, *(name for name in b.run.metrics if name not in a.run.metrics)]
    for name in sorted(names):
        closeness = tolerance.of_metric(name)
        yield part("metric", name, _series(a, b, name, tolerance), decides=closeness is not None)


def _series(a: Recorded, b: Recorded, name: str, tolerance: Tolerance) -> Finding:
    if name not in a.run.metrics or name not in b.run.metrics:
        there = a if name in a.run.metrics else b
        step = min((point.step for point in there.history(name)), default=0)
        return diverged(note="is missing" if there is a else "is new", step=step)
    try:
        one, other = a.history(name), b.history(name)
    except TrackingError as error:
        return unknown(f"it cannot be read: {error.message}")
    if not one or not other:
        return unknown("its points cannot be read")
    return compare_series(one, other, tolerance.of_metric(name) or EXACT)


def ended(run: Recorded) -> str:
    """``0, FINISHED``"""
    return f"{run.run.tags.get(tags.EXIT_CODE) or 'not recorded'}, {run.run.status}"


def _ends(a: Recorded, b: Recorded) -> Finding:
    for run in (a, b):
        if not run.has_ended:
            return unknown(f"run {run.run_id[:8]} is {run.run.status}")
    codes = [run.run.tags.get(tags.EXIT_CODE) for run in (a, b)]
    ends = [ended(run) for run in (a, b)]
    if a.run.status == b.run.status and None in codes:
        return unknown(f"the exit code of run {(a, b)[codes.index(None)].run_id[:8]} is not recorded")
    if ends[0] != ends[1]:
        return diverged(note=f"{ends[1]}; was {ends[0]}")
    return IDENTICAL._replace(note=ends[0])
