"""What charts ask of metric series: points, thinned where there are many, and figures of all of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from reprise.tracking.sqlite.rows import Connection, Verbs
from reprise.tracking.sqlite.run_rows import IN_IDS, run_row
from reprise.tracking.views import MetricLine, StoreFigures

MANY_POINTS = 100_000
"""Maximum number of points of a run for which figures are always returned."""

PointRow = tuple[int, int, float | str]

_POINT = "step, timestamp, value"
_ORDER = " ORDER BY timestamp, step, value"
_FIGURES = (
    "SELECT count(*), count(*) FILTER (WHERE value = 'nan'),"
    " count(*) FILTER (WHERE value IN (9e999, -9e999)),"
    " min(value) FILTER (WHERE {finite}), max(value) FILTER (WHERE {finite})"
    " FROM point WHERE series = ?"
).format(finite="value > -9e999 AND value < 9e999")


class MetricLines(Verbs):
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
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT r.run_id, s.key, s.id FROM run r JOIN series s ON s.run = r.id"
                f" WHERE r.run_id {IN_IDS} AND s.key {IN_IDS}",
                (json.dumps(list(run_ids)), json.dumps(list(keys))),
            )
            series = {(run_id, key): number for run_id, key, number in rows}
            return [
                _line(connection, (run_id, key), number, most, since.get(key))
                for key in keys
                for run_id in run_ids
                if (number := series.get((run_id, key))) is not None
            ]

    def metric_figures(self, run_id: str) -> Mapping[str, StoreFigures]:
        """Of each metric of a run; empty for a run of very many points, which would take long to count."""
        with self._database.reading() as connection:
            run = run_row(connection, run_id).id
            (count,) = connection.execute(
                "SELECT count(*) FROM (SELECT 1 FROM series s JOIN point p ON p.series = s.id"
                " WHERE s.run = ? LIMIT ?)",
                (run, MANY_POINTS + 1),
            ).fetchone()
            if count > MANY_POINTS:
                return {}
            rows = connection.execute("SELECT key, id FROM series WHERE run = ?", (run,)).fetchall()
            return {key: _figures(connection, number) for key, number in rows}

    def metrics_with_lines(self, run_id: str) -> set[str]:
        """The metrics of a run that have two points or more."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT s.key FROM series s WHERE s.run = ?"
                " AND (SELECT count(*) FROM (SELECT 1 FROM point WHERE series = s.id LIMIT 2)) = 2",
                (run_row(connection, run_id).id,),
            )
            return {key for (key,) in rows}


def _figures(connection: Connection, series: int) -> StoreFigures:
    return StoreFigures(*connection.execute(_FIGURES, (series,)).fetchone())


def _line(
    connection: Connection, names: tuple[str, str], series: int, most: int, since: int | None
) -> MetricLine:
    figures = _figures(connection, series)
    if since is not None:
        found = _newest(connection, series, most, since)
    else:
        found = _thinned(connection, series, most, figures)
    return MetricLine(
        *names, figures, [(step, timestamp, float(value)) for step, timestamp, value in found]
    )


def _newest(connection: Connection, series: int, most: int, since: int) -> list[PointRow]:
    rows = connection.execute(
        f"SELECT {_POINT} FROM point WHERE series = ? AND timestamp >= ?"
        " ORDER BY timestamp DESC, step DESC LIMIT ?",
        (series, since, most),
    )
    return rows.fetchall()[::-1]


def _thinned(connection: Connection, series: int, most: int, figures: StoreFigures) -> list[PointRow]:
    """Return the ends, and the extremes in equal parts between them, so that a line loses no spike.

    The points are read in the order in which the table holds them: that costs no sorting.
    """
    rows = connection.execute(f"SELECT {_POINT} FROM point WHERE series = ?{_ORDER}", (series,))
    if figures.points <= most:
        return rows.fetchall()
    of_each = 3 if figures.nans or figures.infinite else 2
    left = figures.points - 2
    length = -(-left // ((most - 2) // of_each))
    found = rows.fetchmany(1)
    while left > 0:
        part = rows.fetchmany(min(length, left))
        found += _outstanding(part)
        left -= length
    return found + rows.fetchall()


def _outstanding(part: Sequence[PointRow]) -> list[PointRow]:
    """Return the minimum, the maximum, and the first point that is not finite."""
    finite = [row for row in part if math.isfinite(float(row[2]))]
    found = {min(finite, key=_value), max(finite, key=_value)} if finite else set()
    if len(finite) < len(part):
        found.add(next(row for row in part if not math.isfinite(float(row[2]))))
    return sorted(found, key=_place)


def _value(row: PointRow) -> float:
    return float(row[2])


def _place(row: PointRow) -> tuple[int, int]:
    step, timestamp, _ = row
    return timestamp, step
