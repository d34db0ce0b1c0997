"""A run in the tracking store: opened with its tags and params, closed with the truth."""

from __future__ import annotations

import getpass
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import reprise
from reprise import durable, file_lock, paths
from reprise.errors import RepriseError, TrackingError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.redact import redact
from reprise.runner.capture.final_record import complete_record
from reprise.runner.capture.initial_record import outline_record
from reprise.runner.capture.inputs import Inputs
from reprise.runner.jobs.lease import Lease, job_lives
from reprise.runner.jobs.stores import artifact_folder, jobs_folder, store_folder
from reprise.runner.planning.bind import MASK
from reprise.runner.planning.plan import Plan
from reprise.runner.record.records import send_record
from reprise.runner.run_clock import RunClock
from reprise.schemas import tags
from reprise.schemas.entities import DELETED, Run
from reprise.schemas.job import Invocation, Outcome, RunRequest, RunStatus
from reprise.schemas.record import run_files
from reprise.schemas.record.run_record import RunRecord
from reprise.tracking.names import now

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

LOG_ARTIFACT = run_files.OUTPUT_LOG
STREAMS_ARTIFACT = run_files.OUTPUT_STREAMS
ENV_LOG_ARTIFACT = run_files.ENVIRONMENT_LOG
ENV_LOCK_ARTIFACT = run_files.ENVIRONMENT_LOCK

_TAG_LIMIT = 5000
_TAIL_LINES = 20
_OF_THE_END = (tags.REASON, tags.EXIT_CODE, tags.CAPTURE_INCOMPLETE, tags.CPU_SECONDS, tags.PEAK_MEMORY)


class OpenRun(NamedTuple):
    """A run that we are responsible for until it is closed; ``folder`` has its logs and its record.

    ``inputs`` are those whose digests are computed during the run.
    """

    run_id: str
    experiment_id: str
    lease: Lease
    folder: Path
    record: RunRecord
    inputs: Inputs = Inputs(())
    clock: RunClock | None = None

    @property
    def output_log(self) -> Path:
        return self.folder / LOG_ARTIFACT

    @property
    def environment_log(self) -> Path:
        return self.folder / ENV_LOG_ARTIFACT

    @property
    def environment_lock(self) -> Path:
        return self.folder / ENV_LOCK_ARTIFACT


def open_run(tracking: Tracking, plan: Plan) -> OpenRun:
    """Open the run, or resume ``request.run_id``, with everything known about it before it starts.

    Must not be interrupted: the caller blocks signals until the run has an owner.
    """
    store = None if store_folder(tracking) else tracking.uri
    clock = RunClock.start()
    lease = Lease.take(jobs_folder(tracking), store, plan.checkout.temporary)
    try:
        run = _resumed(tracking, plan) if plan.request.run_id else _created(tracking, plan, lease)
    except BaseException:
        lease.release()
        raise
    record = outline_record(plan, run)
    opened = OpenRun(run.run_id, run.experiment_id, lease, lease.folder, record, clock=clock)
    try:
        lease.names(run.run_id)
        opened = opened._replace(folder=artifact_folder(tracking, run.run_id) or lease.folder)
        durable.make_folders(_folder_of_experiment(opened.folder))
        opened.output_log.parent.mkdir(parents=True, exist_ok=True)
        opened.output_log.touch()
        _tell_start(tracking, plan, run, lease)
    except (RepriseError, OSError) as error:
        close_run(tracking, opened, Outcome(run.run_id, RunStatus.FAILED, reason=str(error)))
        if isinstance(error, OSError):
            raise TrackingError(f"cannot store the run's log: {error}") from error
        raise
    return opened


def close_run(tracking: Tracking, opened: OpenRun, outcome: Outcome) -> Outcome:
    """Record how the run ended; returns the outcome as recorded.

    A run marked FAILED or KILLED by its own script stays so, whatever the exit code. What cannot be
    recorded now is recorded by the next command.
    """
    ended = opened.clock.now() if opened.clock else now()
    tracking.make_room()
    try:
        opened.lease.ends(outcome, ended)
    except OSError as error:  # a full disk; the store is updated anyway
        log.debug("job folder: %s", error)
    try:
        outcome = tell_outcome(
            tracking, outcome, opened.folder, opened.lease.folder, ended, record=opened.record
        )
        keep_logs(tracking, opened.run_id, opened.folder)
        send_record(tracking, opened.run_id, opened.folder, opened.lease.folder)
    except (RepriseError, OSError) as error:
        outcome = outcome._replace(unrecorded=f"{error}; the rest is in {opened.lease.folder}")
        log.error(
            "run %s ended %s; not all is recorded yet: %s, and recorded by the next command that reaches"
            " the store",
            *(outcome.run_id, outcome.status, outcome.unrecorded),
        )
        opened.lease.abandon()
    except BaseException:
        opened.lease.abandon()
        raise
    else:
        opened.lease.release()
    return outcome


def tell_outcome(
    tracking: Tracking,
    outcome: Outcome,
    folder: Path,
    job: Path,
    end_time: int | None = None,
    record: RunRecord | None = None,
) -> Outcome:
    """Complete the run's record, and store its final status and end time (None: now).

    ``folder`` has its log, whose last lines are part of the reason, and its record if ``record`` is None;
    ``job`` is the folder of its job.
    """
    run = tracking.get_run(outcome.run_id)
    end_time = end_time or now()
    told = RunStatus(run.status)
    if outcome.status is RunStatus.FINISHED and told in (RunStatus.FAILED, RunStatus.KILLED):
        outcome = outcome._replace(status=told, reason=f"the script marked the run {told}")
    place = artifact_folder(tracking, run.run_id) or folder
    _sync(tracking, place)
    told_tags = complete_record(tracking, run, place, job, outcome, end_time, record)
    if outcome.exit_code is not None:
        told_tags[tags.EXIT_CODE] = str(outcome.exit_code)
    if outcome.reason:
        end = tail(folder / LOG_ARTIFACT)
        outcome = outcome._replace(last_lines=tuple(end.splitlines()))
        told_tags[tags.REASON] = f"{outcome.reason}\n{end}".strip()[:_TAG_LIMIT]
    if told_tags:
        tracking.log_batch(outcome.run_id, tags=told_tags)
    tracking.update_run(outcome.run_id, status=outcome.status, end_time=end_time)
    return outcome


def _sync(tracking: Tracking, place: Path) -> None:
    """See on the disk what the run kept in ``place``, where that is a store of this machine.

    The folder of it all is synced when the record gets its name.
    """
    if store_folder(tracking) is None or not place.is_dir():
        return
    logs = (place / LOG_ARTIFACT).parent
    for folder in (place, logs):
        file_lock.sweep_dead(folder, file_lock.ARRIVING)
    files = (place / name for name in (LOG_ARTIFACT, STREAMS_ARTIFACT, ENV_LOG_ARTIFACT, ENV_LOCK_ARTIFACT))
    durable.sync_files(files)
    durable.make_folders(logs, _folder_of_experiment(place))


def _folder_of_experiment(place: Path) -> Path:
    """Return the folder of the experiment's runs, whose artifacts are in ``place``."""
    return place.parent.parent


def keep_logs(tracking: Tracking, run_id: str, folder: Path) -> None:
    """Store the logs and the lock as artifacts, unless ``folder`` is the folder of the artifacts."""
    if folder == artifact_folder(tracking, run_id):
        return
    for name in (LOG_ARTIFACT, STREAMS_ARTIFACT, ENV_LOG_ARTIFACT, ENV_LOCK_ARTIFACT):
        if (folder / name).exists() and (folder / name).stat().st_size:
            tracking.upload_artifact(run_id, folder / name, name)


def tail(path: Path, lines: int = _TAIL_LINES) -> str:
    """The last lines of a log, decoded as UTF-8 with replacement; empty when there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - 64 * 1024))
            text = stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _created(tracking: Tracking, plan: Plan, lease: Lease) -> Run:
    return tracking.create_run(
        choose_experiment(tracking, plan.request),
        start_time=now(),
        user_id=user_name(),
        run_name=plan.request.run_name,
        tags={**planned_tags(plan), tags.JOB: lease.name},
    )


def _resumed(tracking: Tracking, plan: Plan) -> Run:
    assert plan.request.run_id is not None
    run = tracking.get_run(plan.request.run_id)
    if run.lifecycle_stage == DELETED:
        raise TrackingError(f"run {run.run_id} is deleted")
    if (job := run.tags.get(tags.JOB)) and job_lives(jobs_folder(tracking), job):
        hint = f"stop it with reprise runs stop {run.run_id[:8]}"
        raise UsageError(f"run {run.run_id} is already running", hint=hint)
    tracking.update_run(run.run_id, status=RunStatus.RUNNING, run_name=plan.request.run_name)
    return run


def _tell_start(tracking: Tracking, plan: Plan, run: Run, lease: Lease) -> None:
    """The params; and for a resumed run its tags, in place of what its last end has left."""
    told = {}
    if plan.request.run_id:
        told = {**planned_tags(plan), tags.JOB: lease.name}
        told |= {name: "" for name in _OF_THE_END if name in run.tags}
    params = _new_params(run, plan.invocation, tracking.longest_param)
    tracking.log_batch(run.run_id, params=params, tags=told)


def choose_experiment(tracking: Tracking, request: RunRequest) -> str:
    """Return the experiment's id; a missing name is created."""
    if request.experiment_id is not None:
        try:
            return tracking.get_experiment(request.experiment_id).experiment_id
        except TrackingError as error:
            if error.code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise UsageError(
                f"there is no experiment with the id {request.experiment_id!r}",
                hint="list experiments with reprise experiments list, or create one with --experiment-name",
            ) from error
    if request.experiment_name is None:
        return "0"
    if (found := tracking.get_experiment_by_name(request.experiment_name)) is not None:
        return found.experiment_id
    try:
        return tracking.create_experiment(request.experiment_name)
    except TrackingError as error:
        found = tracking.get_experiment_by_name(request.experiment_name)
        if error.code != "RESOURCE_ALREADY_EXISTS" or found is None:
            raise
        return found.experiment_id  # another process made it in between


def planned_tags(plan: Plan) -> dict[str, str]:
    """The tags that a run of ``plan`` starts with."""
    repository = plan.checkout.repository
    told: dict[str, str | None] = {
        tags.USER: user_name(),
        tags.SOURCE_NAME: plan.checkout.source_name or plan.checkout.name,
        tags.SOURCE_TYPE: "PROJECT",
        tags.ENTRY_POINT: plan.entry_point.name,
        tags.PROJECT_ENV: plan.env_manager,
        tags.PROJECT_BACKEND: plan.request.backend,
        tags.PARENT_RUN_ID: plan.request.parent_run_id,
        tags.COMMAND: redact(plan.shown_command)[:_TAG_LIMIT],
        tags.VERSION: reprise.__version__,
        tags.SANDBOX: plan.request.sandbox.describe if plan.request.sandbox else None,
    }
    if repository is not None:
        told[tags.GIT_COMMIT] = repository.commit
        told[tags.GIT_BRANCH] = repository.branch
        told[tags.GIT_REPO_URL] = plan.checkout.repository_url or repository.url
        told[tags.DIRTY] = str(repository.dirty).lower()
    told |= plan.request.tags
    told |= plan.again.tags if plan.again else {}
    return {name: paths.printable(value) for name, value in told.items() if value is not None}


def _new_params(run: Run, invocation: Invocation, limit: int | None) -> dict[str, str]:
    """The params to log, as typed; those that a resumed run has already keep their value."""
    params = {}
    for item in invocation.parameters:
        text = MASK if item.secret else item.text
        if limit is not None and len(text) > limit:
            log.warning("param %s: logged the first %d of %d characters", item.name, limit, len(text))
            text = text[:limit]
        if item.name not in run.params:
            params[item.name] = text
        elif run.params[item.name] != text:
            log.warning("param %s: run %s keeps %r", item.name, run.run_id, run.params[item.name])
    return params


def user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user without a name
        return "unknown"
