"""A bundle unpacked, found whole, and brought into a store."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprise.errors import SourceError, TrackingError, UsageError
from reprise.file_lock import scratch
from reprise.paths import confined
from reprise.runner.bundle import layout, packages, signing, statement, tracked
from reprise.runner.bundle.layout import Bundle, BundleManifest
from reprise.runner.bundle.signing import Provenance
from reprise.runner.record import contents
from reprise.runner.record.records import RECORD_ARTIFACT, read_record
from reprise.runner.sources import archives
from reprise.schemas.faults import shorten_text
from reprise.schemas.record.run_record import RunRecord, from_json
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_SHOWN = 5


def is_bundle(reference: str) -> bool:
    """Whether the word for a run is the path of a bundle; no id ends like that."""
    return reference.endswith(".zip") or Path(reference).is_file()


@contextmanager
def open_bundle(file: Path) -> Iterator[Bundle]:
    """Unpack the bundle into its own folder for the block, and verify each file against the manifest.

    Raises:
        SourceError: it is not a bundle, contains something unsafe, or was changed.
        UsageError: the file does not exist.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}", hint="create a bundle with reprise bundle RUN -o FILE")
    with scratch() as place:
        folder = place / "bundle"
        archives.unpack_archive(file, folder)
        yield Bundle(folder, _check_manifest(folder, file))


def check_provenance(bundle: Bundle, key: Path | None) -> Provenance:
    """Return the provenance, after verifying that it is about the files of this bundle.

    Args:
        key: the required public key, as a PEM file. Without it, a signature is verified with the key in the
            bundle, which detects changes but does not identify the signer.

    Raises:
        SourceError: it is missing, about other files, or a signature is broken, missing or of another key.
        UsageError: ``key`` is not a public key.
    """
    found = signing.open_statement(_read_file(bundle.folder, layout.PROVENANCE).removesuffix(b"\n"))
    statement.check_statement(found.statement, bundle.folder, bundle.manifest)
    if key is not None:
        signing.demand_signature(found, signing.public_key(key))
    is_checked = signing.check_signatures(found, bundle.manifest.signed_by)
    if found.signatures and key is None:
        so_far = "The bundle matches its signature" if is_checked else "The signature was not checked"
        log.warning("%s; the signer is not known: use --key PUB to verify it", so_far)
    return found


def record_of(bundle: Bundle) -> RunRecord:
    """The record of the run.

    Raises:
        SourceError: there is none.
        TrackingError: it is none, or of a newer version.
    """
    return from_json(_read_file(bundle.folder, f"{layout.ARTIFACTS}/{RECORD_ARTIFACT}"))


def _read_file(folder: Path, name: str) -> bytes:
    """Return a file that every bundle has, even if the manifest, which is not trusted, does not list it."""
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise SourceError(f"the bundle has no {name}", hint="download it again") from None


def bring_in(tracking: Tracking, bundle: Bundle) -> None:
    """Import the run into the store, under its own id, with everything needed to restore it.

    An existing run is not changed.

    Raises:
        UsageError: the store is not a folder on this machine, or has another run with this id.
        SourceError: the bundle cannot be read.
        TrackingError: the store refused it.
    """
    from contextlib import closing

    from reprise.tracking.copy.transfer import Transfer
    from reprise.tracking.protocols.copying import title_of
    from reprise.tracking.registry import open_destination

    if tracking.home is None:
        raise UsageError(
            f"cannot import a bundle into {tracking.uri}: it is not a store on this machine",
            hint="use --tracking-uri FOLDER, which is created if missing",
        )
    data = tracked.from_json(_read_file(bundle.folder, layout.TRACKING))
    record = record_of(bundle)
    if not re.fullmatch("[0-9a-f]{32}", data.run.run_id):
        raise SourceError(f'"{shorten_text(data.run.run_id)}" in the bundle is not the id of a run')
    if not data.run.run_id == record.run_id == bundle.manifest.run_id:
        raise SourceError("the files of the bundle are of different runs")
    objects = tracking.home / contents.FOLDER
    try:
        with contents.add_contents(objects):
            for file in layout.list_files(bundle.folder / layout.OBJECTS):
                contents.keep_content(objects, file.read_bytes())
            with closing(open_destination(tracking.home)) as destination:
                is_there = destination.is_complete(data.run.run_id)
                transfer = Transfer(tracked.BundleSource(bundle.folder, data), destination)
                if not is_there:
                    transfer.transfer_experiments()
    except OSError as error:
        reason = error.strerror or error
        raise TrackingError(
            f"cannot import the run into {tracking.uri}: {reason}",
            hint="use --tracking-uri FOLDER to select another store",
        ) from error
    own = {title_of(data.run), *map(title_of, data.models)}
    if faults := [fault for fault in transfer.make_census().differences if fault.owner in own]:
        told = "; ".join(f"{fault.owner}: {fault.name or fault.kind}: {fault.reason}" for fault in faults)
        raise SourceError(f"cannot import the run: {told}")
    if is_there and _facts_of(read_record(tracking, record.run_id)) != _facts_of(record):
        raise UsageError(
            f"the store {tracking.uri} has another run {record.run_id}, with other results",
            hint="use --tracking-uri FOLDER to select another store",
        )
    if bundle.packages is not None and record.environment is not None:
        packages.unpack_packages(record.environment.manager, bundle.packages)
    log.info("Brought run %s into %s", record.run_id, tracking.uri)


def _facts_of(record: RunRecord | None) -> object:
    """Return what two records of the same run have in common."""
    return record and (record.started, record.ended, record.artifacts, record.models, record.parameters)


def _check_manifest(folder: Path, file: Path) -> BundleManifest:
    """The manifest, to which all files are true."""
    if any(path.is_symlink() for path in layout.list_files(folder)):
        raise SourceError(f"{file} is refused: it contains a link, which bundles never have")
    try:
        manifest = layout.from_json((folder / layout.MANIFEST).read_bytes())
    except FileNotFoundError:
        hint = "create a bundle with reprise bundle RUN"
        raise SourceError(f"{file} is not a bundle: it has no {layout.MANIFEST}", hint=hint) from None
    wrong = _compare_files(folder, manifest)
    if wrong:
        listed = "".join(f"\n  {line}" for line in wrong[:_SHOWN])
        more = f"\n  and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise SourceError(f"{file} was changed:{listed}{more}", hint="download it again")
    for name, path in manifest.inputs.items():
        try:
            there = confined(folder, path, f"the input {name}").exists()
        except UsageError:
            raise SourceError(f'{file} is refused: the input {name}, "{path}", is outside of it') from None
        if not there:
            raise SourceError(f"{file} has no {path}, the input {name}")
    return manifest


def _compare_files(folder: Path, manifest: BundleManifest) -> list[str]:
    """A line for each file that is missing, too much, or has another content."""
    there = {entry.path: entry for entry in layout.make_entries(folder)}
    said = {entry.path: entry for entry in manifest.files}
    lines = []
    for name in sorted({*there, *said}):
        found, expected = there.get(name), said.get(name)
        if found is None:
            lines.append(f"{name} is missing")
        elif expected is None:
            lines.append(f"{name} is not in the manifest")
        elif found != expected:
            lines.append(
                f"{name} has changed: it is sha256:{found.sha256} ({found.size} bytes), "
                f"and was sha256:{expected.sha256} ({expected.size} bytes)"
            )
    return lines
