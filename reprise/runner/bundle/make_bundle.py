"""Write one file with everything needed to reproduce a run."""

from __future__ import annotations

import logging
from pathlib import Path

import reprise
from reprise.errors import UsageError
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.runner.bundle import crate, layout, packages, packing, signing, source, statement, tracked
from reprise.runner.bundle.layout import BundleManifest
from reprise.runner.jobs.find import find_run
from reprise.runner.jobs.signals import interruptible
from reprise.runner.record import contents
from reprise.runner.record.records import read_record, write_record
from reprise.runner.restore import environments
from reprise.runner.restore.source import SourceOrigin
from reprise.runner.sources import working_copy
from reprise.schemas.entities import Run
from reprise.schemas.job import RunStatus
from reprise.schemas.record.run_record import LeftOut, RunRecord
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

MAX_INPUT = 100 * 10**6
"""Bytes; a larger input is left out unless the user wants it."""


class WantedBundle(NamedTuple):
    """``max_input``: bytes that an input may have; ``key``: the private key that signs the provenance."""

    packages: bool = False
    max_input: int = MAX_INPUT
    key: Path | None = None
    offline: bool = False


class BundleFile(NamedTuple):
    """``size`` in bytes, of the file ``path``; ``files`` is their number in it."""

    path: Path
    run_id: str
    size: int
    files: int
    left_out: tuple[LeftOut, ...]


def make_bundle(
    tracking: Tracking, reference: str, target: Path | None, wanted: WantedBundle
) -> BundleFile:
    """Bundle the run ``reference`` into ``target``, by default ``<run>.zip`` in the current folder.

    Raises:
        UsageError: the run does not exist, is running or has no record, or the file cannot be written.
        SourceError, EnvError: its source, or a requested package, is not available.
    """
    run = find_run(tracking, reference)
    record = _read_record(tracking, run)
    target = target or Path(f"{run.run_id[:8]}.zip")
    if target.exists():
        raise UsageError(f"{target} exists already", hint="use -o to write another file")
    if not target.parent.is_dir():
        raise UsageError(
            f"there is no folder {target.parent}", hint="create it, or use -o to write another file"
        )
    with interruptible(), scratch() as folder:
        manifest = _fill_folder(tracking, run, record, folder, wanted)
        size = packing.pack_folder(folder, target)
    return BundleFile(target, run.run_id, size, len(manifest.files), manifest.left_out)


def _read_record(tracking: Tracking, run: Run) -> RunRecord:
    if not RunStatus(run.status).has_ended:
        raise UsageError(
            f"run {run.run_id} is {run.status}: it can only be bundled after its end",
            hint=f"wait for its end with reprise runs logs {run.run_id[:8]} -f",
        )
    record = read_record(tracking, run.run_id)
    if record is None:
        raise UsageError(
            f"run {run.run_id} was not recorded by reprise, so it cannot be bundled",
            hint="reprise reproduce reruns it from what MLflow recorded; the new run can be bundled",
        )
    return record


def _fill_folder(
    tracking: Tracking, run: Run, record: RunRecord, folder: Path, wanted: WantedBundle
) -> BundleManifest:
    """Write everything but the zip file."""
    key = signing.private_key(wanted.key) if wanted.key else None
    origin = SourceOrigin(tracking, run.run_id, record.source.uri, record.source)
    record, checkout = source.put_source(origin, record, folder, wanted.offline)
    try:
        inputs, left_out = source.put_inputs(
            origin, record, checkout, folder, wanted.max_input, wanted.offline
        )
    finally:
        working_copy.discard_checkout(checkout)
    _put_results(tracking, run, record, folder)
    if wanted.packages:
        lock = environments.add_credentials(environments.lock_of(tracking, run), tracking, run)
        packages.put_packages(lock, folder / layout.PACKAGES, offline=wanted.offline)
    told = tracked.read_tracked(tracking, run)
    (folder / layout.TRACKING).write_text(
        tracked.to_json(told), encoding="utf-8", errors="backslashreplace"
    )
    signed_by = signing.key_id(key.public_key()) if key else None
    manifest = BundleManifest(run.run_id, reprise.__version__, inputs, left_out, signed_by=signed_by)
    crate.write_crate(folder, manifest, record, run)
    manifest = manifest._replace(files=layout.make_entries(folder))
    (folder / layout.MANIFEST).write_text(
        layout.to_json(manifest), encoding="utf-8", errors="backslashreplace"
    )
    said = statement.to_bytes(statement.make_statement(folder, manifest, record))
    line = signing.seal_statement(said, key) if key else said
    (folder / layout.PROVENANCE).write_bytes(line + b"\n")
    return manifest


def _put_results(tracking: Tracking, run: Run, record: RunRecord, folder: Path) -> None:
    """The artifacts, with the record as it is now, and the files of logged models."""
    artifacts = folder / layout.ARTIFACTS
    tracking.download_artifact(run.run_id, "", artifacts)
    (artifacts / contents.ARTIFACT).unlink(missing_ok=True)  # a store elsewhere: they are in objects/
    write_record(artifacts, record)
    for link in run.model_outputs:
        (folder / layout.MODELS).mkdir(exist_ok=True)
        if tracking.list_artifacts(link.model_id):
            tracking.download_artifact(link.model_id, "", folder / layout.MODELS / link.model_id)
    for path in layout.list_files(artifacts):
        if path.is_symlink():
            path.unlink()
