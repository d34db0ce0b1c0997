"""``path`` parameters: a local file stays where it is, a remote one is fetched once per content.

Downloads are in ``<storage>/<digest>/<name>``, created by temp + rename and read-only, so that no run can
change the input of another.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote, urlsplit

from reprise import durable, file_lock, paths
from reprise.errors import SourceError, TrackingError, UsageError
from reprise.redact import redact
from reprise.runner.record import digests

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_OF_THE_STORE = ("runs", "models", "mlflow-artifacts")

Fetch: TypeAlias = Callable[[str, Path], None]
"""Bring what a URI names to a path that does not exist yet."""


def localise_input(
    value: str, base: Path, storage: Path | None, tracking: Tracking, *, offline: bool = False
) -> Path:
    """The absolute local path of a ``path`` parameter's value.

    Args:
        base: what a relative path refers to.
        storage: where downloads go; None for the cache.
        offline: remote files are those from the last download.

    Raises:
        UsageError: the file does not exist, or cannot be downloaded.
    """
    if not value:
        raise UsageError("the path is empty")
    try:
        scheme = urlsplit(value).scheme.lower() if "://" in value or _is_single_colon_uri(value) else ""
        if scheme in ("", "file"):
            return _find_existing(value, base, scheme)
        started = time.monotonic()
        kept_in = storage or paths.cache_dir() / "inputs-v1"
        if offline and scheme not in _OF_THE_STORE:
            return _find_fetched(value, kept_in)
        found = _store_input(value, kept_in, _choose_fetch(scheme, tracking))
    except (SourceError, TrackingError) as error:
        raise UsageError(f"cannot fetch {redact(value)}: {error.message}", hint=error.hint) from error
    except (OSError, ValueError, RuntimeError) as error:  # what the system or the text itself forbids
        raise UsageError(f'"{redact(value)}" cannot be used: {error}') from error
    log.info("Fetched %s in %.1f s", redact(value), time.monotonic() - started)
    return found


def _is_single_colon_uri(value: str) -> bool:
    """``runs:/...``, ``models:/...`` and ``file:x``; not a file name with a colon in it."""
    return value.partition(":")[0] in {"runs", "models", "mlflow-artifacts", "file"}


def _find_existing(value: str, base: Path, scheme: str) -> Path:
    name = value
    if scheme:
        parts = urlsplit(value)
        if parts.netloc not in ("", "localhost"):
            raise UsageError(f'"{value}" is a file on another machine', hint="write file:///path")
        name = unquote(parts.path)
    path = Path(os.path.normpath(base / Path(name).expanduser()))
    if not path.exists():
        raise UsageError(f'there is no file or folder "{value}" (looked for {path})')
    return path


def _choose_fetch(scheme: str, tracking: Tracking) -> Fetch:
    if scheme in ("http", "https"):
        from reprise.runner.sources.downloads import download_file

        return download_file
    if scheme == "runs":
        return lambda uri, target: _fetch_run_artifact(uri, target, tracking)
    if scheme == "models":
        return lambda uri, target: _fetch_model(uri, target, tracking)
    return _fetch_by_fsspec


def _store_input(uri: str, storage: Path, fetch: Fetch) -> Path:
    """Fetch ``uri`` and file it by its content's digest."""
    durable.make_folders(storage)
    with file_lock.arriving_folder(storage, mode=0o700) as arriving:
        name = _file_name(uri)
        fetch(uri, arriving / name)
        _make_read_only(arriving / name)
        home = storage / _folder_of(arriving / name)
        if (home / name).exists() and not _is_whole(home / name):
            log.warning("%s was changed since the download: it is replaced", home / name)
            _remove_stored(home / name)
        if not home.exists():
            try:
                durable.publish(arriving, home)
            except OSError:  # another process filed the same content first
                if not home.exists():
                    raise
        if not (home / name).exists():  # the same content under another name
            durable.publish(arriving / name, home / name)
        durable.write_note(_note_of(uri, storage), f"{home.name}/{name}\n")
        return home / name


def _folder_of(fetched: Path) -> str:
    """The folder of the storage that a file or folder belongs into, by its content."""
    return digests.of_path(fetched).sha256[:32]


def _is_whole(stored: Path) -> bool:
    """Return whether the file in the storage is unchanged."""
    try:
        return _folder_of(stored) == stored.parent.name
    except OSError:
        return False


def _remove_stored(stored: Path) -> None:
    if stored.is_dir() and not stored.is_symlink():
        shutil.rmtree(stored)
    else:
        stored.unlink()


def _note_of(uri: str, storage: Path) -> Path:
    """The file that says what a URI brought the last time; the URI itself may hold secrets."""
    return storage / ".uris" / hashlib.sha256(uri.encode()).hexdigest()[:32]


def _find_fetched(uri: str, storage: Path) -> Path:
    """What ``uri`` brought the last time, looked for without any network."""
    try:
        found = storage / _note_of(uri, storage).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        found = storage
    if found == storage or not found.exists():
        hint = "run once without --offline"
        raise UsageError(
            f"{redact(uri)} is not in {storage}, and --offline does not allow downloads", hint=hint
        )
    if not _is_whole(found):
        raise UsageError(
            f"{found} was changed since the download, and --offline does not allow downloads",
            hint="run once without --offline",
        )
    log.info("Offline: %s is as fetched before", redact(uri))
    return found


def _file_name(uri: str) -> str:
    """The last part of the URI's path, as one component of a local path."""
    name = PurePosixPath(unquote(urlsplit(uri).path)).name
    return "input" if name in ("", ".", "..") or "\0" in name or "/" in name else name[-200:]


def _make_read_only(path: Path) -> None:
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.is_file():
            file.chmod(0o444)


def _fetch_run_artifact(uri: str, target: Path, tracking: Tracking) -> None:
    run_id, _, path = urlsplit(uri).path.lstrip("/").partition("/")
    if not run_id or not path:
        raise UsageError(f'"{uri}" is not an artifact', hint="write runs:/RUN_ID/path/of/artifact")
    tracking.download_artifact(run_id, unquote(path).strip("/"), target)


def _fetch_model(uri: str, target: Path, tracking: Tracking) -> None:
    name, _, rest = unquote(urlsplit(uri).path).lstrip("/").partition("/")
    name, _, alias = name.partition("@")
    selector, _, inside = (f"@{alias}", "", rest) if alias else rest.partition("/")
    owner, path = tracking.model_location(name, selector)
    tracking.download_artifact(owner, f"{path}/{inside}".strip("/"), target)


def _fetch_by_fsspec(uri: str, target: Path) -> None:
    scheme = urlsplit(uri).scheme
    try:
        fsspec: Any = __import__("fsspec")
        filesystem, path = fsspec.core.url_to_fs(uri)
    except ImportError as error:
        raise UsageError(
            f"cannot fetch {redact(uri)}: no library for {scheme}:// is installed ({error})",
            hint="install fsspec and the library of that protocol next to reprise (s3fs, "
            "gcsfs, adlfs, ...)",
        ) from None
    except ValueError as error:
        raise UsageError(f"cannot fetch {redact(uri)}: {error}") from None
    try:
        filesystem.get(path, str(target), recursive=filesystem.isdir(path))
    except Exception as error:  # each protocol's library has errors of its own
        raise UsageError(f"cannot fetch {redact(uri)}: {type(error).__name__}: {error}") from error
