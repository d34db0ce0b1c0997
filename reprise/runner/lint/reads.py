"""What the last run of a project was seen to read, beside what the project declares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from reprise import paths
from reprise.errors import RepriseError
from reprise.runner.jobs.find import experiment_names
from reprise.runner.lint.findings import LintFinding
from reprise.runner.record.records import read_record
from reprise.runner.vcs import repositories
from reprise.runner.worktree.ignoring import IN_REPOSITORY, is_ignored, read_ignored
from reprise.schemas import tags
from reprise.schemas.job import Checkout
from reprise.schemas.record.observed_record import ObservedRecord
from reprise.schemas.record.run_record import RunRecord
from reprise.tracking.base import Tracking
from reprise.tracking.registry import open_tracking

UNDECLARED, UNREAD = "undeclared-read", "unread-input"

_FILE = "MLproject"
_LOOKED_AT = 200  # runs
_REASON = "it is not in the commit: elsewhere it is missing, or different"
_FIX = "declare it as a parameter of type path, or move it into the project and commit it"
_UNREAD_REASON = (
    "its digest is compared although the run may not depend on it, or a library reads it unobserved"
)
_UNREAD_FIX = "remove the parameter, or silence the finding where a library reads the file"
_CACHES = {".cache", ".config", "Caches"}


def reads_of_last_run(checkout: Checkout) -> tuple[LintFinding, ...]:
    """Yield findings on the newest run of the project in the default store, if there is one."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or None
    if uri is None and not paths.find_store(paths.here()).is_dir():
        return ()
    try:
        tracking = open_tracking(uri, paths.here())
        try:
            record = _last_record(tracking, checkout.name)
        finally:
            tracking.close()
    except RepriseError:
        return ()  # missing records are not a problem of the project
    if record is None or record.observed is None:
        return ()
    return (*_find_undeclared(record, record.observed, checkout), *_find_unread(record, record.observed))


def _last_record(tracking: Tracking, name: str) -> RunRecord | None:
    page = tracking.search_runs(list(experiment_names(tracking)), max_results=_LOOKED_AT)
    run = next((run for run in page.items if run.tags.get(tags.SOURCE_NAME) == name), None)
    return read_record(tracking, run.run_id) if run else None


def _find_undeclared(record: RunRecord, seen: ObservedRecord, checkout: Checkout) -> Iterator[LintFinding]:
    declared = {item.uri for item in record.inputs if item.uri}
    outside = [item.path for item in seen.inputs if item.path.startswith("/")]
    inside = [item.path for item in seen.inputs if not item.path.startswith("/")]
    for path in [
        *(path for path in outside if not _CACHES & set(path.split("/"))),
        *_filter_ignored(inside, checkout),
    ]:
        if not any(str(place) in declared for place in (path, *PurePosixPath(path).parents)):
            where = "outside of the project" if path.startswith("/") else "ignored by git"
            what = f"the last run read {path}, which is {where} and not a parameter"
            yield LintFinding(UNDECLARED, _FILE, 0, what, _REASON, _FIX)


def _filter_ignored(names: list[str], checkout: Checkout) -> list[str]:
    """Those that git ignores."""
    if checkout.repository is None or not names or repositories.is_git_missing():
        return []
    ignored, _ = read_ignored(repositories.ask_all(checkout.repository.root, [IN_REPOSITORY])[0])
    return [name for name in names if is_ignored(name, ignored)]


def _find_unread(record: RunRecord, seen: ObservedRecord) -> Iterator[LintFinding]:
    """Declared inputs that no process touched; nothing is said where not all of them were observed."""
    if seen.faults:
        return
    read = {str(place) for item in seen.inputs for place in (item.path, *PurePosixPath(item.path).parents)}
    for item in record.inputs:
        if item.kind != "dataset" and item.uri is not None and item.uri not in read:
            what = (
                f"the last run had the input {item.name} ({item.uri}), but did not read it "
                "as far as observed"
            )
            yield LintFinding(UNREAD, _FILE, 0, what, _UNREAD_REASON, _UNREAD_FIX)
