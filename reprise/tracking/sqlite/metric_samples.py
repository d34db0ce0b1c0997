"""Which points of a series to draw, where there are more than a chart can show."""

from __future__ import annotations

import json
from collections.abc import Sequence

from reprise.tracking.sqlite.rows import Connection
from reprise.tracking.sqlite.run_rows import POINT

_LEAST, _MOST = -(2**63), 2**63 - 1


def samples(
    connection: Connection, series: int, most: int, start_step: int | None, end_step: int | None
) -> list[tuple[object, ...]]:
    """At most ``most`` (> 0) points (the columns of ``POINT``) with steps from start to end, by step.

    They are spread evenly, by their number and not by their steps; the first and the last are among them.
    """
    within = (series, _LEAST if start_step is None else start_step, _MOST if end_step is None else end_step)
    inside = "FROM point WHERE series = ? AND step BETWEEN ? AND ?"
    (count,) = connection.execute(f"SELECT count(*) {inside}", within).fetchone()
    order = "ORDER BY step, timestamp, value"
    if count <= most:
        return connection.execute(f"SELECT {POINT} {inside} {order}", within).fetchall()
    numbered = f"SELECT {POINT}, row_number() OVER ({order}) AS number {inside}"
    wanted = "number IN (SELECT value FROM json_each(?))"
    return connection.execute(
        f"SELECT {POINT} FROM ({numbered}) WHERE {wanted} ORDER BY number",
        (*within, json.dumps(evenly(count, most))),
    ).fetchall()


def evenly(count: int, most: int) -> Sequence[int]:
    """``most`` of the numbers 1 to ``count``: where equal parts begin, the larger first; and the end."""
    size, rest = divmod(count, most)
    return [*(1 + part * size + min(part, rest) for part in range(most - 1)), count]
