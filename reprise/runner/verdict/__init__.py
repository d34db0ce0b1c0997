"""The verdict: whether two runs came out the same, part by part, and what differs between them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from reprise.errors import TrackingError, UsageError
from reprise.runner.verdict.storing import store_verdict

if TYPE_CHECKING:
    from reprise.runner.verdict.changes import RunDifferences
    from reprise.runner.verdict.mlmodel.models import ModelSubject
    from reprise.runner.verdict.values import Verdict
    from reprise.schemas.entities import Run
    from reprise.schemas.tolerance import Tolerance
    from reprise.tracking.base import Tracking

__all__ = ["compare_runs", "diff_runs", "store_verdict", "verify_runs"]

log = logging.getLogger(__name__)


def compare_runs(
    tracking: Tracking, original: str, again: str, tolerance: Tolerance, subject: ModelSubject | None = None
) -> Verdict:
    """Return the verdict on the run ``again`` compared with ``original``.

    Args:
        subject: a model of ``original`` whose predictions are compared whatever its files say.

    Raises:
        TrackingError: there is no such run.
    """
    from reprise.runner.verdict.engine import compare_recorded
    from reprise.runner.verdict.recorded import open_both

    with open_both(tracking, tracking.get_run(original), tracking.get_run(again)) as runs:
        return compare_recorded(*runs, tolerance, subject)


def verify_runs(tracking: Tracking, a: str, b: str, tolerance: Tolerance) -> Verdict:
    """Return the verdict on the runs ``a`` and ``b``; store it with the second if possible.

    Raises:
        UsageError: there is no such run, or both are the same one.
    """
    original, again = (run.run_id for run in _find_two(tracking, a, b))
    verdict = compare_runs(tracking, original, again, tolerance)
    try:
        store_verdict(tracking, original, again, verdict)
    except TrackingError as error:  # of a deleted run, or a store that is only read
        log.warning("The verdict could not be stored with the runs: %s", error.message)
    return verdict


def diff_runs(tracking: Tracking, a: str, b: str, *, everything: bool = False) -> RunDifferences:
    """Return the differences between the runs ``a`` and ``b``; with ``everything`` also what is the same.

    Raises:
        UsageError: there is no such run, or both are the same one.
    """
    from reprise.runner.verdict.changes import find_changes, only_differences
    from reprise.runner.verdict.engine import compare_recorded
    from reprise.runner.verdict.recorded import open_both
    from reprise.schemas.tolerance import Tolerance

    with open_both(tracking, *_find_two(tracking, a, b)) as (one, other):
        compared = find_changes(one, other, compare_recorded(one, other, Tolerance()).parts)
    return compared if everything else only_differences(compared)


def _find_two(tracking: Tracking, a: str, b: str) -> tuple[Run, Run]:
    from reprise.runner.jobs.find import find_run

    runs = find_run(tracking, a), find_run(tracking, b)
    if runs[0].run_id == runs[1].run_id:
        raise UsageError(f"both are run {runs[0].run_id}", hint="give two runs")
    return runs
