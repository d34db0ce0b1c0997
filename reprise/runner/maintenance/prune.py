"""``reprise env prune``: what goes from the cache, and which runs that concerns.

Mirrors of repositories and downloaded inputs stay: a run may need them to be performed again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from reprise import paths
from reprise.envs.cache import inventory, prune
from reprise.envs.cache.inventory import CachedEnvironment
from reprise.envs.cache.prune import Leftover
from reprise.errors import RepriseError
from reprise.file_lock import ARRIVING, hold
from reprise.named_tuple import NamedTuple
from reprise.runner.jobs.find import experiment_names, iterate_runs
from reprise.runner.sources import working_copy
from reprise.schemas import tags
from reprise.tracking.base import Tracking
from reprise.tracking.registry import open_tracking

log = logging.getLogger(__name__)

_EARLIER_JOBS = ".making-*"  # as earlier versions named them


class Needed(NamedTuple):
    """What needs an environment: runs that are not deleted, and stores that could not be read."""

    runs: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


class Judged(NamedTuple):
    """An unused environment; ``size``: bytes freed by removing it."""

    entry: CachedEnvironment
    needed: Needed
    size: int


class Pruned(NamedTuple):
    """What was removed (or would be), and what is kept for runs."""

    removed: tuple[Judged, ...]
    kept: tuple[Judged, ...]
    leftovers: tuple[Leftover, ...]

    @property
    def freed(self) -> int:
        """Bytes."""
        sizes = [judged.size for judged in self.removed]
        return sum(sizes) + sum(leftover.size for leftover in self.leftovers)


def prune_cache(
    older_than: float,
    *,
    keep_reproducible: bool = False,
    dry_run: bool = False,
    here: Tracking | None = None,
) -> Pruned:
    """Remove environments unused for ``older_than`` seconds, and leftovers of killed processes.

    An environment in use is kept. With ``keep_reproducible``, environments of kept runs are kept too.
    ``here`` is another store to check, besides those of the environments.
    """
    since = time.time() - older_than
    removed, kept = [], []
    with _Stores(here) as stores:
        for entry in inventory.list_entries():
            if entry.last_use > since or inventory.is_in_use(entry.prefix):
                continue
            needed = stores.who_needs(entry)
            if keep_reproducible and (needed.runs or needed.silent):
                kept.append(Judged(entry, needed, 0))
            elif gone := prune.remove_unused(entry.prefix, since, dry_run=dry_run):
                removed.append(Judged(entry, needed, gone.size))
        rest = [*prune.remove_leftovers(older_than, dry_run=dry_run), *_of_runs(stores.folders, dry_run)]
    return Pruned(tuple(removed), tuple(kept), tuple(rest))


class _Stores:
    """The stores that used environments, opened once each."""

    def __init__(self, here: Tracking | None) -> None:
        self._opened: dict[str, Tracking | None] = {}
        self._here = here
        if here is not None:
            self._opened[here.uri] = here

    def __enter__(self) -> _Stores:
        return self

    def __exit__(self, *_: object) -> None:
        for tracking in self._opened.values():
            if tracking is not None and tracking is not self._here:
                tracking.close()

    @property
    def folders(self) -> list[Path]:
        """The job folders of this machine."""
        opened = self._opened.values()
        ours = {store.home / "jobs" for store in opened if store is not None and store.home is not None}
        return [paths.state_dir() / "jobs", *ours]

    def who_needs(self, entry: CachedEnvironment) -> Needed:
        runs: set[str] = set()
        silent = []
        addresses = [user.store for user in entry.users if user.store is not None]
        for address in dict.fromkeys((*addresses, *([self._here.uri] if self._here else ()))):
            try:
                tracking = self._open_store(address)
                runs.update(() if tracking is None else _runs_in(tracking, entry.marker.digest))
            except (RepriseError, OSError) as error:
                log.debug("%s: %s", address, error)
                silent.append(address)
        return Needed(tuple(sorted(runs)), tuple(silent))

    def _open_store(self, address: str) -> Tracking | None:
        """Return the store, or None for a folder that is no longer a store."""
        if address not in self._opened:
            tracking = open_tracking(address, Path("/"))
            self._opened[address] = tracking if tracking.exists else None
        return self._opened[address]


def _runs_in(tracking: Tracking, digest: str) -> Iterator[str]:
    """The ids of the runs that are not deleted and ran in the environment of ``digest``."""
    experiments = list(experiment_names(tracking))
    found = iterate_runs(tracking, experiments, f"tags.`{tags.ENV_DIGEST}` = '{digest}'")
    return (run.run_id for run in found)


def _of_runs(jobs: list[Path], dry_run: bool) -> Iterator[Leftover]:
    """What killed runs left: copies of projects, half of a mirror, downloads, job folders never held."""
    yield from prune.remove_owned(working_copy.work_root(), dry_run)
    for folder in (*(paths.cache_dir() / name for name in ("inputs-v1", "git-v1")), *jobs):
        yield from prune.remove_owned(folder, dry_run, ARRIVING)
    for folder in jobs:
        yield from prune.remove_quiet(folder.glob(_EARLIER_JOBS), dry_run)
    for mirror in (paths.cache_dir() / "git-v1").glob("*"):
        partial = {mirror / ".mirror.git": mirror / "mirror.lock"}
        partial |= {path: path.with_name(f"{path.name[1:]}.lock") for path in mirror.glob("commits/.*")}
        yield from _remove_unfinished(partial, dry_run)


def _remove_unfinished(partial: Mapping[Path, Path], dry_run: bool) -> Iterator[Leftover]:
    """Return half-made folders whose lock has no holder."""
    for path, lock_file in partial.items():
        if not path.is_dir() or (held := hold(lock_file, wait=False)) is None:
            continue
        try:
            yield prune.remove_path(path, "temporary folders", dry_run)
        finally:
            os.close(held)
