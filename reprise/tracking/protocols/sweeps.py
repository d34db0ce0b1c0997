"""What pages of sweeps ask of a store: runs that others are nested in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from reprise.tracking.protocols.subjects import Subject, not_kept
from reprise.tracking.views import Best, Goal, RunsWindow


class SweepViews(Protocol):
    """The verbs of sweeps; a store may leave them out."""

    def going_on(self, *, limit: int) -> RunsWindow:
        """The active runs that are RUNNING, then the SCHEDULED, of all experiments; each newest first."""
        raise not_kept(Subject.SWEEPS)

    def sweeps(self, *, limit: int, offset: int = 0) -> RunsWindow:
        """The active runs that active ones are nested in, newest first."""
        raise not_kept(Subject.SWEEPS)

    def nested_counts(self, run_ids: Iterable[str]) -> Mapping[str, Mapping[str, int]]:
        """How many active runs are nested in each of these runs, by status; see :data:`CACHED`."""
        raise not_kept(Subject.SWEEPS)

    def nested_metrics(self, run_id: str) -> tuple[str, ...]:
        """The names of the metrics of the first runs that are nested in a run, without its machine's."""
        raise not_kept(Subject.SWEEPS)

    def best_nested(self, run_id: str, metric: str, goal: Goal) -> Best | None:
        """The best of the runs that are nested in a run, of equals the first; only numbers count."""
        raise not_kept(Subject.SWEEPS)
