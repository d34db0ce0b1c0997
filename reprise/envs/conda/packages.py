"""Package files: fetched, checked by us against the lock, and known whole in the cache.

rattler verifies downloads, but neither packages in a ``file://`` channel nor unpacked files; environments
link to the unpacked files, so a script that writes to its own environment damages them for all. Here every
archive is verified against the lock before it is unpacked, and every unpacked file against its package
before it is linked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reprise.envs.conda import channels, rattler
from reprise.envs.conda import records as conda_records
from reprise.envs.conda.credentials import restore_secrets
from reprise.envs.conda.records import CondaRecord
from reprise.errors import EnvError
from reprise.progress import bar
from reprise.redact import redact
from reprise.schemas.environment import Credentials

if TYPE_CHECKING:
    from rattler import Client, PackageCache

logger = logging.getLogger(__name__)

_AT_ONCE = 8
_ALGORITHMS = ("sha256", "md5")


async def provide_archives(
    records: Iterable[CondaRecord],
    cache: PackageCache,
    client: Client,
    credentials: Credentials,
    downloads: Path,
    *,
    offline: bool,
    folder_of_archives: Path | None = None,
) -> dict[CondaRecord, Path]:
    """An archive that is what the lock says for each of ``records`` that ``cache`` does not hold whole.

    Args:
        downloads: the folder for archives that are not on this machine.
        folder_of_archives: what :func:`collect_archives` filled; then archives come from there alone.

    Raises:
        EnvError: names the package and file that is not available, or does not match the lock.
    """
    unpacked = await cache.index()
    known = [record for record in records if unpacked.contains_record(conda_records.to_rattler(record))]
    folder = rattler.cache_folder("pkgs")
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        faults = dict(
            zip(known, threads.map(lambda record: _find_fault(record, folder), known), strict=True)
        )
    for record, fault in faults.items():
        if fault:
            logger.warning("%s in the cache was changed: %s; unpacking it again", record.shown, fault)
            _forget_archive(record, folder)
            known.remove(record)
    missing = [record for record in records if record not in known]
    if folder_of_archives is not None:
        return _from_folder(missing, folder_of_archives)
    remote = [record for record in missing if not record.url.startswith("file:")]
    if offline and remote:
        raise EnvError(
            f"{', '.join(record.shown for record in remote)} "
            f"{'is' if len(remote) == 1 else 'are'} not in the cache, and --offline does not "
            "allow downloads",
            hint="run it once without --offline",
        )
    archives = {record: _local_path(record) for record in missing if record not in remote}
    for record, path in archives.items():
        _check_archive(record, path)
    return archives | await _fetch_archives(remote, client, credentials, downloads)


def collect_archives(
    records: Iterable[CondaRecord], credentials: Credentials, folder: Path, *, offline: bool
) -> None:
    """Put the archive of each of ``records``, checked, into ``folder``, as ``<subdir>/<file name>``.

    Raises:
        EnvError: names the package and file that is not available, or does not match the lock.
    """
    settings = channels.read_settings(os.environ)
    credentials = channels.with_settings(credentials, settings, folder)
    remote = [record for record in records if not record.url.startswith("file:")]
    if offline and remote:
        raise EnvError(
            f"the archives of {len(remote)} conda packages are not in the cache, and --offline "
            "does not allow downloads"
        )
    for record in records:
        (folder / record.subdir).mkdir(exist_ok=True)
        if record not in remote:
            _check_archive(record, _local_path(record))
            shutil.copyfile(_local_path(record), folder / record.subdir / record.file_name)
    if remote:
        client = rattler.make_client(settings)
        rattler.wait_for(_fetch_archives(remote, client, credentials, folder), settings)


def _from_folder(records: Iterable[CondaRecord], folder: Path) -> dict[CondaRecord, Path]:
    archives = {record: folder / record.subdir / record.file_name for record in records}
    for record, path in archives.items():
        if not path.is_file():
            raise EnvError(f"{record.shown} is not in {folder}, the only allowed source of packages")
        _check_archive(record, path)
    return archives


async def _fetch_archives(
    records: Sequence[CondaRecord], client: Client, credentials: Credentials, downloads: Path
) -> dict[CondaRecord, Path]:
    if not records:
        return {}
    sizes = [record.size for record in records]
    gate = asyncio.Semaphore(_AT_ONCE)
    with bar(f"Downloading {len(records)} conda packages", sum(sizes) if all(sizes) else None) as advance:

        async def fetch_one(record: CondaRecord) -> Path:
            async with gate:
                url = restore_secrets(record.url, credentials)
                return await _download_archive(record, url, client, downloads, advance)

        tasks = [asyncio.ensure_future(fetch_one(record)) for record in records]
        try:
            paths = await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
    return dict(zip(records, paths, strict=True))


class _Download:
    """A file that rattler writes to, and a progress bar that hears of it."""

    def __init__(self, path: Path, advance: Callable[[float], None]) -> None:
        self._file = path.open("wb")
        self._advance = advance

    def write(self, data: bytes) -> int:
        self._advance(len(data))
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()


async def _download_archive(
    record: CondaRecord, url: str, client: Client, downloads: Path, advance: Callable[[float], None]
) -> Path:
    from rattler.package_streaming import download_to_writer

    path = downloads / record.subdir / record.file_name
    path.parent.mkdir(exist_ok=True)
    writer = _Download(path, advance)
    try:
        await download_to_writer(client, url, writer)
    except RuntimeError as error:
        raise EnvError(
            f"cannot download {record.shown} from {redact(record.url)}: {channels.explain_plainly(error)}",
            hint="is the channel reachable? If the package was removed from it, update the lock",
        ) from error
    finally:
        writer.close()
    _check_archive(record, path)
    return path


def _local_path(record: CondaRecord) -> Path:
    path = Path(unquote(urlsplit(record.url).path))
    if not path.is_file():
        raise EnvError(f"{record.shown} is no longer in its channel: there is no {path}")
    return path


def _check_archive(record: CondaRecord, path: Path) -> None:
    """Raise EnvError for an archive that does not match the lock."""
    for algorithm in _ALGORITHMS:
        expected: str = getattr(record, algorithm)
        if not expected:
            continue
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
        if found != expected:
            raise EnvError(
                f"{record.shown} does not match the lock: {redact(record.url)} "
                f"has {algorithm} {found}, the lock says {expected}",
                hint="the file was replaced; accept the new file with reprise lock --upgrade "
                "once you know why",
            )
        return
    raise EnvError(
        f"the lock has no hash for {record.shown}, so it cannot be checked",
        hint="create a lock with hashes with reprise lock",
    )


def _find_fault(record: CondaRecord, folder: Path) -> str | None:
    """The first file of an unpacked package that is not what its package says, or None."""
    root = folder / f"{record.name}-{record.version}-{record.build}"
    try:
        said = json.loads((root / "info" / "paths.json").read_bytes())["paths"]
    except FileNotFoundError:
        return None if (root / "info" / "files").is_file() else "its list of files was removed"
    except (OSError, ValueError, KeyError):
        return "its list of files cannot be read"
    for entry in said:
        path = root / entry["_path"]
        if entry.get("path_type") == "softlink" or path.is_symlink():
            wrong = None if path.is_symlink() or path.exists() else "was removed"
        else:
            wrong = _find_wrong(path, entry.get("size_in_bytes"), entry.get("sha256"))
        if wrong:
            return f"{entry['_path']} {wrong}"
    return None


def _find_wrong(path: Path, size: int | None, sha256: str | None) -> str | None:
    try:
        if path.is_dir():
            return None
        with path.open("rb") as file:
            if size is not None and os.fstat(file.fileno()).st_size != size:
                return "has another size"
            if sha256 and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return "has another content"
    except OSError:
        return "was removed"
    return None


def _forget_archive(record: CondaRecord, folder: Path) -> None:
    name = f"{record.name}-{record.version}-{record.build}"
    (folder / f"{name}.lock").unlink(missing_ok=True)
    shutil.rmtree(folder / name, ignore_errors=True)
