"""Parse artifact URIs of MLflow: the owner of the files, and the root above them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from reprise.named_tuple import NamedTuple

PROXY = "mlflow-artifacts"
_HERE = {"", "file", PROXY}
_DRIVE = re.compile(r"/?[A-Za-z]:[/\\]")
_OWNER = re.compile(r"(?:^|/)(m-[\w\-]+|[a-zA-Z0-9][\w\-]*)/artifacts(?:/(.*))?$")


class ArtifactLocation(NamedTuple):
    """``path`` is that of the URI with ``/`` between its parts, which end with (owner, ``artifacts``).

    ``root`` is the part above the folders of experiments, as known to users.
    """

    uri: str
    path: PurePosixPath
    root: str

    @property
    def depth(self) -> int:
        """How many folders lead from the root to the files."""
        return _depth(self.path)

    @property
    def is_cloud(self) -> bool:
        """Whether only fsspec may reach it."""
        return scheme_of(self.uri) not in _HERE

    @property
    def local(self) -> Path | None:
        """The folder on this machine that is meant; None for one of Windows, or of a server."""
        if self.is_cloud or scheme_of(self.uri) == PROXY or _DRIVE.match(str(self.path)):
            return None
        return Path(self.path)


def read_location(uri: str, owner: str) -> ArtifactLocation | None:
    """Where the artifacts of ``owner`` are said to be; None where MLflow would not keep them."""
    text = _path(uri)
    path = PurePosixPath(text)
    if path.parts[-2:] != (owner, "artifacts") or ".." in path.parts:
        return None
    above = path.parents[_depth(path) - 1]
    prefix = uri[: uri.index(":") + 1] if scheme_of(uri) not in {"", "file"} else ""
    host = urlsplit(uri).netloc if prefix else ""
    root = f"{prefix}//{host}{above}".rstrip("/") if host else f"{prefix}{above}"
    return ArtifactLocation(uri, path, root)


def place_of(uri: str) -> tuple[str, str] | None:
    """The run or logged model whose files ``uri`` means, and the path below its root."""
    found = _OWNER.search(_path(uri))
    return (found[1], (found[2] or "").strip("/")) if found else None


def scheme_of(uri: str) -> str:
    """The scheme of a URI; a drive of Windows is none."""
    return "" if _DRIVE.match(uri) else urlsplit(uri).scheme


def _depth(path: PurePosixPath) -> int:
    depth = 4 if path.parts[-3:-2] in {("models",), ("traces",)} else 3
    return min(depth, len(path.parents))


def _path(uri: str) -> str:
    if scheme_of(uri):
        parts = urlsplit(uri)
        text = unquote(parts.path)
        if parts.scheme == "file" and parts.netloc not in {"", "localhost"}:
            text = f"{parts.netloc}{text}"  # file://./mlruns, a slip that MLflow takes
    else:
        text = uri
    return text.replace("\\", "/") if _DRIVE.match(text) or "/" not in text else text
