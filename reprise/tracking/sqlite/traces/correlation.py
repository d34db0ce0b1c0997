"""How often traces that meet one condition meet another one too."""

from __future__ import annotations

import json
from collections.abc import Sequence

from reprise.tracking import validation
from reprise.tracking.sqlite.rows import Connection, Verbs
from reprise.tracking.views import Correlation


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
    from reprise.tracking.sqlite.search.question import read
    from reprise.tracking.sqlite.search.searchable_traces import TRACES
    from reprise.tracking.sqlite.search.sql import Query, Sql

    scope = Sql("t.experiment IN (SELECT value FROM json_each(?))", (experiments,))
    searches = [read(Query(TRACES, scope, filter)) for filter in filters]
    conditions = [condition for search in searches for condition in search.conditions]
    text = " AND ".join(f"({condition.text})" for condition in conditions)
    bound = [value for condition in conditions for value in condition.values]
    row = connection.execute(f"SELECT count(*) FROM {TRACES.table} WHERE {text}", bound).fetchone()
    return int(row[0])
