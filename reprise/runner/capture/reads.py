"""Files that a run read and that are not in its commit, stored at the end of the run.

Data is usually ignored by git, and what a run reads of it is only known at its end. Files that the run
itself has changed are stored as they were when they were read.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from reprise import paths
from reprise.runner.capture.files import KeptFiles, keep_files
from reprise.runner.capture.found_inputs import FoundInput, find_inputs, name_input
from reprise.runner.capture.observed import read_observation
from reprise.runner.capture.observing import Beginning, read_beginning
from reprise.runner.planning import guards
from reprise.runner.worktree.ignoring import is_ignored
from reprise.runner.worktree.walking import is_environment, is_made_by_running
from reprise.runner.worktree.written import note_written
from reprise.schemas.record.run_record import FileRecord, LeftOut, SourceRecord
from reprise.schemas.work_tree import Standing

log = logging.getLogger(__name__)

_READ_NOTHING = {"cd", "echo", "exit", "export", "mkdir", "set", "test", "true", "[", ":"}
"""Programs of a shell."""


def keep_reads(source: SourceRecord, job: Path, objects: Path, limit: guards.Limit) -> SourceRecord:
    """Return ``source`` with the files that the run with the folder ``job`` read, stored in ``objects``.

    Files that the run wrote are remembered for the next run in the same place.

    Raises:
        OSError, ValueError, TypeError: the notes of what it did cannot be read.
    """
    observation = read_observation(job)
    if observation is None or not observation.processes:
        return _with_left_files(source, _paths_of(source))
    beginning = read_beginning(job)
    root = Path(beginning.root)
    read = dict(_read_inside(root, find_inputs(observation, beginning)))
    if not root.is_relative_to(paths.cache_dir()):
        names = (name_input(path, beginning) for path in observation.written)
        note_written(root, [name for name in names if name and not name.startswith("/")])
    source = _with_left_files(source, read if _is_observed(beginning) else _paths_of(source))
    wanted = dict(_find_standings(source, read, beginning))
    room = limit.all - sum(file.content.size for file in source.files)
    kept = (
        keep_files(root, wanted, objects, limit._replace(all=max(room, 0)), read) if wanted else KeptFiles()
    )
    left_out = tuple(LeftOut(path, size, f"git ignores it, and {why}") for path, size, why in kept.left_out)
    if kept.files:
        log.info(
            "Stored with the run, although git ignores it: %s",
            guards.list_names([file.path for file in kept.files]),
        )
    if left_out:
        log.warning("%s", guards.describe_left_out(left_out))
    if not _is_observed(beginning):
        from reprise.runner.capture.ignored import warn_of_ignored

        warn_of_ignored(root, beginning.ignored, [file.path for file in kept.files])
    return source._replace(
        files=tuple(sorted([*source.files, *kept.files])),
        left_out=guards.sum_up([*source.left_out, *left_out]),
    )


def _read_inside(root: Path, inputs: Iterable[FoundInput]) -> Iterator[tuple[str, str]]:
    """Return the files read in the source, each with the path of its original state, and the targets of
    links.
    """
    for item in inputs:
        if item.state is None or item.row.path.startswith("/"):
            continue
        yield item.row.path, item.path
        target = Path(os.path.realpath(item.path))
        if Path(item.path).is_symlink() and target.is_relative_to(root):
            yield target.relative_to(root).as_posix(), str(target)


def _paths_of(source: SourceRecord) -> set[str]:
    return {file.path for file in source.files}


def _is_observed(beginning: Beginning) -> bool:
    """Return whether all programs in the command report what they read, or read nothing."""
    return all(name.startswith("python") or name in _READ_NOTHING for name in beginning.programs)


def _with_left_files(source: SourceRecord, read: Collection[str]) -> SourceRecord:
    """Return files that earlier runs left and this run read: they belong to its source."""

    def settle_file(file: FileRecord) -> FileRecord:
        is_source = file.standing == Standing.LEFT and file.path in read
        return file._replace(standing=Standing.UNTRACKED) if is_source else file

    files = tuple(map(settle_file, source.files))
    return source._replace(
        files=files, dirty=source.dirty or (files != source.files and source.kind == "git")
    )


def _find_standings(
    source: SourceRecord, read: Collection[str], beginning: Beginning
) -> Iterator[tuple[str, Standing]]:
    """Return the files in ``read`` that are not stored yet, each with its git status."""
    known = _paths_of(source) | {item.path for item in source.left_out}
    ignored, left = frozenset(beginning.ignored), frozenset(beginning.left)
    for name in read:
        if name in known or is_environment(name):
            continue
        if name in left:
            yield name, Standing.UNTRACKED
        elif source.commit is None or is_ignored(name, ignored) or is_made_by_running(name):
            yield name, Standing.IGNORED
