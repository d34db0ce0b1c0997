"""Artifacts in a store that fsspec reaches: S3 and its like."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reprise.errors import TrackingError
from reprise.redact import redact
from reprise.tracking.protocols.copying import SourceFile


def cloud_files(uri: str) -> list[SourceFile]:
    """All below ``uri``; none where there is nothing."""
    with _plain_errors(uri):
        opened, inside = _open_uri(uri)
        return [
            SourceFile(name.removeprefix(inside).strip("/"), about.get("size"))
            for name, about in opened.find(inside, detail=True).items()
        ]


def fetch_cloud_file(uri: str, path: str, destination: Path) -> None:
    with _plain_errors(uri):
        opened, inside = _open_uri(uri)
        opened.get_file(f"{inside}/{path}", str(destination))


def _open_uri(uri: str) -> tuple[Any, str]:
    import fsspec  # type: ignore[import-untyped,import-not-found,unused-ignore]

    opened, inside = fsspec.core.url_to_fs(uri)
    return opened, str(inside).rstrip("/")


@contextmanager
def _plain_errors(uri: str) -> Iterator[None]:
    """Each kind of store has errors of its own."""
    try:
        yield
    except Exception as error:
        raise TrackingError(
            f"cannot be read here: {redact(str(error)) or type(error).__name__}",
            hint=f'install what fsspec needs for "{urlsplit(uri).scheme}:"; --no-artifacts goes without',
        ) from error
