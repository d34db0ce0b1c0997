"""Two sources: commit, uncommitted changes, untracked files and submodules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.trees import NOT_AT_HAND, open_trees
from reprise.runner.verdict.values import IDENTICAL, Agreement, Finding, make_diverged, make_unknown
from reprise.schemas import tags
from reprise.schemas.record.observed_record import ObservedRecord
from reprise.schemas.record.run_record import SourceRecord
from reprise.schemas.work_tree import APART

_OF_OTHERS = ("the input", "the datasets", "the artifacts", "the logs", "the logged models", "the name of")
"""How notes of a record begin that are not of the source."""


def compare_sources(a: Recorded, b: Recorded) -> Finding:
    """The same files count as the same, whatever commits they come from."""
    if a.record is None or b.record is None:
        return _by_tags(a, b)
    one, other = a.record, b.record
    if (one.source.subdirectory, one.project.entry_point) != (
        other.source.subdirectory,
        other.project.entry_point,
    ):
        shown = [f"{run.project.entry_point} of {run.source.subdirectory or '.'}" for run in (other, one)]
        return make_diverged(note=f"entry point {shown[0]}, was {shown[1]}")
    differing = [*record_differences(one.source, other.source)]
    doubts = [doubt for run in (a, b) for doubt in _find_doubts(run)]
    found = IDENTICAL
    if differing:
        found = _by_files(a, b, "; ".join(differing))
    if doubts and found.agreement is Agreement.IDENTICAL:
        return make_unknown(doubts[0])
    return found


def _by_tags(a: Recorded, b: Recorded) -> Finding:
    commits = [run.run.tags.get(tags.GIT_COMMIT) for run in (a, b)]
    if all(commits) and commits[0] != commits[1]:
        return make_diverged(note=f"commit {str(commits[1])[:12]}, was {str(commits[0])[:12]}")
    run = a if a.record is None else b
    return make_unknown(
        f"of run {run.run_id[:8]} only the commit is known, not what was changed: {run.record_fault}"
    )


def _by_files(a: Recorded, b: Recorded, differing: str) -> Finding:
    try:
        with open_trees(a, b) as made:
            if made.make_tree(a) == made.make_tree(b):
                return IDENTICAL._replace(note=f"the same files; {differing}")
    except NOT_AT_HAND:
        pass  # then what the records say decides
    return make_diverged(note=differing)


def record_differences(a: SourceRecord, b: SourceRecord) -> Iterator[str]:
    """What two records of sources say differently, a sentence half each."""
    if a.commit != b.commit:
        shown = [f"commit {source.commit[:12]}" if source.commit else "no commit" for source in (b, a)]
        yield f"{shown[0]}, was {shown[1]}"
    if a.patch != b.patch:
        yield "other uncommitted changes"
    modules = [{module.path: module.commit for module in source.submodules} for source in (a, b)]
    if modules[0] != modules[1]:
        yield "other submodules"
    files = [_files_of(source) for source in (a, b)]
    paths = [path for path in {**files[0], **files[1]} if files[0].get(path) != files[1].get(path)]
    if paths:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        yield f"another file {min(paths)}{more}"


def _files_of(source: SourceRecord) -> dict[str, str]:
    """Return the differences from the commit, by path.

    Leftovers of earlier runs and files ignored by git do not count: they are inputs if they are read.
    """
    files = [file for file in (*source.files, *source.large) if file.standing not in APART]
    return {
        **{file.path: f"{file.mode} {file.content.digest}" for file in files},
        **dict.fromkeys((item.path for item in source.absent), "absent"),
        **dict.fromkeys(source.pointers, "pointer"),
    }


def _is_input(path: str, observed: ObservedRecord | None) -> bool:
    """Whether the run was seen to read a file, and its digest is known."""
    inputs = observed.inputs if observed else ()
    places = {path, *(place.as_posix() for place in PurePosixPath(path).parents)}
    return any(item.path in places and item.digest is not None for item in inputs)


def _find_doubts(run: Recorded) -> Iterator[str]:
    """Why what is recorded of a source may not be all of it."""
    assert run.record is not None
    source, whose = run.record.source, f"the source of run {run.run_id[:8]}"
    if source.commit is None and not source.files:
        yield f"nothing of {whose} was kept"
    for item in source.left_out:
        if _is_input(item.path, run.record.observed):
            continue  # and is compared as such
        yield f"{whose} was not kept whole: {item.path} ({item.reason})"
    for note in run.record.notes:
        if not note.startswith(_OF_OTHERS):
            yield f"{whose} may not be recorded whole: {note}"
    if (source.dirty or source.commit is None) and run.record.ended is None:
        yield f"the record of run {run.run_id[:8]} was never finished"
