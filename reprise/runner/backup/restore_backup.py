"""Make a store of a backup: it gets its place when every file of it has the digest that it should."""

from __future__ import annotations

import shutil
import tarfile
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from reprise import durable, file_lock, paths
from reprise.disk import reason_of
from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.backup.layout import (
    ARTIFACTS,
    DATABASE,
    MANIFEST,
    BackupEntry,
    BackupManifest,
    Digested,
    is_member,
)
from reprise.runner.jobs.lease import job_folders, job_lives
from reprise.tracking.sqlite.maintenance.snapshots import is_open_elsewhere, settle_copy

_LARGEST_MANIFEST = 1 << 30


class RestoredStore(NamedTuple):
    """A restored store; ``aside`` is the new place of the previous store."""

    manifest: BackupManifest
    aside: Path | None


def restore_backup(
    file: Path, directory: Path, *, replace: bool, say: Callable[[str], None] = lambda _: None
) -> RestoredStore:
    """Make the store ``directory`` of the backup ``file``.

    Args:
        replace: whether a store that is there is moved aside.

    Raises:
        UsageError: the backup is not whole, or the place is taken.
    """
    if not replace and directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(
            f"{directory} is not empty",
            hint="use --tracking-uri to select another folder, or --replace to move the "
            "existing store aside",
        )
    if replace and directory.exists():
        refuse_in_use(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with file_lock.arriving_folder(directory.parent, 0o700) as made:
        store = made / "store"
        store.mkdir(mode=0o700)
        manifest = unpack_backup(file, store, say)
        _settle_store(store)
        aside = None
        if directory.exists() and any(directory.iterdir()):
            refuse_in_use(directory)
            aside = directory.with_name(f"{directory.name}.replaced-{time.strftime('%Y%m%d-%H%M%S')}")
            durable.move_folder(directory, aside)
        elif directory.exists():
            directory.rmdir()
        durable.publish(store, directory)
    return RestoredStore(manifest, aside)


def unpack_backup(file: Path, folder: Path | None, say: Callable[[str], None]) -> BackupManifest:
    """Unpack a backup into ``folder``, or only read it (None), and verify it against its manifest.

    Raises:
        UsageError: it is not a backup, or not complete.
    """
    found: dict[str, BackupEntry] = {}
    manifest = None
    try:
        with tarfile.open(file, "r|*") as tar:
            for member in tar:
                if not member.isreg() or not is_member(member.name) or member.name in found:
                    raise UsageError(
                        f'{file} is not a backup of a store: it contains "{member.name[:200]}"'
                    )
                stream = tar.extractfile(member)
                assert stream is not None
                if member.name == MANIFEST and member.size <= _LARGEST_MANIFEST:
                    manifest = BackupManifest.read(stream.read())
                    continue
                found[member.name] = _unpack_stream(Digested(stream), folder and folder / member.name)  # type: ignore[arg-type]
                say(f"Read {len(found):,} files")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UsageError(f"{file} is not a complete backup: {error}", hint="use another backup") from error
    except OSError as error:
        raise UsageError(f"cannot restore {file}: {reason_of(error, file)}") from error
    if manifest is None or DATABASE not in found:
        raise UsageError(f"{file} is not a complete backup: its end is missing", hint="use another backup")
    _compare_entries(file, found, manifest.files)
    return manifest


def refuse_in_use(directory: Path) -> None:
    """Raises UsageError when a process has the store open, or performs a run of it."""
    jobs = directory / "jobs"
    is_used = any(job_lives(jobs, folder.name) for folder in job_folders(jobs))
    database = directory / DATABASE
    is_used = is_used or (database.exists() and is_open_elsewhere(database))
    if is_used:
        raise UsageError(f"the store {directory} is in use", hint="stop its server and its runs first")


def _unpack_stream(stream: Digested, target: Path | None) -> BackupEntry:
    if target is None:
        while stream.read(1 << 20):
            pass
        return stream.entry
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with target.open("xb") as out:
        shutil.copyfileobj(stream, out, 1 << 20)
    return stream.entry


def _compare_entries(
    file: Path, found: Mapping[str, BackupEntry], wanted: Mapping[str, BackupEntry]
) -> None:
    for path in sorted(found.keys() | wanted.keys()):
        if found.get(path) != wanted.get(path):
            what = "is missing" if path not in found else "was changed after the backup"
            raise UsageError(f'{file} is damaged: "{path}" {what}', hint="use another backup")


def _settle_store(store: Path) -> None:
    """Finish a restored store: its files are in its own folder now, wherever they were."""
    paths.make_private(store / ARTIFACTS)
    (store / ".gitignore").write_text("*\n")
    settle_copy(store / DATABASE)
