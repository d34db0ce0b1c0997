"""Remove unused parts of the cache, while other processes may be using it."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprise.durable import ARRIVALS
from reprise.envs.cache import (
    bytecode,
    inventory,
    make_environment,
    marker,
    resolutions,
    store,
)
from reprise.file_lock import SCRATCH, hold, is_owned, remove_dead
from reprise.named_tuple import NamedTuple
from reprise.paths import cache_dir

QUIET = 86400.0
"""Seconds in which a file that is being written is written to."""

_EARLIER_ARRIVAL = re.compile(r"\..+\.\d+\.[0-9a-f]{8}")  # as earlier versions named them


class Leftover(NamedTuple):
    """What was or would be removed: ``kind`` in the plural, ``size`` in freed bytes."""

    kind: str
    path: Path
    size: int


def remove_unused(prefix: Path, unused_since: float, *, dry_run: bool = False) -> Leftover | None:
    """Remove an environment; return None if it is in use, or was used after ``unused_since``."""
    with _keep_others_out(prefix) as alone:
        try:
            if not alone or marker.last_use(prefix) > unused_since:
                return None
        except FileNotFoundError:
            return None
        return _remove_prefix(prefix, "environments", dry_run)


def remove_leftovers(older_than: float, *, dry_run: bool = False) -> Iterator[Leftover]:
    """Remove leftovers of killed processes, and what was not used for ``older_than`` seconds."""
    yield from _remove_unfinished(dry_run)
    yield from _remove_forgotten(older_than, dry_run)
    yield from _remove_compiled(older_than, dry_run)
    yield from remove_owned(cache_dir() / SCRATCH, dry_run)
    yield from remove_owned(cache_dir() / ARRIVALS, dry_run)
    for folder in (cache_dir(), store.environments_folder(), cache_dir() / resolutions.FOLDER):
        earlier = (path for path in _list_children(folder) if _EARLIER_ARRIVAL.fullmatch(path.name))
        yield from remove_quiet(earlier, dry_run)
    if not dry_run:
        _drop_lock_files()


def remove_unfinished() -> list[Leftover]:
    """Remove environments that processes were creating when they died."""
    found = list(_remove_unfinished(dry_run=False))
    _drop_lock_files()
    return found


def remove_owned(folder: Path, dry_run: bool, prefix: str = "") -> Iterator[Leftover]:
    """Remove entries of ``folder`` with a name prefix whose owners have died."""
    for path in _list_children(folder):
        try:
            if not path.name.startswith(prefix) or is_owned(path):
                continue
            found = remove_path(
                path, "temporary folders" if path.is_dir() else "temporary files", dry_run=True
            )
            if dry_run or remove_dead(path):
                yield found
        except OSError:
            continue  # it is being removed, or is not ours


def remove_quiet(paths: Iterator[Path], dry_run: bool) -> Iterator[Leftover]:
    """Remove the unused ``paths`` of processes that did not remove them."""
    for path in paths:
        if _newest_time(path) < time.time() - QUIET:
            yield remove_path(path, "temporary folders" if path.is_dir() else "temporary files", dry_run)


@contextmanager
def _keep_others_out(prefix: Path) -> Iterator[bool]:
    """Lock ``prefix`` exclusively for the block; yield False if it is in use."""
    descriptors = []
    try:
        for path in (store.making_lock(prefix), store.use_lock(prefix)):
            descriptor = hold(path, wait=False)
            if descriptor is None:
                yield False
                return
            descriptors.append(descriptor)
        yield True
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _remove_prefix(prefix: Path, kind: str, dry_run: bool) -> Leftover:
    found = Leftover(kind, prefix, inventory.measure_folder(prefix).own)
    if not dry_run:
        make_environment.remove_environment(prefix)
        store.use_lock(prefix).unlink(missing_ok=True)
        store.making_lock(prefix).unlink(missing_ok=True)
    return found


def _remove_unfinished(dry_run: bool) -> Iterator[Leftover]:
    """Return environments without a marker that are not being created, and leftovers of killed removals."""
    for prefix in inventory.list_folders():
        if inventory.is_whole(prefix):
            continue
        with _keep_others_out(prefix) as alone:
            if alone and prefix.exists() and not inventory.is_whole(prefix):
                yield _remove_prefix(prefix, "half-made environments", dry_run)
    for path in _list_children(store.environments_folder()):
        if path.name.startswith(make_environment.REMOVING):
            yield remove_path(path, "half-made environments", dry_run)
    for tag in _list_children(cache_dir() / bytecode.FOLDER):
        yield from remove_owned(tag, dry_run, bytecode.MAKING)


def _remove_forgotten(older_than: float, dry_run: bool) -> Iterator[Leftover]:
    """Resolutions that no run asked for since."""
    for path in _list_children(cache_dir() / resolutions.FOLDER):
        if path.suffix == ".json" and not path.name.startswith(".") and _age_of(path) > older_than:
            yield remove_path(path, "remembered resolutions", dry_run)


def _remove_compiled(older_than: float, dry_run: bool) -> Iterator[Leftover]:
    """Compiled modules that no environment is linked to."""
    for tag in _list_children(cache_dir() / bytecode.FOLDER):
        for path in _list_children(tag):
            if path.name.startswith(".") or _age_of(path) <= older_than:
                continue
            size = inventory.measure_folder(path)
            if size.own == size.total:
                yield remove_path(path, "compiled packages", dry_run)


def _drop_lock_files() -> None:
    """Remove the lock files of removed environments; waiting processes notice."""
    names = {prefix.name for prefix in inventory.list_folders()}
    for path in _list_children(store.environments_folder()):
        if path.suffix in (".lock", ".use") and path.stem not in names:
            _drop_lock(path)
    for path in _list_children(cache_dir() / resolutions.FOLDER):
        if path.suffix == ".lock" and not path.with_suffix(".json").exists():
            _drop_lock(path)


def _drop_lock(lock_file: Path) -> None:
    held = hold(lock_file, wait=False)
    if held is not None:
        lock_file.unlink(missing_ok=True)
        os.close(held)


def remove_path(path: Path, kind: str, dry_run: bool) -> Leftover:
    size = inventory.measure_folder(path).own if path.is_dir() else path.lstat().st_blocks * 512
    if not dry_run:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return Leftover(kind, path, size)


def _list_children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _age_of(path: Path) -> float:
    """Return the seconds since it was created or used; 0 if it was removed."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _newest_time(path: Path) -> float:
    """When something in ``path`` was written last."""
    times = [path.lstat().st_mtime] if path.exists() else [time.time()]
    for folder, _, names in os.walk(path):
        for name in ("", *names):
            try:
                times.append(os.lstat(f"{folder}/{name}").st_mtime)
            except FileNotFoundError:
                continue
    return max(times)
