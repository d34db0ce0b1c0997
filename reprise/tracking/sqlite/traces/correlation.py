"""How often traces that meet one condition meet another one too."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from reprise.named_tuple import NamedTuple
from reprise.tracking import validation
from reprise.tracking.sqlite.rows import Connection, Verbs

_PRIOR = 0.5
"""Added to each count, so that few traces do not make a certainty (Jeffreys' prior)."""


class Correlation(NamedTuple):
    """Counts of traces, and their normalised pointwise mutual information.

    That is -1 where the two never meet, 0 where they meet by chance, 1 where they always do; NaN where
    nothing is known.
    """

    total: int
    first: int
    second: int
    both: int

    @property
    def npmi(self) -> float:
        if not self._is_known:
            return math.nan
        return -1.0 if self.both == 0 else self._npmi(0.0)

    @property
    def smoothed(self) -> float:
        return self._npmi(_PRIOR) if self._is_known else math.nan

    @property
    def _is_known(self) -> bool:
        return min(self.total, self.first, self.second) > 0

    def _npmi(self, added: float) -> float:
        total = self.total + 4 * added
        both = (self.both + added) / total
        first, second = ((count + 2 * added) / total for count in (self.first, self.second))
        if both == 1:
            return 1.0
        return max(-1.0, min(1.0, math.log(both / (first * second)) / -math.log(both)))


class TraceCorrelation(Verbs):
    def correlate_traces(
        self, experiment_ids: Sequence[str], first: str, second: str, *, among: str = ""
    ) -> Correlation:
        """Compare two filters over the traces that meet ``among``."""
        numbers = json.dumps([validation.experiment_id(text) for text in experiment_ids])

        def count(connection: Connection, *filters: str) -> int:
            return _count(connection, numbers, (among, *filters))

        with self._database.reading() as connection:
            return Correlation(
                total=count(connection),
                first=count(connection, first),
                second=count(connection, second),
                both=count(connection, first, second),
            )


def _count(connection: Connection, experiments: str, filters: Sequence[str]) -> int:
    """The traces that meet each filter by itself: two of them may be about different spans."""
    from reprise.tracking.search.question import read
    from reprise.tracking.search.searchable_traces import TRACES
    from reprise.tracking.search.sql import Query, Sql

    scope = Sql("t.experiment IN (SELECT value FROM json_each(?))", (experiments,))
    searches = [read(Query(TRACES, scope, filter)) for filter in filters]
    conditions = [condition for search in searches for condition in search.conditions]
    text = " AND ".join(f"({condition.text})" for condition in conditions)
    bound = [value for condition in conditions for value in condition.values]
    row = connection.execute(f"SELECT count(*) FROM {TRACES.table} WHERE {text}", bound).fetchone()
    return int(row[0])
