"""What a table of runs asks of the store, beyond the REST API: all of a search's order, keys, counts, news.

A page shows a window at any place of a long list. So it gets the whole order at once, as row numbers, and
then reads the runs of the window.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Literal

from reprise.schemas import tags
from reprise.schemas.entities import Run, ViewType
from reprise.tracking import validation
from reprise.tracking.sqlite.rows import Connection, Verbs, stages
from reprise.tracking.sqlite.run_rows import read_runs, run_row
from reprise.tracking.views import Activity, Keys, RunOrder

ALL_OF_THEM = 1 << 40
_HELD = 100  # characters of a value that the sorted tables hold: a value of so many may be longer
_LEAPS = 200  # values that are looked at for those that begin with a text


class RunListing(Verbs):
    def run_order(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view_type: ViewType = "ACTIVE_ONLY",
    ) -> RunOrder:
        """All runs that ``search_runs`` would find, page after page."""
        from reprise.tracking.sqlite.search.pages import page
        from reprise.tracking.sqlite.search.searchables import RUNS
        from reprise.tracking.sqlite.search.sql import Query, Sql

        scope = Sql(
            "t.experiment IN (SELECT value FROM json_each(?))"
            " AND t.lifecycle_stage IN (SELECT value FROM json_each(?))",
            (_numbers(experiment_ids), stages(view_type)),
        )
        with self._database.reading() as connection:
            numbers, _ = page(connection, Query(RUNS, scope, filter, order_by), ALL_OF_THEM, None)
            return RunOrder(numbers, _parents(connection, numbers))

    def runs_at(self, numbers: Iterable[int]) -> list[Run]:
        """The runs of these row numbers, in their order; removed runs are left out."""
        wanted = list(numbers)
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT id FROM run WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(wanted),)
            )
            there = {number for (number,) in found}
            return read_runs(connection, [number for number in wanted if number in there])

    def ids_at(self, numbers: Sequence[int]) -> list[str]:
        """The run ids of these row numbers, in their order; removed runs are left out."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, run_id FROM run WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(numbers)),),
            )
            found = dict(rows.fetchall())
        return [found[number] for number in numbers if number in found]

    def has_nested(self, experiment_ids: Sequence[str]) -> bool:
        """Whether any run of these experiments is nested in another."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT 1 FROM run_tag_sorted s JOIN run t ON t.id = s.run WHERE s.key = ?"
                " AND t.experiment IN (SELECT value FROM json_each(?)) LIMIT 1",
                (tags.PARENT_RUN_ID, _numbers(experiment_ids)),
            )
            return found.fetchone() is not None

    def run_number(self, run_id: str) -> int:
        """The row number of a run. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        with self._database.reading() as connection:
            return run_row(connection, run_id).id

    def data_keys(self, experiment_ids: Sequence[str]) -> Keys:
        """What columns a table of these experiments can have."""
        among = _numbers(experiment_ids)
        with self._database.reading() as connection:
            metrics, params, tag_keys = (
                tuple(_keys(connection, table, among))
                for table in ("series_sorted", "run_param_sorted", "run_tag_sorted")
            )
        return Keys(metrics, params, tag_keys)

    def frequent_tags(self, experiment_ids: Sequence[str], key: str, most: int) -> dict[str, int]:
        """The values that a tag has in most of the active runs, and in how many; only short ones."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT s.value, count(*) FROM run_tag_sorted s JOIN run t ON t.id = s.run"
                " WHERE s.key = ? AND length(s.value) < ? AND t.lifecycle_stage = 'active'"
                " AND t.experiment IN (SELECT value FROM json_each(?))"
                " GROUP BY s.value ORDER BY 2 DESC, 1 LIMIT ?",
                (key, _HELD, _numbers(experiment_ids), most),
            )
            return dict(rows.fetchall())

    def known_values(
        self,
        experiment_ids: Sequence[str],
        kind: Literal["param", "tag"],
        key: str,
        beginning: str,
        most: int,
    ) -> list[str]:
        """Values of a param or tag that start so, in their order; only short ones."""
        with self._database.reading() as connection:
            found = _values(connection, f"run_{kind}_sorted", _numbers(experiment_ids), key, beginning)
            return list(islice(found, most))

    def activity(self) -> dict[str, Activity]:
        """The activity of every experiment that has active runs, by experiment id."""
        counts: dict[str, dict[str, int]] = {}
        last: dict[str, int] = {}
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT experiment, status, count(*), max(max(start_time, coalesce(end_time, 0))) FROM run"
                " WHERE lifecycle_stage = 'active' GROUP BY experiment, status"
            )
            for number, status, count, latest in rows:
                experiment = str(number)
                counts.setdefault(experiment, {})[status] = count
                last[experiment] = max(latest, last.get(experiment, 0))
        return {experiment: Activity(counts[experiment], last[experiment]) for experiment in counts}

    def ids_from(self, start: str, most: int = 2) -> list[str]:
        """At most ``most`` of the run ids that begin with ``start``, of deleted runs too."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT run_id FROM run WHERE run_id >= ? AND run_id < ? ORDER BY run_id LIMIT ?",
                (start, f"{start}\U0010ffff", most),
            )
            return [run_id for (run_id,) in rows]

    def metric_extremes(self, run_ids: Sequence[str]) -> dict[str, dict[str, tuple[float, float]]]:
        """The least and the largest value of each series of these runs, by run and key; NaN is neither."""
        found: dict[str, dict[str, tuple[float, float]]] = {run_id: {} for run_id in run_ids}
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT r.run_id, s.key, min(p.value), max(p.value) FROM run r"
                " JOIN series s ON s.run = r.id JOIN point p ON p.series = s.id"
                " WHERE r.run_id IN (SELECT value FROM json_each(?)) AND typeof(p.value) != 'text'"
                " GROUP BY s.id",
                (json.dumps(list(run_ids)),),
            )
            for run_id, key, least, largest in rows:
                found[run_id][key] = least, largest
        return found

    def watching(self) -> AbstractContextManager[Callable[[], int]]:
        """Return a function whose result changes with every write; for one thread at a time."""
        return self._database.watching()

    def children(self, run_id: str) -> list[Run]:
        """The active runs that are nested in a run, oldest first."""
        return self.runs_at(self.child_numbers(run_id))

    def child_numbers(self, run_id: str) -> Sequence[int]:
        """The row numbers of the same runs."""
        with self._database.reading() as connection:
            return _tagged(connection, tags.PARENT_RUN_ID, run_id)

    def reproductions(self, run_id: str) -> list[Run]:
        """The active runs that perform a run again, newest first."""
        with self._database.reading() as connection:
            return read_runs(connection, reversed(_tagged(connection, tags.REPRODUCES, run_id)))


def _tagged(connection: Connection, key: str, value: str) -> list[int]:
    """The active runs whose tag ``key`` is ``value``, a run's id; oldest first."""
    rows = connection.execute(
        "SELECT t.id FROM run_tag_sorted s JOIN run t ON t.id = s.run"
        " WHERE s.key = ? AND s.value = ? AND t.lifecycle_stage = 'active' ORDER BY t.start_time, t.id",
        (key, value),
    )
    return [number for (number,) in rows]


def _numbers(experiment_ids: Sequence[str]) -> str:
    return json.dumps([validation.experiment_id(text) for text in experiment_ids])


def _parents(connection: Connection, numbers: Sequence[int]) -> dict[int, int]:
    rows = connection.execute(
        "SELECT s.run, p.id FROM run_tag_sorted s JOIN run p ON p.run_id = s.value WHERE s.key = ?",
        (tags.PARENT_RUN_ID,),
    ).fetchall()
    if not rows:
        return {}
    found = set(numbers)
    return {child: parent for child, parent in rows if child in found}


def _keys(connection: Connection, table: str, among: str) -> Iterator[str]:
    """The keys of a sorted table, found by leaps, that an experiment in ``among`` has."""
    key: str | None = ""
    leap = f"SELECT min(key) FROM {table} WHERE key > ?"
    has = (
        f"SELECT 1 FROM {table} s JOIN run t ON t.id = s.run WHERE s.key = ?"
        " AND t.experiment IN (SELECT value FROM json_each(?)) LIMIT 1"
    )
    while (key := connection.execute(leap, (key,)).fetchone()[0]) is not None:
        if connection.execute(has, (key, among)).fetchone():
            yield key


def _values(connection: Connection, table: str, among: str, key: str, beginning: str) -> Iterator[str]:
    """The values of a key, found by leaps, that a run of an experiment in ``among`` has."""
    value: str | None
    leap, sign = f"SELECT min(value) FROM {table} WHERE key = ? AND value {{}} ?", ">="
    has = (
        f"SELECT 1 FROM {table} s JOIN run t ON t.id = s.run WHERE s.key = ? AND s.value = ?"
        " AND t.experiment IN (SELECT value FROM json_each(?)) LIMIT 1"
    )
    value = beginning
    for _ in range(_LEAPS):
        value = connection.execute(leap.format(sign), (key, value)).fetchone()[0]
        sign = ">"
        if value is None or not value.startswith(beginning):
            return
        if len(value) < _HELD and connection.execute(has, (key, value, among)).fetchone():
            yield value
