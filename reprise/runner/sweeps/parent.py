"""The run that the trials of a sweep are nested in: opened, found again, closed."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

from reprise.errors import TrackingError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.jobs.find import experiment_names, find_run, iterate_runs
from reprise.runner.jobs.lease import Lease, job_lives
from reprise.runner.jobs.stores import jobs_folder, store_folder
from reprise.runner.planning.plan import Plan
from reprise.runner.runs.lifecycle import choose_experiment, planned_tags
from reprise.runner.sweeps.plan import SweepPlan, read_plan
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.job import Outcome, RunStatus
from reprise.schemas.record.run_files import SWEEP_PLAN
from reprise.tracking.base import Tracking
from reprise.tracking.names import now


class Parent(NamedTuple):
    """``lease`` is None where another process already watches the run."""

    run_id: str
    experiment_id: str
    name: str
    folder: Path
    lease: Lease | None

    @property
    def is_stop_requested(self) -> bool:
        return self.lease is not None and self.lease.stop_requested()


def open_parent(tracking: Tracking, sweep: SweepPlan, digest: str, first: Plan, name: str | None) -> Parent:
    """Make the parent run, which keeps ``sweep`` for a later process.

    Args:
        digest: finds the sweep again when the same command is given.
        first: the plan of the first trial, which gives source and environment.
    """
    lease = _take_lease(tracking)
    try:
        told = planned_tags(first) | {
            tags.COMMAND: describe_command(sweep),
            tags.SWEEP: digest,
            tags.JOB: lease.name,
        }
        run = tracking.create_run(
            choose_experiment(tracking, first.request),
            start_time=now(),
            user_id=told[tags.USER],
            run_name=name,
            tags=told,
        )
        lease.names(run.run_id)
    except BaseException:
        lease.release()
        raise
    parent = _parent(tracking, run, lease)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "sweep.json")
            path.write_text(sweep.as_json(), "utf-8")
            tracking.upload_artifact(run.run_id, path, SWEEP_PLAN)
    except BaseException as error:
        close_parent(tracking, parent, RunStatus.FAILED, str(error))
        raise
    return parent


def reopen_parent(tracking: Tracking, run: Run) -> Parent:
    """Continue a sweep; where another process works on it we join in."""
    job = run.tags.get(tags.JOB)
    if job and job_lives(jobs_folder(tracking), job):
        return _parent(tracking, run, None)
    lease = _take_lease(tracking)
    try:
        lease.names(run.run_id)
        tracking.log_batch(run.run_id, tags={tags.JOB: lease.name, tags.REASON: ""})
        tracking.update_run(run.run_id, status=RunStatus.RUNNING)
    except BaseException:
        lease.release()
        raise
    return _parent(tracking, run, lease)


def take_over(tracking: Tracking, parent: Parent) -> Parent:
    """Return the parent as ours to close, where the process that watched it has died."""
    return parent if parent.lease else reopen_parent(tracking, tracking.get_run(parent.run_id))


def close_parent(tracking: Tracking, parent: Parent, status: RunStatus, reason: str = "") -> None:
    """Record how the sweep ended, unless another process watches it."""
    if parent.lease is None:
        return
    ended = now()
    parent.lease.ends(Outcome(parent.run_id, status, reason=reason), ended)
    if reason:
        tracking.log_batch(parent.run_id, tags={tags.REASON: reason})
    tracking.update_run(parent.run_id, status=status, end_time=ended)
    parent.lease.release()


def find_unfinished(tracking: Tracking, digest: str) -> Run | None:
    """Return the newest sweep of this plan that is not FINISHED, or None."""
    if not tracking.exists:
        return None
    wanted = f"tags.`{tags.SWEEP}` = '{digest}' AND status != 'FINISHED'"
    found = tracking.search_runs(list(experiment_names(tracking)), filter=wanted, max_results=1)
    return found.items[0] if found.items else None


def find_sweep(tracking: Tracking, reference: str) -> Run:
    """Return the sweep that a name, an id or the start of one means.

    Raises:
        UsageError: there is none.
    """
    quoted = reference.replace("'", "''")
    wanted = f"attributes.run_name = '{quoted}' AND tags.`{tags.SWEEP}` != ''"
    named = tracking.search_runs(list(experiment_names(tracking)), filter=wanted, max_results=1)
    if named.items:
        return named.items[0]
    try:
        run = find_run(tracking, reference)
    except UsageError as error:
        raise UsageError(
            f'there is no sweep "{reference}" in {tracking.uri}', hint="reprise sweep list shows them"
        ) from error
    if tags.SWEEP not in run.tags:
        raise UsageError(f"run {run.run_id} is not a sweep", hint="reprise sweep list shows them")
    return run


def list_sweeps(tracking: Tracking) -> Iterator[Run]:
    """Return the sweeps of a store, newest first."""
    experiments = list(experiment_names(tracking))
    return iterate_runs(tracking, experiments, f"tags.`{tags.SWEEP}` != ''")


def list_trials(tracking: Tracking, run: Run | Parent) -> Iterator[Run]:
    """Return the runs of a sweep's trials, newest first; of a trial that was repeated every attempt."""
    wanted = f"tags.`{tags.PARENT_RUN_ID}` = '{run.run_id}' AND tags.`{tags.SWEEP_TRIAL}` != ''"
    return iterate_runs(tracking, [run.experiment_id], wanted)


def download_plan(tracking: Tracking, run: Run) -> SweepPlan:
    """Return the plan that is kept with a sweep.

    Raises:
        TrackingError: it is not there, or cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sweep.json")
        tracking.download_artifact(run.run_id, SWEEP_PLAN, path)
        try:
            return read_plan(path.read_bytes())
        except OSError as error:
            raise TrackingError(f"the plan of sweep {run.run_id} is not in the store: {error}") from error


def describe_command(sweep: SweepPlan) -> str:
    """Return the command line of a sweep as a person would type it."""
    varied = [name if text is None else f"{name}={text}" for name, text in sweep.varied.items()]
    fixed = [name if text is None else f"{name}={text}" for name, text in sweep.parameters.items()]
    words = ["reprise", "sweep", sweep.uri]
    words += [word for text in varied for word in ("-S", text)]
    words += [word for text in fixed for word in ("-P", text)]
    return shlex.join(words)


def _take_lease(tracking: Tracking) -> Lease:
    return Lease.take(jobs_folder(tracking), None if store_folder(tracking) else tracking.uri, None)


def _parent(tracking: Tracking, run: Run, lease: Lease | None) -> Parent:
    folder = jobs_folder(tracking).parent / "sweeps" / run.run_id
    return Parent(run.run_id, run.experiment_id, run.run_name, folder, lease)
