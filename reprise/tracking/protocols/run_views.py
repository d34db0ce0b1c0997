"""What tables and charts of runs ask of a store, beyond the REST API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, Protocol

from reprise.schemas.entities import Run, ViewType
from reprise.tracking.views import Activity, Keys, MetricLine, RunOrder, StoreFigures


class RunViews(Protocol):
    """Orders, windows and lines of runs, for pages.

    A page shows a window of a long list at any place of it. So it gets the whole order at once, as row
    numbers, and then reads the runs of the window.
    """

    def metric_lines(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        *,
        most: int,
        since: Mapping[str, int] = MappingProxyType({}),
    ) -> list[MetricLine]:
        """At most ``most`` (> 4) points of each of these series, in the order of keys and runs.

        Of a key that has a time in ``since``: the last ``most`` that were logged at that time or later.
        """
        ...

    def metric_figures(self, run_id: str) -> Mapping[str, StoreFigures]:
        """Of each metric of a run; empty for a run of very many points, which would take long to count."""
        ...

    def metrics_with_lines(self, run_id: str) -> set[str]:
        """The metrics of a run that have two points or more."""
        ...

    def run_order(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view_type: ViewType = "ACTIVE_ONLY",
    ) -> RunOrder:
        """All runs that ``search_runs`` would find, page after page."""
        ...

    def runs_at(self, numbers: Iterable[int]) -> list[Run]:
        """Return the runs of these row numbers, in the same order, without removed runs."""
        ...

    def ids_at(self, numbers: Sequence[int]) -> list[str]:
        """Return the run ids of these row numbers, in the same order, without removed runs."""
        ...

    def has_nested(self, experiment_ids: Sequence[str]) -> bool:
        """Whether any run of these experiments is nested in another."""
        ...

    def run_number(self, run_id: str) -> int:
        """The row number of a run. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        ...

    def data_keys(self, experiment_ids: Sequence[str]) -> Keys:
        """What columns a table of these experiments can have."""
        ...

    def frequent_tags(self, experiment_ids: Sequence[str], key: str, most: int) -> dict[str, int]:
        """The values that a tag has in most of the active runs, and in how many; only short ones."""
        ...

    def known_values(
        self,
        experiment_ids: Sequence[str],
        kind: Literal["param", "tag"],
        key: str,
        beginning: str,
        most: int,
    ) -> list[str]:
        """Values of a param or tag that start so, in their order; only short ones."""
        ...

    def activity(self) -> dict[str, Activity]:
        """The activity of every experiment that has active runs, by experiment id."""
        ...

    def ids_from(self, start: str, most: int = 2) -> list[str]:
        """At most ``most`` of the run ids that begin with ``start``, of deleted runs too."""
        ...

    def metric_extremes(self, run_ids: Sequence[str]) -> dict[str, dict[str, tuple[float, float]]]:
        """The least and the largest value of each series of these runs, by run and key; NaN is neither."""
        ...

    def children(self, run_id: str) -> list[Run]:
        """The active runs that are nested in a run, oldest first."""
        ...

    def child_numbers(self, run_id: str) -> Sequence[int]:
        """The row numbers of the same runs."""
        ...

    def reproductions(self, run_id: str) -> list[Run]:
        """The active runs that perform a run again, newest first."""
        ...
