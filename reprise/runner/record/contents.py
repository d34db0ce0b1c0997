"""Contents shared by runs, each stored once by its digest: patches, files, packs of commits.

They are in ``objects/<2 hex digits>/<the rest>`` of the store. In a remote store, each run has its own as
the artifact ``reprise/source/objects.tar``. Writers hold ``objects/.lock`` shared until a record refers to
the new contents; removing unused contents needs the lock exclusively.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from reprise import durable, file_lock, paths
from reprise.errors import TrackingError
from reprise.file_lock import scratch
from reprise.runner.jobs.stores import store_folder
from reprise.schemas.record import run_files
from reprise.schemas.record.run_record import Content

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

FOLDER = "objects"
ARTIFACT = run_files.CONTENTS
ELSEWHERE = "a copy of the store may have it, or a bundle of the run"

_LOCK = ".lock"
_SENT = ".sent"
_OBJECTS = "[0-9a-f][0-9a-f]/" + "[0-9a-f]" * 62
_DIGEST = r"sha256:([0-9a-f]{64})"  # a text: to compile it takes milliseconds that most runs do not need


@contextmanager
def add_contents(objects: Path) -> Iterator[None]:
    """For the block nothing is removed from the folder ``objects``."""
    descriptor = file_lock.hold(objects / _LOCK, shared=True)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def keep_content(objects: Path, data: bytes) -> Content:
    """Store ``data`` in the folder ``objects``, unless it is already there."""
    content = Content(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))
    if not (is_kept(objects, content) and _place_of(objects, content.digest).read_bytes() == data):
        durable.write_file(_place_of(objects, content.digest), data, staging=objects)
    return content


def is_kept(objects: Path, content: Content) -> bool:
    """Return whether it is in the folder with the right size."""
    try:
        name = _to_hex(content.digest)
        return os.lstat(f"{objects}/{name[:2]}/{name[2:]}").st_size == content.size
    except OSError:
        return False


def upload_contents(tracking: Tracking, run_id: str, objects: Path) -> None:
    """Upload the folder ``objects`` to a run in a remote store, unless it was uploaded before.

    Raises:
        TrackingError: the store refused it.
    """
    if not objects.exists():
        return
    files = sorted(objects.glob(_OBJECTS))
    sent = objects / _SENT
    listed = "".join(f"{file.parent.name}{file.name}\n" for file in files)
    if not files or (sent.exists() and sent.read_text() == listed):
        return
    import tarfile

    with scratch() as folder:
        archive = Path(folder) / "objects.tar"
        with tarfile.open(archive, "w") as tar:
            for file in files:
                tar.add(file, f"{file.parent.name}{file.name}")
        tracking.upload_artifact(run_id, archive, ARTIFACT)
    durable.write_note(sent, listed)


def open_content(tracking: Tracking, run_id: str, digest: str) -> IO[bytes]:
    """Open the content with that digest, verified.

    Raises:
        TrackingError: it is missing, or was changed.
    """
    fault = "is not in the store"
    for objects in _folders_of(tracking, run_id, digest):
        try:
            stream = _place_of(objects, digest).open("rb")
        except FileNotFoundError:
            continue
        if hashlib.file_digest(stream, "sha256").hexdigest() == _to_hex(digest):
            stream.seek(0)
            return stream
        fault = "is damaged"
        log.warning("%s is damaged", _place_of(objects, digest))
        _remove_damaged(_place_of(objects, digest), stream)
        stream.close()
    raise TrackingError(
        f"the content {digest} of run {run_id} {fault}", code="RESOURCE_DOES_NOT_EXIST", hint=ELSEWHERE
    )


def find_missing(tracking: Tracking, run_id: str, contents: Iterable[Content]) -> tuple[Content, ...]:
    """Return the missing contents; only sizes are checked."""
    return tuple(
        content
        for content in contents
        if not any(is_kept(objects, content) for objects in _folders_of(tracking, run_id, content.digest))
    )


def sweep_contents(
    objects: Path, records: Callable[[], Iterable[str]], *, dry_run: bool
) -> tuple[int, int]:
    """Remove contents that none of the ``records`` (texts of ``run.json``) uses; return the files and
    bytes.

    They are read while no contents are added. Every digest in a text counts, so that records of newer
    versions work too.
    """
    if not objects.is_dir():
        return 0, 0
    with _lock_contents(objects, dry_run):
        named = {digest for text in records() for digest in re.findall(_DIGEST, text)}
        doomed = [path for path in objects.glob(_OBJECTS) if path.parent.name + path.name not in named]
        size = sum(path.stat().st_size for path in doomed)
        if not dry_run:
            for path in doomed:
                path.unlink()
            for note in objects.glob("commits/*"):
                if not named.issuperset(re.findall(_DIGEST, note.read_text())):
                    note.unlink()
    return len(doomed), size


def _lock_contents(objects: Path, dry_run: bool) -> AbstractContextManager[None]:
    """Keep others from adding, which on a read-only disk they cannot."""
    if dry_run and not os.access(objects, os.W_OK):
        return nullcontext()
    return file_lock.exclusive(objects / _LOCK, "runs that are being opened")


def _folders_of(tracking: Tracking, run_id: str, digest: str) -> Iterator[Path]:
    """Yield where the content may be, nearest first; the run's own contents are only downloaded if
    needed.
    """
    store = store_folder(tracking)
    if store is not None:
        yield store / FOLDER
    fetched = paths.cache_dir() / "objects-v1"
    yield fetched
    if not _place_of(fetched, digest).exists() and _fetch_contents(tracking, run_id, fetched):
        yield fetched


def _fetch_contents(tracking: Tracking, run_id: str, objects: Path) -> bool:
    """Bring the contents that a run has as an artifact; whether it has."""
    import tarfile

    with scratch() as folder:
        archive = Path(folder) / "objects.tar"
        try:
            tracking.download_artifact(run_id, ARTIFACT, archive)
        except TrackingError as error:
            if error.code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise
        with tarfile.open(archive) as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isreg() and not member.issparse() else None
                if stream is not None:
                    keep_content(objects, stream.read())  # by its digest, not by its name in the archive
    return True


def _remove_damaged(place: Path, read: IO[bytes]) -> None:
    """Remove a file, unless it was replaced: while it exists, no run stores it again."""
    with suppress(OSError):
        if os.path.samestat(os.fstat(read.fileno()), place.stat()):
            place.unlink()


def _place_of(objects: Path, digest: str) -> Path:
    name = _to_hex(digest)
    return objects / name[:2] / name[2:]


def _to_hex(digest: str) -> str:
    found = re.fullmatch(_DIGEST, digest)
    if found is None:
        raise TrackingError(f'"{digest}" is not a digest', code="INVALID_STATE")
    return found[1]
