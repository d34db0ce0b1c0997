"""What a page of sweeps asks of the store: running and waiting runs, and the results of nested runs.

A sweep is a run that others are nested in, whatever made them: ``reprise sweep``, a pipeline, or a script.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from reprise.schemas import tags
from reprise.tracking.sqlite.rows import Verbs
from reprise.tracking.sqlite.run_rows import IN_IDS, read_runs
from reprise.tracking.views import CACHED, Best, Goal, RunsWindow

_GOING_ON = ("RUNNING", "SCHEDULED")  # which is their order in SQL, too
_ASKED = 50  # children whose metrics are read to list the available ones
_CHILDREN = "run_tag_sorted c CROSS JOIN run t ON t.id = c.run"  # in this order: the key finds few
_NESTED = f"c.key = '{tags.PARENT_RUN_ID}' AND t.lifecycle_stage = 'active'"


class SweepListing(Verbs):
    def going_on(self, *, limit: int) -> RunsWindow:
        """The active runs that are RUNNING, then the SCHEDULED, of all experiments; each newest first."""
        among = json.dumps(_GOING_ON)
        of_them = f"FROM run WHERE status {IN_IDS} AND lifecycle_stage = 'active'"
        with self._database.reading() as connection:
            total = connection.execute(f"SELECT count(*) {of_them}", (among,)).fetchone()[0]
            rows = connection.execute(
                f"SELECT id {of_them} ORDER BY status, start_time DESC, id DESC LIMIT ?", (among, limit)
            )
            return RunsWindow(read_runs(connection, [number for (number,) in rows]), total)

    def sweeps(self, *, limit: int, offset: int = 0) -> RunsWindow:
        """The active runs that active ones are nested in, newest first."""
        of_them = (
            "FROM run p WHERE p.lifecycle_stage = 'active'"
            f" AND p.run_id IN (SELECT c.value FROM {_CHILDREN} WHERE {_NESTED})"
        )
        with self._database.reading() as connection:
            total = connection.execute(f"SELECT count(*) {of_them}").fetchone()[0]
            rows = connection.execute(
                f"SELECT p.id {of_them} ORDER BY p.start_time DESC, p.id DESC LIMIT ? OFFSET ?",
                (limit, offset),
            )
            return RunsWindow(read_runs(connection, [number for (number,) in rows]), total)

    def nested_counts(self, run_ids: Iterable[str]) -> Mapping[str, Mapping[str, int]]:
        """How many active runs are nested in each of these runs, by status; see :data:`CACHED`."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT c.value, t.status,"
                " EXISTS (SELECT 1 FROM run_tag r WHERE r.owner = t.id AND r.key = ?), count(*)"
                f" FROM {_CHILDREN} WHERE {_NESTED} AND c.value {IN_IDS} GROUP BY 1, 2, 3",
                (tags.REUSES, json.dumps(list(run_ids))),
            )
            for parent, status, reuses, count in rows:
                found[parent][CACHED if reuses and status == "FINISHED" else status] += count
        return found

    def nested_metrics(self, run_id: str) -> tuple[str, ...]:
        """The names of the metrics of the first runs that are nested in a run, without its machine's."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT DISTINCT s.key FROM series s WHERE s.key NOT LIKE 'system/%' AND s.run IN"
                f" (SELECT c.run FROM {_CHILDREN} WHERE {_NESTED} AND c.value = ? AND EXISTS"
                " (SELECT 1 FROM series h WHERE h.run = t.id) LIMIT ?) ORDER BY s.key",
                (run_id, _ASKED),
            )
            return tuple(key for (key,) in rows)

    def best_nested(self, run_id: str, metric: str, goal: Goal) -> Best | None:
        """The best of the runs that are nested in a run, of equals the first; only numbers count."""
        with self._database.reading() as connection:
            row = connection.execute(
                f"SELECT t.id, s.value FROM {_CHILDREN} JOIN series s ON s.run = t.id AND s.key = ?"
                f" WHERE {_NESTED} AND c.value = ?"
                " AND typeof(s.value) != 'text' AND abs(s.value) < 9e999"
                f" ORDER BY s.value {'ASC' if goal == 'min' else 'DESC'}, t.start_time, t.id LIMIT 1",
                (metric, run_id),
            ).fetchone()
            return None if row is None else Best(read_runs(connection, [row[0]])[0], float(row[1]))
