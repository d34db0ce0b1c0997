"""Permanently remove deleted runs, logged models and experiments, with their files and job folders."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from reprise import disk, durable
from reprise.errors import RepriseError, TrackingError
from reprise.named_tuple import NamedTuple
from reprise.runner.jobs.lease import (
    job_folders,
    job_lives,
    read_record,
    unheld,
)
from reprise.runner.record import contents
from reprise.runner.record.records import RECORD_ARTIFACT
from reprise.schemas.job import RunStatus
from reprise.tracking.names import now
from reprise.tracking.protocols.garbage import EXPERIMENT, RUN, Deleted, Garbage, GarbageFiles, GarbageSize
from reprise.tracking.protocols.store import TrackingStore

log = logging.getLogger(__name__)

_AT_ONCE = 100
"""Rows removed in one transaction, so that other processes can write in between."""

QUIET = 24 * 3600 * 1000
"""ms after its deletion during which an unfinished run without a local watcher counts as running."""


class KeptItem(NamedTuple):
    item: Deleted
    reason: str


class Collected(NamedTuple):
    """What was removed, or would be removed."""

    removed: Sequence[Deleted]
    kept: Sequence[KeptItem]
    files: int
    size: int  # bytes
    left: Sequence[str] = ()  # places whose files could not be removed; the next time tries again


def collect(
    store: TrackingStore, older_than: int, *, dry_run: bool, say: Callable[[str], None] = lambda _: None
) -> Collected:
    """Remove everything from ``store`` that was deleted more than ``older_than`` ms ago.

    Running runs, the files of registered model versions, and the experiments of both are kept.
    """
    garbage = store.garbage()
    if not dry_run:
        garbage.require_writable()
    garbage.reach_artifacts()
    items = garbage.deleted(now() - older_than)
    measured, kept = _measure_files(garbage, items, say)
    kept += _find_holders(items, {held.item.experiment_id for held in kept})
    held = {item for item, _ in kept}
    doomed = [item for item in items if item not in held]
    total = _add_up(measured[item] for item in doomed)
    if dry_run:
        return Collected(
            doomed, kept, *_with_contents(garbage, total, {item.id for item in doomed}, dry_run)
        )
    removed, left = _remove_doomed(garbage, doomed, say)
    _drop_jobs(garbage)
    gone = (measured[item] for item in removed if not left.intersection(measured[item].places))
    return Collected(
        removed, kept, *_with_contents(garbage, _add_up(gone), set(), dry_run), left=tuple(sorted(left))
    )


def _remove_doomed(
    garbage: Garbage, doomed: Sequence[Deleted], say: Callable[[str], None]
) -> tuple[list[Deleted], set[str]]:
    """Remove rows and files; on a full disk one item after the other, so that each frees space.

    Return what was removed, and the places with remaining files.
    """
    removed: list[Deleted] = []
    at_once = 1 if disk.disk_of(garbage.home).is_full else _AT_ONCE
    for start in range(0, len(doomed), at_once):
        say(f"Removed {len(removed)} of {len(doomed)}")
        batch = doomed[start : start + at_once]
        try:
            removed += garbage.remove(batch)
        except TrackingError:
            if at_once > 1:
                raise
            garbage.drop_files(batch[0])  # room for the rest; killed here, the next time removes the row
            removed += garbage.remove(batch)
        if at_once == 1:
            garbage.sweep()
    say("Removing files")
    return removed, garbage.sweep()


def _find_reason(garbage: Garbage, item: Deleted) -> str | None:
    """Why it is kept, or None."""
    if item.used_by:
        return f"{item.used_by} has its files"
    if item.kind != RUN or RunStatus(item.status).has_ended:
        return None
    if item.job:
        return "it is running" if job_lives(garbage.home / "jobs", item.job) else None
    return "it has not ended, and was deleted today" if now() - item.deleted_time < QUIET else None


def _find_holders(items: Sequence[Deleted], experiments: set[str]) -> list[KeptItem]:
    """Experiments that hold something that is kept."""
    return [
        KeptItem(item, "it contains items that are kept")
        for item in items
        if item.kind == EXPERIMENT and item.id in experiments
    ]


def _measure_files(
    garbage: Garbage, items: Sequence[Deleted], say: Callable[[str], None]
) -> tuple[dict[Deleted, GarbageFiles], list[KeptItem]]:
    """Return the files that can be removed, and the items that are kept, including unreadable ones."""
    measured, kept = {}, []
    for number, item in enumerate(items, 1):
        say(f"Measuring {number} of {len(items)}")
        try:
            if reason := _find_reason(garbage, item):
                kept.append(KeptItem(item, reason))
            else:
                measured[item] = garbage.files(item)
        except (OSError, RepriseError) as error:
            kept.append(KeptItem(item, str(error)))
    return measured, kept


def _add_up(files: Iterable[GarbageFiles]) -> GarbageSize:
    sizes = [found.size for found in files]
    return GarbageSize(sum(size.files for size in sizes), sum(size.bytes for size in sizes))


def _with_contents(garbage: Garbage, total: GarbageSize, gone: set[str], dry_run: bool) -> GarbageSize:
    """Remove the contents that only ``gone`` runs use, and add them to ``total``.

    If a record cannot be read, its contents are not known, and everything is kept.
    """

    def read_records() -> Iterator[str]:
        for run_id in garbage.run_ids():
            if run_id not in gone and (text := garbage.text(run_id, RECORD_ARTIFACT)) is not None:
                yield text
        for folder in job_folders(garbage.home / "jobs"):  # of a step, which sends it while it runs
            if (file := folder / RECORD_ARTIFACT).exists():
                yield file.read_text("utf-8", "replace")

    try:
        files, size = contents.sweep_contents(garbage.home / contents.FOLDER, read_records, dry_run=dry_run)
    except (OSError, RepriseError) as error:
        log.warning("what runs share of their sources is not looked through: %s", error)
        return total
    return GarbageSize(total.files + files, total.bytes + size)


def _drop_jobs(garbage: Garbage) -> None:
    """Return the job folders of runs that no longer exist, including earlier leftovers."""
    for folder in job_folders(garbage.home / "jobs"):
        try:
            with unheld(folder) as free:
                run_id = read_record(folder).run_id if free else None
                if run_id is not None and not garbage.has_run(run_id):
                    durable.remove_folder(folder)
        except (OSError, ValueError):
            continue  # not what we wrote, or gone meanwhile
