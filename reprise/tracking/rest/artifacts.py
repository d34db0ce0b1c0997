"""Where an artifact URI of a tracking server leads: its proxy, a folder of this machine, a cloud store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from reprise import disk, durable, progress
from reprise.errors import TrackingError
from reprise.tracking.rest.connection import RestConnection

_PROXY = "/api/2.0/mlflow-artifacts/artifacts"
_PIECE = 1 << 20
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class ArtifactPlace(Protocol):
    """Moves single files; ``path`` is relative to the place, with ``/``."""

    def fetch(self, path: str, destination: Path) -> None:
        """Write the file to ``destination``. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        ...

    def send(self, source: Path, path: str) -> None: ...


def place(connection: RestConnection, uri: str) -> ArtifactPlace:
    """The place that an artifact root ``uri`` names."""
    parts = urlsplit(uri)
    if parts.scheme == "mlflow-artifacts":
        server = connection.uri
        if parts.netloc:
            server = f"{urlsplit(connection.uri).scheme}://{parts.netloc}"
        return ProxyPlace(connection, f"{server}{_PROXY}/{quote(unquote(parts.path).strip('/'))}")
    if parts.scheme in {"http", "https"}:
        return ProxyPlace(connection, uri.rstrip("/"))
    if parts.scheme in {"", "file"}:
        return FolderPlace(_folder_of_this_machine(connection, parts.path, uri))
    return Cloud(uri.rstrip("/"))


class ProxyPlace:
    """Artifacts proxied by the server: ``mlflow-artifacts:`` URIs, and the corresponding HTTP URLs."""

    def __init__(self, connection: RestConnection, url: str) -> None:
        self._connection = connection
        self._url = url

    def fetch(self, path: str, destination: Path) -> None:
        with self._connection.reading(f"{self._url}/{quote(path)}") as response:
            size = response.headers.get("Content-Length")
            with (
                progress.bar(f"Downloading {path}", float(size) if size else None) as advance,
                destination.open("wb") as file,
            ):
                for piece in response.iter_bytes(_PIECE):
                    file.write(piece)
                    advance(len(piece))

    def send(self, source: Path, path: str) -> None:
        def content() -> Iterator[bytes]:
            with source.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece

        self._connection.put(f"{self._url}/{quote(path)}", content)


class FolderPlace:
    """A server on this machine that keeps artifacts in plain folders, which it does not pass on."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def fetch(self, path: str, destination: Path) -> None:
        file = self._root / path
        if not file.is_file():
            raise no_artifact(path)
        try:
            shutil.copyfile(file, destination)
        except OSError as error:
            raise TrackingError(f"The artifact {file} cannot be copied: {disk.reason_of(error)}") from error

    def send(self, source: Path, path: str) -> None:
        target = self._root / path
        try:
            with source.open("rb") as reader, durable.arriving(target) as writer:
                shutil.copyfileobj(reader, writer, _PIECE)
        except OSError as error:
            raise TrackingError(
                f"The artifact {target} cannot be written: {disk.reason_of(error)}"
            ) from error


class Cloud:
    """Any store that fsspec knows (``s3:``, ``gs:``, ...), with the user's own credentials for it."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def fetch(self, path: str, destination: Path) -> None:
        files, name = self._open(path)
        try:
            files.get_file(name, str(destination))
        except FileNotFoundError:
            raise no_artifact(path) from None
        except Exception as error:
            raise TrackingError(f"The artifact {self._uri}/{path} cannot be read: {error}") from error

    def send(self, source: Path, path: str) -> None:
        files, name = self._open(path)
        try:
            files.put_file(str(source), name)
        except Exception as error:
            raise TrackingError(f"The artifact {self._uri}/{path} cannot be written: {error}") from error

    def _open(self, path: str) -> tuple[Any, str]:
        scheme = urlsplit(self._uri).scheme
        try:
            import fsspec  # type: ignore[import-untyped,import-not-found,unused-ignore]

            opened: tuple[Any, str] = fsspec.core.url_to_fs(f"{self._uri}/{path}")
        except (ImportError, ValueError) as error:
            raise TrackingError(
                f"The server keeps this run's artifacts in {self._uri}, which cannot be read here: {error}",
                code="NOT_IMPLEMENTED",
                hint=f'install fsspec and what it needs for "{scheme}:", or start the server '
                "with --serve-artifacts",
            ) from error
        return opened


def _folder_of_this_machine(connection: RestConnection, path: str, uri: str) -> Path:
    folder = Path(unquote(path) if uri.startswith("file:") else path)
    if urlsplit(connection.uri).hostname not in _LOOPBACK and not folder.parent.is_dir():
        raise TrackingError(
            f"The server keeps this run's artifacts in {folder}, a folder of its own machine",
            code="NOT_IMPLEMENTED",
            hint="start the server with --serve-artifacts and an --artifacts-destination",
        )
    return folder


def no_artifact(path: str) -> TrackingError:
    return TrackingError(f'There is no artifact "{path}"', code="RESOURCE_DOES_NOT_EXIST")
