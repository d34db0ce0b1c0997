"""The record of a run that has ended: what it left, and what it took."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reprise import disk
from reprise.envs import registry as envs
from reprise.runner.capture import inputs
from reprise.runner.capture.initial_record import TAG_LIMIT, attempt_step, describe_lacks, objects_of
from reprise.runner.capture.reads import keep_reads
from reprise.runner.capture.touched import make_observed
from reprise.runner.planning import guards
from reprise.runner.record import contents, digests
from reprise.runner.record.records import RECORD_ARTIFACT, write_record
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.job import Outcome, RunStatus, Usage
from reprise.schemas.record import run_files
from reprise.schemas.record.run_record import (
    ArtifactRecord,
    InputRecord,
    ModelRecord,
    RunRecord,
    SourceRecord,
    from_json,
)

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)


def complete_record(
    tracking: Tracking,
    run: Run,
    folder: Path,
    job: Path,
    outcome: Outcome,
    ended: int,
    record: RunRecord | None,
) -> dict[str, str]:
    """Complete the record in ``folder``, and return the matching tags.

    Args:
        job: the folder of the run's job, with the notes of its processes.
        outcome: how the run ended, ``ended`` ms since the epoch.
        record: the record; None: the one in ``folder``. A run of an earlier version may have none.
    """
    notes: list[str] = []
    if record is None:
        record = attempt_step(lambda: _read_record(folder), notes, "the run's record")
    if record is None:
        return {}
    usage = outcome.usage
    manager = envs.MANAGERS.get(record.environment.manager) if record.environment else None
    if manager is not None and manager.IS_ISOLATED:
        usage = Usage(usage.wall_seconds)  # what else is known is of the client, not of the container
    artifacts = attempt_step(
        lambda: tuple(_list_artifacts(tracking, run.run_id, "")), notes, "the artifacts"
    )
    models = attempt_step(lambda: _list_models(tracking, run), notes, "the logged models")
    datasets = attempt_step(lambda: _list_datasets(tracking, run), notes, "the datasets")
    source = attempt_step(partial(_keep_reads, tracking, record, job), notes, "what the run read")
    observed = attempt_step(
        partial(make_observed, job, record, hurry=outcome.status is RunStatus.KILLED),
        notes,
        "what the run read",
    )
    record = record._replace(
        run_name=run.run_name,
        inputs=(*(item for item in record.inputs if item.kind != "dataset"), *(datasets or ())),
        source=source or record.source,
        observed=observed,
        ended=ended,
        status=str(outcome.status),
        exit_code=outcome.exit_code,
        reason=outcome.reason,
        usage=usage,
        artifacts=artifacts or (),
        models=models or (),
        tags={name: text for name, text in run.tags.items() if tags.is_own(name)},
        logs=attempt_step(lambda: tuple(_list_logs(folder)), notes, "the logs") or (),
        notes=tuple(dict.fromkeys([*record.notes, *notes])),
    )
    for note in notes:
        log.warning("%s", note)
    try:
        write_record(folder, record)
    except OSError as error:
        log.warning("cannot write the run's record: %s", disk.reason_of(error, folder))
    return _make_tags(record)


def _keep_reads(tracking: Tracking, record: RunRecord, job: Path) -> SourceRecord:
    objects = objects_of(tracking, job)
    with contents.add_contents(objects):
        return keep_reads(record.source, job, objects, guards.capture_limit())


def _read_record(folder: Path) -> RunRecord | None:
    file = folder / RECORD_ARTIFACT
    if not file.exists():
        return None
    content = file.read_bytes()
    if not content.endswith(b"}\n"):  # a power cut during the run took it, or its end
        file.unlink()
        raise ValueError("a power cut took it")
    return from_json(content)


def _list_artifacts(tracking: Tracking, owner: str, folder: str) -> Iterator[ArtifactRecord]:
    """The files of a run or a logged model, but for our own."""
    for found in tracking.list_artifacts(owner, folder):
        if found.is_dir:
            yield from _list_artifacts(tracking, owner, found.path)
        elif found.path not in run_files.OWN_FILES:
            yield ArtifactRecord(found.path, found.size, _digest_of(tracking, owner, found.path))


def _digest_of(tracking: Tracking, owner: str, path: str) -> str | None:
    """Return the digest stored in this store; another store would have to send the whole file."""
    stored = tracking.artifact_digest(owner, path)
    return None if stored is None else f"sha256:{stored.sha256}"


def _list_models(tracking: Tracking, run: Run) -> tuple[ModelRecord, ...]:
    made = [tracking.get_logged_model(link.model_id) for link in run.model_outputs]
    return tuple(
        ModelRecord(model.model_id, model.name, tuple(_list_artifacts(tracking, model.model_id, "")))
        for model in made
    )


def _list_datasets(tracking: Tracking, run: Run) -> tuple[InputRecord, ...]:
    return tuple(inputs.record_dataset(logged) for logged in run.dataset_inputs)


def _list_logs(folder: Path) -> Iterator[ArtifactRecord]:
    for name in sorted(run_files.OWN_FILES - {run_files.RECORD, run_files.CONTENTS}):
        file = folder / name
        if file.is_file() and file.stat().st_size:
            sha256, size = digests.of_bytes(file)
            yield ArtifactRecord(name, size, f"sha256:{sha256}")


def _make_tags(record: RunRecord) -> dict[str, str]:
    told: dict[str, str] = {}
    if lacking := describe_lacks(record):
        told[tags.CAPTURE_INCOMPLETE] = lacking[:TAG_LIMIT]
    if record.source.commit is not None:
        told[tags.DIRTY] = str(record.source.dirty).lower()
    if record.usage.cpu_seconds is not None:
        told[tags.CPU_SECONDS] = f"{record.usage.cpu_seconds:g}"
    if record.usage.peak_memory is not None:
        told[tags.PEAK_MEMORY] = str(record.usage.peak_memory)
    return told
