"""The output of a run: what it printed until now, and what it prints while we look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from reprise.errors import TrackingError, UsageError
from reprise.file_lock import scratch
from reprise.runner.jobs.stores import artifact_folder, jobs_folder
from reprise.runner.runs.lifecycle import ENV_LOG_ARTIFACT, LOG_ARTIFACT
from reprise.runner.runs.reap import reap
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.job import RunStatus
from reprise.tracking.base import Tracking

_PIECE = 1 << 16  # bytes
_PAUSE = 0.1
_STATUS_PAUSE = 1.0


def output(tracking: Tracking, run: Run, *, environment: bool = False) -> Iterator[bytes]:
    """Everything that the run (or the making of its environment) has printed so far, in pieces."""
    name = ENV_LOG_ARTIFACT if environment else LOG_ARTIFACT
    if (local := _local(tracking, run, name)) is not None:
        yield from _pieces(local)
        return
    with scratch() as folder:
        target = Path(folder) / "log"
        try:
            tracking.download_artifact(run.run_id, name, target)
        except TrackingError as error:
            raise UsageError(f"run {run.run_id} has no {name}", hint=_absence(run, environment)) from error
        yield from _pieces(target)


def follow(tracking: Tracking, run: Run) -> Iterator[bytes]:
    """The output so far, then what comes, until the run has ended."""
    path = _local(tracking, run, LOG_ARTIFACT)
    if path is None:
        yield from output(tracking, run)
        return
    asked = 0.0
    ended = False
    with path.open("rb") as stream:
        while True:
            if data := stream.read(_PIECE):
                yield data
            elif ended:
                return
            elif time.monotonic() - asked > _STATUS_PAUSE:
                reap(tracking)  # a run whose watcher was killed prints no more
                ended = RunStatus(tracking.get_run(run.run_id).status).has_ended
                asked = time.monotonic()
            else:
                time.sleep(_PAUSE)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while data := stream.read(_PIECE):
            yield data


def _local(tracking: Tracking, run: Run, name: str) -> Path | None:
    """The log as a file of this machine: in the store's folder, or in the job's while it runs."""
    folders = [artifact_folder(tracking, run.run_id)]
    if job := run.tags.get(tags.JOB):
        folders.append(jobs_folder(tracking) / job)
    for folder in folders:
        if folder is not None and (folder / name).is_file():
            return folder / name
    return None


def _absence(run: Run, environment: bool) -> str:
    if environment and tags.JOB in run.tags:
        return "its environment already existed, or it used the current environment"
    if RunStatus(run.status).has_ended:
        return "only runs started by reprise have their output"
    return "it runs on another machine; its output is stored when it ends"
