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
    """The bundle in a folder of its own for the time of the block; each file is what the manifest says.

    Raises:
        SourceError: it is no bundle, holds what must not be unpacked, or is not as it was made.
        UsageError: there is no such file.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}", hint="reprise bundle RUN -o FILE makes one")
    with scratch() as place:
        folder = place / "bundle"
        archives.unpack_archive(file, folder)
        yield Bundle(folder, _check_manifest(folder, file))


def check_provenance(bundle: Bundle, key: Path | None) -> Provenance:
    """How the run made its artifacts, found to be about the files of this bundle.

    Args:
        key: the public key, as a PEM file, that must have signed it. Without one a signature is checked
            against the key that stands beside it, which tells changes and not who signed.

    Raises:
        SourceError: there is none, it is about others, or a signature is broken, missing or of another key.
        UsageError: ``key`` is no public key.
    """
    found = signing.open_statement(_read_file(bundle.folder, layout.PROVENANCE).removesuffix(b"\n"))
    statement.check_statement(found.statement, bundle.folder, bundle.manifest)
    if key is not None:
        signing.demand_signature(found, signing.public_key(key))
    is_checked = signing.check_signatures(found, bundle.manifest.signed_by)
    if found.signatures and key is None:
        so_far = "The bundle is as it was signed" if is_checked else "The signature was not checked"
        log.warning("%s; whose key that was is not known: --key PUB checks it", so_far)
    return found


def record_of(bundle: Bundle) -> RunRecord:
    """The record of the run.

    Raises:
        SourceError: there is none.
        TrackingError: it is none, or of a newer version.
    """
    return from_json(_read_file(bundle.folder, f"{layout.ARTIFACTS}/{RECORD_ARTIFACT}"))


def _read_file(folder: Path, name: str) -> bytes:
    """What each bundle has; its manifest need not name it, for that may be anybody's."""
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise SourceError(f"the bundle has no {name}", hint="get it again") from None


def bring_in(tracking: Tracking, bundle: Bundle) -> None:
    """Put the run into the store, under its own id, with all that it is restored from.

    A run that is there already stays as it is.

    Raises:
        UsageError: the store is no folder of this machine, or has another run of this id.
        SourceError: the bundle cannot be read.
        TrackingError: the store cannot take it.
    """
    from reprise.tracking.copy.base import title_of
    from reprise.tracking.copy.embedded.destination import EmbeddedDestination
    from reprise.tracking.copy.transfer import Transfer

    if tracking.home is None:
        raise UsageError(
            f"a bundle is brought into a store of this machine, and {tracking.uri} is none",
            hint="--tracking-uri FOLDER names one, which is made when it is not there",
        )
    data = tracked.from_json(_read_file(bundle.folder, layout.TRACKING))
    record = record_of(bundle)
    if not re.fullmatch("[0-9a-f]{32}", data.run.run_id):
        raise SourceError(f'"{shorten_text(data.run.run_id)}" in the bundle is not the id of a run')
    if not data.run.run_id == record.run_id == bundle.manifest.run_id:
        raise SourceError("the bundle is of several runs at once: its files name different ones")
    objects = tracking.home / contents.FOLDER
    try:
        with contents.add_contents(objects):
            for file in layout.list_files(bundle.folder / layout.OBJECTS):
                contents.keep_content(objects, file.read_bytes())
            with EmbeddedDestination(tracking.home) as destination:
                is_there = destination.is_complete(data.run.run_id)
                transfer = Transfer(tracked.BundleSource(bundle.folder, data), destination)
                if not is_there:
                    transfer.transfer_experiments()
    except OSError as error:
        reason = error.strerror or error
        raise TrackingError(
            f"the run cannot be brought into {tracking.uri}: {reason}",
            hint="--tracking-uri FOLDER names another store",
        ) from error
    own = {title_of(data.run), *map(title_of, data.models)}
    if faults := [fault for fault in transfer.make_census().differences if fault.owner in own]:
        told = "; ".join(f"{fault.owner}: {fault.name or fault.kind}: {fault.reason}" for fault in faults)
        raise SourceError(f"the run cannot be brought in: {told}")
    if is_there and _facts_of(read_record(tracking, record.run_id)) != _facts_of(record):
        raise UsageError(
            f"the store {tracking.uri} has another run {record.run_id}, with other results",
            hint="--tracking-uri FOLDER names another store",
        )
    if bundle.packages is not None and record.environment is not None:
        packages.unpack_packages(record.environment.manager, bundle.packages)
    log.info("Brought run %s into %s", record.run_id, tracking.uri)


def _facts_of(record: RunRecord | None) -> object:
    """What two records of one run have in common, whoever holds them."""
    return record and (record.started, record.ended, record.artifacts, record.models, record.parameters)


def _check_manifest(folder: Path, file: Path) -> BundleManifest:
    """The manifest, to which all files are true."""
    if any(path.is_symlink() for path in layout.list_files(folder)):
        raise SourceError(f"{file} is refused: it holds a link, and no bundle does")
    try:
        manifest = layout.from_json((folder / layout.MANIFEST).read_bytes())
    except FileNotFoundError:
        hint = "reprise bundle RUN makes one"
        raise SourceError(f"{file} is no bundle: it has no {layout.MANIFEST}", hint=hint) from None
    wrong = _compare_files(folder, manifest)
    if wrong:
        listed = "".join(f"\n  {line}" for line in wrong[:_SHOWN])
        more = f"\n  and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise SourceError(f"{file} is not as it was made:{listed}{more}", hint="get it again")
    for name, path in manifest.inputs.items():
        try:
            there = confined(folder, path, f"the input {name}").exists()
        except UsageError:
            raise SourceError(f'{file} is refused: the input {name}, "{path}", leaves it') from None
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
