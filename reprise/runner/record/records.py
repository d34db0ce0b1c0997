"""The record of a run, ``reprise/run.json``: read from any store, and written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reprise import durable, units
from reprise.errors import TrackingError
from reprise.file_lock import scratch
from reprise.runner.jobs.stores import artifact_folder
from reprise.runner.record import contents
from reprise.schemas.record import run_files
from reprise.schemas.record.run_record import RunRecord, from_json, to_json

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

RECORD_ARTIFACT = run_files.RECORD
_LARGEST = 64 << 20  # bytes; it is read as a whole, and is not trusted


def read_record(tracking: Tracking, run_id: str) -> RunRecord | None:
    """Return the record of a run; None if it has none, for example a run of plain MLflow.

    Raises:
        TrackingError: the run does not exist, or its record cannot be read.
    """
    sizes = {artifact.path: artifact.size for artifact in tracking.list_artifacts(run_id, "reprise")}
    if RECORD_ARTIFACT not in sizes:
        return None
    if (size := sizes[RECORD_ARTIFACT] or 0) > _LARGEST:
        message = f"the record of run {run_id} cannot be read: {units.size(size)} is too large for a record"
        raise TrackingError(message, code="INVALID_PARAMETER_VALUE")
    try:
        with scratch() as folder:
            file = Path(folder) / "run.json"
            tracking.download_artifact(run_id, RECORD_ARTIFACT, file)
            return from_json(file.read_bytes())
    except TrackingError as error:
        message = f"cannot read the record of run {run_id}: {error.message}"
        raise TrackingError(message, code=error.code, hint=error.hint) from error


def write_record(folder: Path, record: RunRecord) -> None:
    """Put the record into ``folder``, which holds the run's artifacts or will be stored as such."""
    durable.write_file(folder / RECORD_ARTIFACT, to_json(record))


def note_record(folder: Path, record: RunRecord) -> None:
    """Put the record of a running run into ``folder``: it is written again when the run ends."""
    durable.write_note(folder / RECORD_ARTIFACT, to_json(record))


def send_record(tracking: Tracking, run_id: str, folder: Path, job: Path) -> None:
    """Store the record in ``folder``, and the contents in ``job``, with a run whose store is elsewhere.

    Raises:
        TrackingError: the store refused it.
    """
    if (folder / RECORD_ARTIFACT).exists() and folder != artifact_folder(tracking, run_id):
        tracking.upload_artifact(run_id, folder / RECORD_ARTIFACT, RECORD_ARTIFACT)
    contents.upload_contents(tracking, run_id, job / contents.FOLDER)
