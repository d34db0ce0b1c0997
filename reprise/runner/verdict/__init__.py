"""The verdict: whether two runs came out the same, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reprise.runner.verdict.storing import store_verdict

if TYPE_CHECKING:
    from reprise.runner.verdict.mlmodel.models import Subject
    from reprise.runner.verdict.values import Verdict
    from reprise.schemas.tolerance import Tolerance
    from reprise.tracking.base import Tracking

__all__ = ["compare", "store_verdict"]


def compare(
    tracking: Tracking, original: str, again: str, tolerance: Tolerance, subject: Subject | None = None
) -> Verdict:
    """The verdict on the run ``again``, which is to have come out as ``original`` did.

    Args:
        subject: a model of ``original`` whose predictions are compared whatever its files say.

    Raises:
        TrackingError: there is no such run.
    """
    from reprise.runner.verdict.engine import compare_runs
    from reprise.runner.verdict.recorded import both

    with both(tracking, tracking.get_run(original), tracking.get_run(again)) as runs:
        return compare_runs(*runs, tolerance, subject)
