"""``path`` parameters: a local file stays where it is, a remote one is fetched once per content.

What is fetched lies under ``<storage>/<digest>/<name>``, made by temp + rename and read-only, so that
no run can change the input of another.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from reprise import paths
from reprise.errors import TrackingError, UsageError
from reprise.redact import redact
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

Fetch: TypeAlias = Callable[[str, Path], None]
"""Bring what a URI names to a path that does not exist yet."""


def localise(value: str, base: Path, storage: Path | None, tracking: Tracking) -> Path:
    """The absolute local path of a ``path`` parameter's value.

    Args:
        base: what a relative path refers to.
        storage: where downloads go; None for the cache.

    Raises:
        UsageError: there is no such file, or it cannot be fetched.
    """
    scheme = urlsplit(value).scheme.lower() if "://" in value or _is_single_colon_uri(value) else ""
    if scheme in ("", "file"):
        return _existing(value, base, scheme)
    started = time.monotonic()
    found = _stored(value, storage or paths.cache_dir() / "inputs-v1", _fetcher(scheme, tracking))
    log.info("Fetched %s in %.1f s", redact(value), time.monotonic() - started)
    return found


def _is_single_colon_uri(value: str) -> bool:
    """``runs:/...``, ``models:/...`` and ``file:x``; not a file name with a colon in it."""
    return value.partition(":")[0] in {"runs", "models", "mlflow-artifacts", "file"}


def _existing(value: str, base: Path, scheme: str) -> Path:
    name = value
    if scheme:
        parts = urlsplit(value)
        if parts.netloc not in ("", "localhost"):
            raise UsageError(f'"{value}" names a file of another machine', hint="write file:///path")
        name = unquote(parts.path)
    path = Path(os.path.normpath(base / Path(name).expanduser()))
    if not path.exists():
        raise UsageError(f'there is no file or folder "{value}" (looked for {path})')
    return path


def _fetcher(scheme: str, tracking: Tracking) -> Fetch:
    if scheme in ("http", "https"):
        return _download
    if scheme == "runs":
        return lambda uri, target: _fetch_run_artifact(uri, target, tracking)
    if scheme == "models":
        return lambda uri, target: _fetch_model(uri, target, tracking)
    return _fetch_by_fsspec


def _stored(uri: str, storage: Path, fetch: Fetch) -> Path:
    """Fetch ``uri`` and file it by its content's digest."""
    import tempfile

    storage.mkdir(parents=True, exist_ok=True)
    arriving = Path(tempfile.mkdtemp(prefix=".arriving-", dir=storage))
    try:
        name = PurePosixPath(unquote(urlsplit(uri).path)).name or "input"
        fetch(uri, arriving / name)
        home = storage / _digest(arriving / name)[:32]
        if not home.exists():
            _make_read_only(arriving / name)
            try:
                arriving.rename(home)
            except OSError:  # another process filed the same content first
                if not home.exists():
                    raise
        if not (home / name).exists():  # the same content under another name
            shutil.move(arriving / name, home / name)
        return home / name
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents below a folder."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file in sorted(found for found in path.rglob("*") if found.is_file()):
        whole.update(f"{file.relative_to(path).as_posix()}\0{_digest(file)}\n".encode())
    return whole.hexdigest()


def _make_read_only(path: Path) -> None:
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.is_file():
            file.chmod(0o444)


def _download(uri: str, target: Path) -> None:
    import httpx

    from reprise import progress

    try:
        with httpx.stream("GET", uri, follow_redirects=True, timeout=60) as response:
            response.raise_for_status()
            size = response.headers.get("content-length")
            with (
                progress.bar(target.name, float(size) if size else None) as advance,
                target.open("wb") as out,
            ):
                for chunk in response.iter_bytes():
                    out.write(chunk)
                    advance(len(chunk))
    except httpx.HTTPStatusError as error:
        status = f"{error.response.status_code} {error.response.reason_phrase}"
        raise UsageError(f"cannot fetch {redact(uri)}: {status}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UsageError(f"cannot fetch {redact(uri)}: {error}") from None


def _fetch_run_artifact(uri: str, target: Path, tracking: Tracking) -> None:
    run_id, _, path = urlsplit(uri).path.lstrip("/").partition("/")
    if not run_id or not path:
        raise UsageError(f'"{uri}" names no artifact', hint="write runs:/RUN_ID/path/of/artifact")
    _fetch_artifact(uri, run_id, unquote(path).strip("/"), target, tracking)


def _fetch_model(uri: str, target: Path, tracking: Tracking) -> None:
    name, _, rest = unquote(urlsplit(uri).path).lstrip("/").partition("/")
    name, _, alias = name.partition("@")
    selector, _, inside = (f"@{alias}", "", rest) if alias else rest.partition("/")
    try:
        run_id, path = tracking.model_location(name, selector)
    except TrackingError as error:
        raise UsageError(f"cannot fetch {uri}: {error.message}", hint=error.hint) from error
    _fetch_artifact(uri, run_id, f"{path}/{inside}".strip("/"), target, tracking)


def _fetch_artifact(uri: str, run_id: str, path: str, target: Path, tracking: Tracking) -> None:
    try:
        tracking.download_artifact(run_id, path, target)
    except TrackingError as error:
        raise UsageError(f"cannot fetch {uri}: {error.message}", hint=error.hint) from error


def _fetch_by_fsspec(uri: str, target: Path) -> None:
    scheme = urlsplit(uri).scheme
    try:
        fsspec: Any = __import__("fsspec")
        filesystem, path = fsspec.core.url_to_fs(uri)
    except ImportError as error:
        raise UsageError(
            f"cannot fetch {redact(uri)}: no library for {scheme}:// is installed ({error})",
            hint="install fsspec and the library of that protocol beside reprise (s3fs, gcsfs, adlfs, ...)",
        ) from None
    except ValueError as error:
        raise UsageError(f"cannot fetch {redact(uri)}: {error}") from None
    try:
        filesystem.get(path, str(target), recursive=filesystem.isdir(path))
    except Exception as error:  # each protocol's library has errors of its own
        raise UsageError(f"cannot fetch {redact(uri)}: {type(error).__name__}: {error}") from error
