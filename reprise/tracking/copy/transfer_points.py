"""How the points of a run's metrics are copied and compared: by sums, and one by one where those differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from reprise.schemas.entities import Metric, Run
from reprise.tracking.copy.census import UNEXPLAINED
from reprise.tracking.copy.job import REFUSALS, CopyJob, reason_of
from reprise.tracking.copy.series import Series, add_points, point_of, sums_of
from reprise.tracking.protocols.copying import Fault, title_of

POINTS_AT_ONCE = 10_000


def transfer_points(job: CopyJob, run: Run, here: Run | None, *, is_new: bool) -> None:
    """Copy the points of ``run`` to the run ``here``, and count them; None if the run is missing."""
    theirs: dict[str, Series] = {}
    ours = {} if is_new or here is None else sums_of(job.destination.read_points(here))
    for points in _split_pieces(job.iterate_readable(title_of(run), job.source.read_points(run))):
        add_points(theirs, points)
        if job.writes and is_new and here is not None:
            _put_points(job, run, here, points)
    if job.writes and here is not None and not is_new and theirs != ours:
        for points in _split_pieces(_iterate_values(job.source.read_points(run))):
            _put_points(
                job, run, here, [point for point in points if theirs[point.key] != ours.get(point.key)]
            )
    if here is None:
        total = sum(series.size for series in theirs.values())
        job.tally.count_pieces("points", source=total, left_out=total)
        return
    if job.writes:
        ours = sums_of(job.destination.read_points(here))
    unlike = {key for key, series in theirs.items() if ours.get(key) != series}
    alike = sum(series.size for key, series in theirs.items() if key not in unlike)
    job.tally.count_pieces("points", source=alike, arrived=alike)
    if unlike:
        _compare_each(job, run, here, unlike)


def _compare_each(job: CopyJob, run: Run, here: Run, keys: set[str]) -> None:
    """A source may hold a point twice, and there may be more points here than in the source."""
    ours = {
        (point.key, *point_of(point)) for point in job.destination.read_points(here) if point.key in keys
    }
    missing: dict[str, int] = {}
    for point in _iterate_values(job.source.read_points(run)):
        if point.key not in keys:
            continue
        is_here = (point.key, *point_of(point)) in ours
        job.tally.count_pieces("points", source=1, arrived=int(is_here), left_out=int(not is_here))
        if not is_here:
            missing[point.key] = missing.get(point.key, 0) + 1
    for key, count in missing.items():
        reason = job.tally.find_reason("points", title_of(run), key) or UNEXPLAINED
        job.tally.add_difference(Fault("points", title_of(run), f"metrics/{key}", reason, count))


def _put_points(job: CopyJob, run: Run, here: Run, points: Sequence[Metric]) -> None:
    """Together, and in halves where that is refused, down to the point that is to blame."""
    if not points:
        return
    try:
        job.destination.put_points(here.run_id, points)
    except REFUSALS as error:
        reason = reason_of(error)
        if len(points) == 1:
            job.tally.explain_piece("points", title_of(run), points[0].key, reason)
            return
        middle = len(points) // 2
        _put_points(job, run, here, points[:middle])
        _put_points(job, run, here, points[middle:])


def _iterate_values(items: Iterator[object]) -> Iterator[Metric]:
    return (item for item in items if isinstance(item, Metric))


def _split_pieces(items: Iterator[Metric]) -> Iterator[Sequence[Metric]]:
    while piece := list(islice(items, POINTS_AT_ONCE)):
        yield piece
